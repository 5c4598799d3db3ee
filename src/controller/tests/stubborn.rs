//! What is waited for in vain: a clock that was ahead, a Secret that nobody needs, a settle time that a header ends.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use http::{Method, header};
use jiff::SignedDuration;
use serde_json::json;

use super::object::{HOOKS, domain, key, spec, verdict};
use super::trouble::{
    CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, TroubledAnswer, Verb, reply,
};
use super::world::{ControllerWorld, wall};
use crate::api::RECONCILE_REQUESTED_AT;

/// What is wrong with the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stubbornness {
    Nothing,
    /// Changes are answered with this status.
    Changes(u16),
    /// The sign key's Secret can't be read, for this cause.
    SignKey(u16, &'static str),
    /// Every answer is dated almost a minute ahead.
    Dates,
}

struct StubbornCloud(Mutex<Stubbornness>);

impl StubbornCloud {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Stubbornness::Nothing)))
    }

    fn set(&self, wrong: Stubbornness) {
        *self.0.lock().unwrap() = wrong;
    }

    fn is(&self) -> Stubbornness {
        *self.0.lock().unwrap()
    }
}

impl Troubled for StubbornCloud {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        match self.is() {
            Stubbornness::SignKey(code, reason)
                if call.verb == Verb::ReadSecret && call.name == HOOKS =>
            {
                CallFate::Refused(code, reason)
            }
            Stubbornness::SignKey(..)
            | Stubbornness::Nothing
            | Stubbornness::Changes(_)
            | Stubbornness::Dates => CallFate::Served,
        }
    }

    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let answer = match self.is() {
            Stubbornness::Changes(status) if call.method != Method::GET => {
                TroubledAnswer::Reply(reply(status, ""))
            }
            Stubbornness::Dates => TroubledAnswer::Edited(Arc::new(|response| {
                let date = crate::platform::clock::date(&response.headers).unwrap();
                let ahead = date + SignedDuration::from_secs(55);
                let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
                let text = printer.timestamp_to_rfc9110_string(&ahead).unwrap();
                response.headers.insert(header::DATE, text.parse().unwrap());
            })),
            Stubbornness::Nothing | Stubbornness::Changes(_) | Stubbornness::SignKey(..) => {
                return CloudCallFate::default();
            }
        };
        CloudCallFate {
            carried_out: self.is() == Stubbornness::Dates,
            answer,
            ..CloudCallFate::default()
        }
    }
}

/// A world in which `push`, with a sign key, is Ready.
async fn settled(sky: &Arc<StubbornCloud>) -> ControllerWorld {
    let trouble: Arc<dyn Troubled> = sky.clone();
    let mut world = ControllerWorld::new(&trouble);
    world.start();
    let mut spec = spec("push");
    spec["signKeySecretRef"] = json!({"name": HOOKS, "key": "sign"});
    world.apply("push", &spec);
    world.pass(Duration::from_secs(50)).await;
    assert!(is_ready(&world), "{}", world.story.whole());
    world
}

fn is_ready(world: &ControllerWorld) -> bool {
    verdict(&world.object("push").unwrap()).0 == "True"
}

const OTHER: &str = "https://hooks.example.com/other";

/// The process before had a clock that was 50 minutes ahead, and said when it would try again.
#[tokio::test(start_paused = true)]
async fn a_wait_that_another_clock_announced_is_not_longer_than_its_backoff() {
    for (status, longest) in [(503, 4), (400, 8)] {
        let sky = StubbornCloud::new();
        let mut world = settled(&sky).await;
        sky.set(Stubbornness::Changes(status));
        world.merge("push", &json!({"spec": {"notifyCallbackURL": OTHER}}));
        world.pass(Duration::from_secs(1)).await;
        world.kill().await;
        sky.set(Stubbornness::Nothing);
        let ahead = wall() + SignedDuration::from_mins(50);
        world.server.edit(&key("push"), |object| {
            object["status"]["nextAttemptTime"] = json!(ahead.to_string());
        });
        world.start();
        let healed = world.until(Duration::from_secs(longest), is_ready).await;
        assert!(healed, "{status}\n{}", world.story.whole());
    }
}

#[tokio::test(start_paused = true)]
async fn who_needs_no_sign_key_does_not_wait_for_its_secret() {
    let wrongs = [
        Stubbornness::SignKey(500, "InternalError"),
        Stubbornness::SignKey(403, "Forbidden"),
    ];
    for wrong in wrongs {
        let sky = StubbornCloud::new();
        let mut world = settled(&sky).await;
        world.kill().await;
        sky.set(wrong);
        world.start();
        world.merge("push", &json!({"spec": {"managementPolicy": "Observe"}}));
        let is_observed =
            |world: &ControllerWorld| verdict(&world.object("push").unwrap()).1 == "ObserveOnly";
        let observed = world.until(Duration::from_secs(15), is_observed).await;
        assert!(observed, "{wrong:?}\n{}", world.story.whole());
        world.merge("push", &json!({"spec": {"managementPolicy": "Manage"}}));
        world.pass(Duration::from_secs(2)).await;
        world.delete("push");
        let gone = |world: &ControllerWorld| world.object("push").is_none();
        let gone = world.until(Duration::from_secs(15), gone).await;
        assert!(gone, "{wrong:?}\n{}", world.story.whole());
        assert!(world.rows(&domain("push")).is_empty());
    }
}

/// A list lags behind our PUT, and every answer is dated almost a minute ahead.
#[tokio::test(start_paused = true)]
async fn a_date_ends_no_settle_time_of_our_own_update() {
    let sky = StubbornCloud::new();
    let world = settled(&sky).await;
    world
        .cloud()
        .settings(|settings| settings.list_lag_ms = 20_000);
    world.merge("push", &json!({"spec": {"notifyCallbackURL": OTHER}}));
    world.pass(Duration::from_secs(3)).await;
    assert_eq!(world.count(&Method::PUT), 1, "{}", world.story.whole());
    sky.set(Stubbornness::Dates);
    for number in 0..4 {
        let asked =
            json!({"metadata": {"annotations": {RECONCILE_REQUESTED_AT: number.to_string()}}});
        world.merge("push", &asked);
        world.pass(Duration::from_secs(3)).await;
    }
    sky.set(Stubbornness::Nothing);
    world.pass(Duration::from_mins(2)).await;
    assert_eq!(world.count(&Method::PUT), 1, "{}", world.story.whole());
    assert!(is_ready(&world), "{}", world.story.whole());
}
