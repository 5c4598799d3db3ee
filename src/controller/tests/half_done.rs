//! What is seen late, never, or only half: each change of the table, and what happens at the cloud, with one disturbance on the way.
//! In the end the cloud is as declared, by one callback.
//!
//! `HALF_DONE_CHANGES` says of how many changes one is made, `HALF_DONE_SHARE` of how many disturbances one is tried; 1 is all. They
//! go before `TEST_EXTENT`.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use http::Method;
use live_simulator::RowPatch;

use super::object::{domain, key, verdict};
use super::server::WatchDelivery;
use super::transitions::states::{Sky, StartState, reach_under};
use super::transitions::table::{self, Spot, TransitionStep};
use super::transitions::{is_as_declared, report};
use super::trouble::{
    CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, TroubledAnswer, Verb,
};
use super::world::ControllerWorld;
use crate::fuzz::{extent, print_extent};

/// The longest that anything may take: two sweeps, a backoff.
const LATER: Duration = Duration::from_mins(25);
/// For so long it has to stay as declared: a Secret is read once a minute, and whoever died begins anew.
const STAYS: Duration = Duration::from_mins(2);

/// Of how many changes one is made, where few are.
const FEW_CHANGES: usize = 13;
const FEW_DISTURBANCES: usize = 24;
const USUAL_SHARE: usize = 4;
/// From the other states, of how many changes one is made and of how many disturbances one is tried, unless all are.
const OF_OTHERS: usize = 7;
const SHARE_OF_OTHERS: usize = 24;
/// The states beside the settled one. Each ends in the middle.
const OTHERS: [StartState; 4] = [
    StartState::Suspended,
    StartState::Observed,
    StartState::WaitingForQuota,
    StartState::Conflict,
];
/// So long such a state lasts after the change.
const LASTS: Duration = Duration::from_mins(2);
/// How finely it is looked.
const STEP: Duration = Duration::from_secs(5);

/// What changes.
#[derive(Debug, Clone)]
enum Happening {
    Step(TransitionStep),
    Created,
    Deleted,
    Drifted,
    Removed,
}

/// What is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    /// Its event is never delivered.
    Unobserved,
    /// Events come 5 s late.
    Stale,
    /// The change is taken back before it is seen.
    TakenBack,
    /// The call of this number at the API server fails in this way.
    Fails(usize, u8),
    /// The write of this number among the effects is undone before it is stored.
    Undone(usize),
    /// The process ends before or after the effect of this number.
    Ends(usize, bool),
}

/// Counts calls from when it is armed, and disturbs one.
#[derive(Default)]
struct Counter {
    /// What is in the way all the same.
    sky: Arc<Sky>,
    calls: AtomicUsize,
    effects: AtomicUsize,
    disturbance: std::sync::Mutex<Option<Disturbance>>,
}

impl Counter {
    fn arm(&self, disturbance: Option<Disturbance>) {
        self.calls.store(0, Ordering::SeqCst);
        self.effects.store(0, Ordering::SeqCst);
        *self.disturbance.lock().unwrap() = disturbance;
    }

    /// How many calls of the API server there were, and how many effects.
    fn figures(&self) -> (usize, usize) {
        (
            self.calls.load(Ordering::SeqCst),
            self.effects.load(Ordering::SeqCst),
        )
    }

    /// What disturbs this effect.
    fn at_effect(&self) -> Option<Disturbance> {
        let number = self.effects.fetch_add(1, Ordering::SeqCst);
        match *self.disturbance.lock().unwrap() {
            at @ Some(Disturbance::Undone(of) | Disturbance::Ends(of, _)) if of == number => at,
            _ => None,
        }
    }
}

impl Troubled for Counter {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        if call.verb.writes() {
            match self.at_effect() {
                Some(Disturbance::Ends(_, carried_out)) => return CallFate::Fatal { carried_out },
                Some(_) => return CallFate::Undone,
                None => {}
            }
        }
        if matches!(call.verb, Verb::List | Verb::Watch | Verb::Publish) {
            return CallFate::Served;
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        match *self.disturbance.lock().unwrap() {
            Some(Disturbance::Fails(at, kind)) if at == number => match kind {
                0 => CallFate::Refused(500, "InternalError"),
                1 => CallFate::Silent { carried_out: true },
                _ if call.verb.writes() => CallFate::Refused(409, "Conflict"),
                _ => CallFate::Broken { carried_out: false },
            },
            _ => CallFate::Served,
        }
    }

    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        if call.method != Method::GET
            && let Some(Disturbance::Ends(_, carried_out)) = self.at_effect()
        {
            return CloudCallFate {
                carried_out,
                answer: TroubledAnswer::Fatal,
                ..CloudCallFate::default()
            };
        }
        self.sky.at_cloud(call)
    }
}

