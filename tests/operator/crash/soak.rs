//! A soak: objects come, change and go, somebody edits at the cloud by hand, operators die, and both servers have their troubles,
//! all by the chance of one seed. When it is over and all is quiet, the world is right.
//!
//! `SOAK_SEED` repeats a course, `SOAK_MINUTES` and `SOAK_OBJECTS` make a long one.

mod model;

use std::{env, time::Duration};

use live_simulator::{Cloud, LoggedOperation};
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    faults::check_log,
    fixture::CrashFixture,
    print_line,
    scene::CrashScene,
    trouble::{API_SERVER, CLOUD, end},
};
use crate::support::{chance::Dice, operator::OperatorProcess};
use model::Model;

/// How long a soak lasts that nobody wants longer, and with how many objects.
const SHORT: (Duration, usize) = (Duration::from_secs(25), 24);

/// Within this the world is right when the troubles are over: pauses after failures, settle time, two sweeps, and the quota of all
/// objects of an account.
const QUIET: Duration = Duration::from_mins(3);

/// An update that was lost in the last moment is looked for when its settle time of 6 s is over, and made again where no look can tell what
/// key the row has. Twice that, and the world is not only right: nothing is due any more.
const SETTLED: Duration = Duration::from_secs(12);

/// The longest pause between two events, in milliseconds.
const PAUSE: usize = 200;

#[tokio::test]
async fn a_soak_ends_in_the_right_world() {
    let lasts = number("SOAK_MINUTES").map_or(SHORT.0, |minutes| Duration::from_secs(minutes * 60));
    let objects = number("SOAK_OBJECTS").map_or(SHORT.1, |objects| objects.try_into().unwrap());
    let mut chance = Dice::from_environment("SOAK_SEED");
    let mut fixture = CrashFixture::new(CrashScene::Create.settings(chance.below(2) == 0)).await;
    fixture.at_once = objects;
    let mut model = Model::new(objects, &fixture).await;
    let mut operators = Operators {
        running: operator(&fixture).await,
        restarts: 0,
    };
    let (over, mut until, mut troubles) = (Instant::now() + lasts, None, 0);
    while Instant::now() < over {
        if until.is_some_and(|until| Instant::now() >= until) {
            end(&fixture);
            until = None;
        }
        match chance.below(100) {
            0..3 => operators.replace(&fixture, chance.below(2) == 0).await,
            3..13 if until.is_none() => {
                let trouble = if chance.below(2) == 0 {
                    chance.pick(&API_SERVER)
                } else {
                    chance.pick(&CLOUD)
                };
                eprintln!("trouble: {}", trouble.name);
                (trouble.begin)(&fixture);
                troubles += 1;
                until = Some(Instant::now() + trouble.lasts.max(Duration::from_secs(1)));
            }
            _ => model.change(&mut chance, &fixture).await,
        }
        let pause = u64::try_from(chance.below(PAUSE)).unwrap();
        sleep(Duration::from_millis(pause)).await;
    }
    end(&fixture);
    let quiet = Instant::now();
    model.comes_true(&fixture, QUIET).await;
    let took = quiet.elapsed();
    sleep_until(quiet + SETTLED).await;
    stays_so(&fixture).await;
    model.judge(&fixture).await.unwrap();
    print_line(&format!(
        "soak: {lasts:?}, {}, {troubles} troubles, {} restarts; right {took:?} after the last; {} calls to the cloud, {} to the API server",
        model.describe(),
        operators.restarts,
        fixture.world.cloud.calls().len(),
        fixture.proxy.seen().len(),
    ));
    assert!(operators.running.terminate().await.success());
    check_log(&operators.running);
}

fn number(variable: &str) -> Option<u64> {
    let value = env::var(variable).ok()?;
    Some(value.parse().expect("a whole number"))
}

/// An operator that finds by itself within seconds what somebody did at the cloud.
async fn operator(fixture: &CrashFixture) -> OperatorProcess {
    fixture.operator_with(&["--resync-interval=5s"]).await
}

/// The one that runs, and how many ran before it.
struct Operators {
    running: OperatorProcess,
    restarts: usize,
}

impl Operators {
    /// One dies, or is asked to end, and another one starts.
    async fn replace(&mut self, fixture: &CrashFixture, dies: bool) {
        if dies {
            self.running.kill().await;
        } else {
            // Whether it ends well does not matter here: its calls may hang for longer than it has.
            self.running.terminate().await;
        }
        check_log(&self.running);
        // One that starts needs an API server.
        end(fixture);
        self.running = operator(fixture).await;
        self.restarts += 1;
    }
}

/// Two more sweeps of every account change nothing.
async fn stays_so(fixture: &CrashFixture) {
    let cloud = &fixture.world.cloud;
    let lists = |cloud: &Cloud| {
        let calls = cloud.calls();
        calls
            .iter()
            .filter(|call| call.operation == LoggedOperation::List)
            .count()
    };
    let (listed, changed) = (lists(cloud), cloud.mutations().len());
    let enough = |cloud: &Cloud| lists(cloud) >= listed + 2 * model::KEYS.len();
    cloud
        .wait_for("two more sweeps", QUIET, enough)
        .await
        .unwrap();
    assert_eq!(cloud.mutations().len(), changed);
}