#[test]
fn what_is_unobserved_stale_or_half_done_ends_well() {
    let share = extent("HALF_DONE_SHARE", FEW_DISTURBANCES, USUAL_SHARE);
    let changes = extent("HALF_DONE_CHANGES", FEW_CHANGES, 1);
    let mut trials = HalfDoneTrials::default();
    let steps = table::steps().into_iter().map(Happening::Step);
    let others = [
        Happening::Created,
        Happening::Deleted,
        Happening::Drifted,
        Happening::Removed,
    ];
    for happening in steps.step_by(changes).chain(others) {
        trials.disturb(share, StartState::Settled, &happening);
    }
    trials.report("disturbances");
}

#[test]
fn what_is_half_done_in_another_state_ends_well() {
    let share = extent("HALF_DONE_SHARE", FEW_DISTURBANCES, SHARE_OF_OTHERS);
    let all = if share == 1 { 1 } else { OF_OTHERS };
    let changes = extent("HALF_DONE_CHANGES", 4 * OF_OTHERS, all);
    let mut trials = HalfDoneTrials::default();
    for (first, state) in OTHERS.into_iter().enumerate() {
        let steps = table::steps().into_iter().map(Happening::Step);
        for happening in steps.skip(first % changes).step_by(changes) {
            trials.disturb(share, state, &happening);
        }
    }
    trials.report("disturbances of other states");
}

/// Of all disturbances in their order every so many are tried.
#[derive(Default)]
struct HalfDoneTrials {
    number: usize,
    count: usize,
    problems: Vec<String>,
}

impl HalfDoneTrials {
    /// What happens in this state, undisturbed and with each of its disturbances whose turn it is.
    fn disturb(&mut self, share: usize, state: StartState, happening: &Happening) {
        let figures = match tried(state, happening, None) {
            Ok(figures) => figures,
            Err(problem) => return self.problems.push(problem),
        };
        for disturbance in happening.disturbances(figures) {
            self.number += 1;
            if self.number.is_multiple_of(share) {
                self.count += 1;
                let problem = tried(state, happening, Some(disturbance)).err();
                self.problems.extend(problem);
            }
        }
    }

    fn report(self, of: &str) {
        print_extent(&format!("{} of {} {of}", self.count, self.number));
        report(&self.problems);
    }
}

/// What an undisturbed change takes at the API server, and its effects.
fn tried(
    state: StartState,
    happening: &Happening,
    disturbance: Option<Disturbance>,
) -> Result<(usize, usize), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let work = AssertUnwindSafe(scenario(state, happening, disturbance)).catch_unwind();
    let result = runtime
        .block_on(work)
        .unwrap_or_else(|_| Err("panic".to_owned()));
    result.map_err(|problem| format!("{state:?}: {happening:?}, {disturbance:?}: {problem}"))
}

/// A world with an object in this state, or without one yet.
async fn begin(
    state: StartState,
    happening: &Happening,
    counter: &Arc<Counter>,
) -> Result<ControllerWorld, String> {
    let trouble: Arc<dyn Troubled> = counter.clone();
    if state != StartState::Settled {
        return reach_under(state, &counter.sky, &trouble).await;
    }
    let mut world = ControllerWorld::new(&trouble);
    table::more_secrets(&world);
    world.start();
    if !matches!(happening, Happening::Created) {
        world.apply("push", &table::full());
        let settled = |world: &ControllerWorld| {
            world
                .object("push")
                .is_some_and(|object| verdict(&object).0 == "True")
        };
        world.until(Duration::from_secs(30), settled).await;
        world.pass(Duration::from_secs(40)).await;
    }
    Ok(world)
}

async fn scenario(
    state: StartState,
    happening: &Happening,
    disturbance: Option<Disturbance>,
) -> Result<(usize, usize), String> {
    let counter = Arc::new(Counter::default());
    let mut world = begin(state, happening, &counter).await?;
    let silent = disturbance == Some(Disturbance::Unobserved);
    let late = matches!(
        disturbance,
        Some(Disturbance::Stale | Disturbance::TakenBack)
    );
    world.server.set_delivery(WatchDelivery {
        delay: Duration::from_secs(if late { 5 } else { 0 }),
        silent_on: if silent {
            BTreeSet::from([key("push")])
        } else {
            BTreeSet::new()
        },
        ..WatchDelivery::default()
    });
    counter.arm(disturbance);
    happening
        .happen(&world, disturbance == Some(Disturbance::TakenBack))
        .await;
    if state != StartState::Settled {
        lasts(&mut world).await;
        state.end(&mut world, &counter.sky).await;
    }
    let (mut left, mut done_for) = (LATER, Duration::ZERO);
    let mut figures = (0, 0);
    while done_for < STAYS && !left.is_zero() {
        world.pass(STEP).await;
        left = left.saturating_sub(STEP);
        if world.is_dead() {
            world.restart().await;
        }
        let is_done = happening.is_done(&world, state, disturbance).is_ok();
        if is_done && done_for.is_zero() {
            figures = counter.figures();
        }
        done_for = if is_done {
            done_for + STEP
        } else {
            Duration::ZERO
        };
    }
    let with_story = |problem: String| format!("{problem}\n{}", world.story.whole());
    happening
        .is_done(&world, state, disturbance)
        .map_err(with_story)?;
    Ok(figures)
}

/// The state lasts; who dies in it begins anew.
async fn lasts(world: &mut ControllerWorld) {
    let end = world.story.age() + LASTS;
    while world.story.age() < end {
        world.pass(STEP).await;
        if world.is_dead() {
            world.restart().await;
        }
    }
}

impl Happening {
    /// It happens, and is perhaps taken back at once.
    async fn happen(&self, world: &ControllerWorld, taken_back: bool) {
        let id = || {
            let object = world.object("push").unwrap_or_default();
            object["status"]["callbackID"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        match self {
            Self::Step(step) => {
                let back = step.back(world);
                step.apply(world);
                if taken_back {
                    world.pass(Duration::from_secs(1)).await;
                    back.apply(world);
                }
            }
            Self::Created => world.apply("push", &table::full()),
            Self::Deleted => world.delete("push"),
            Self::Drifted => {
                let url = Some("https://drift.example.com/".to_owned());
                let patch = RowPatch {
                    notify_callback_url: url,
                    ..RowPatch::default()
                };
                world.cloud().edit_row(&id(), &patch);
            }
            Self::Removed => drop(world.cloud().delete_row(&id())),
        }
    }

    /// All that may be in the way of so many calls and effects.
    fn disturbances(&self, (calls, effects): (usize, usize)) -> Vec<Disturbance> {
        let mut all = vec![Disturbance::Stale, Disturbance::TakenBack];
        if self.has_an_event() {
            all.push(Disturbance::Unobserved);
        }
        let fails = |at| (0..3).map(move |kind| Disturbance::Fails(at, kind));
        all.extend((0..calls).flat_map(fails));
        all.extend((0..effects).map(Disturbance::Undone));
        let ends = |at| [false, true].map(|after| Disturbance::Ends(at, after));
        all.extend((0..effects).flat_map(ends));
        all
    }

    /// Whether a watch tells it.
    fn has_an_event(&self) -> bool {
        match self {
            Self::Step(step) => !matches!(step.spot, Spot::Secret(..)),
            Self::Created | Self::Deleted => true,
            Self::Drifted | Self::Removed => false,
        }
    }

    fn is_done(
        &self,
        world: &ControllerWorld,
        state: StartState,
        disturbance: Option<Disturbance>,
    ) -> Result<(), String> {
        if matches!(self, Self::Deleted) {
            let rows = world.rows(&domain("push")).len();
            let is_there = world.object("push").is_some();
            return if rows == 0 && !is_there {
                Ok(())
            } else {
                Err(format!("it is there: {is_there}, rows: {rows}"))
            };
        }
        let taken_back = disturbance == Some(Disturbance::TakenBack);
        let is_edit = !taken_back && matches!(self, Self::Step(step) if step.is_edit());
        is_as_declared(world, is_edit || state.ends_by_an_edit())
    }
}
