//! Trouble as a test says it, from when it says so, and worlds that it begins with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use live_simulator::RowPatch;
use serde_json::{Value, json};

use super::object::{PROJECT, domain, spec, verdict};
use super::trouble::{
    CallFate, CloudCall, CloudCallFate, ServerCall, Troubled, TroubledAnswer, reply,
};
use super::world::ControllerWorld;

type ServerScript = Box<dyn FnMut(&ServerCall) -> CallFate + Send>;
type CloudScript = Box<dyn FnMut(&CloudCall) -> CloudCallFate + Send>;

/// What befalls calls. Nothing, until it is said.
#[derive(Default)]
pub(super) struct Script {
    server: Mutex<Option<ServerScript>>,
    cloud: Mutex<Option<CloudScript>>,
}

impl Script {
    /// A script, and a world that it is played in.
    pub(super) fn with_world() -> (Arc<Self>, ControllerWorld) {
        let script = Arc::new(Self::default());
        let trouble: Arc<dyn Troubled> = script.clone();
        (script, ControllerWorld::new(&trouble))
    }

    /// This befalls calls to the API server from now on.
    pub(super) fn server(&self, does: impl FnMut(&ServerCall) -> CallFate + Send + 'static) {
        *self.server.lock().unwrap() = Some(Box::new(does));
    }

    /// This befalls calls to the cloud from now on.
    pub(super) fn cloud(&self, does: impl FnMut(&CloudCall) -> CloudCallFate + Send + 'static) {
        *self.cloud.lock().unwrap() = Some(Box::new(does));
    }

    /// All is well from now on.
    pub(super) fn ends(&self) {
        *self.server.lock().unwrap() = None;
        *self.cloud.lock().unwrap() = None;
    }
}

impl Troubled for Script {
    fn at_server(&self, call: &ServerCall) -> CallFate {
        let mut script = self.server.lock().unwrap();
        script.as_mut().map_or(CallFate::Served, |does| does(call))
    }

    fn at_cloud(&self, call: &CloudCall) -> CloudCallFate {
        let mut script = self.cloud.lock().unwrap();
        script
            .as_mut()
            .map_or_else(CloudCallFate::default, |does| does(call))
    }
}

/// Applies an object, and waits until it is settled and its settle time is over.
pub(super) async fn settle(world: &ControllerWorld, name: &str, spec: &Value) {
    world.apply(name, spec);
    let is_ready = |world: &ControllerWorld| verdict(&world.object(name).unwrap()).0 == "True";
    let settled = world.until(Duration::from_secs(30), is_ready).await;
    assert!(settled, "{}", world.story.whole());
    world.pass(Duration::from_secs(40)).await;
}

/// Waits until this is what Ready says of the object `push`, and why.
pub(super) async fn becomes(world: &ControllerWorld, status: &str, reason: &str, limit: Duration) {
    let expected = (status.to_owned(), reason.to_owned());
    let is_so = |world: &ControllerWorld| {
        world
            .object("push")
            .is_some_and(|object| verdict(&object) == expected)
    };
    let is_so = world.until(limit, is_so).await;
    assert!(is_so, "not {expected:?}\n{}", world.story.whole());
}

/// What another cloud answers: it has none of our callbacks, and what is made there has this id.
pub(super) fn of_stranger(call: &CloudCall, id: &str) -> CloudCallFate {
    let answer = match (&call.method, &call.id) {
        (&Method::GET, None) => reply(200, r#"{"total": 0, "callback_config": []}"#),
        (&Method::POST, _) => reply(201, json!({"id": id}).to_string()),
        _ => reply(
            404,
            r#"{"error_code": "LIVE.103011019", "error_msg": "gone"}"#,
        ),
    };
    CloudCallFate {
        carried_out: false,
        answer: TroubledAnswer::Reply(answer),
        ..CloudCallFate::default()
    }
}

/// Applies `push`, whose first create comes to nothing, and waits until it is settled: its record has two attempts then.
pub(super) async fn settle_at_second_try(script: &Script, world: &ControllerWorld) {
    let mut is_first = true;
    script.cloud(move |call| {
        let is_lost = call.method == Method::POST && std::mem::take(&mut is_first);
        CloudCallFate {
            carried_out: !is_lost,
            answer: if is_lost {
                TroubledAnswer::Broken
            } else {
                TroubledAnswer::True
            },
            ..CloudCallFate::default()
        }
    });
    world.apply("push", &spec("push"));
    becomes(world, "True", "Available", Duration::from_mins(3)).await;
}

/// A second callback at the place of `push` that says what the first one says. Gives its id.
pub(super) fn insert_alike(world: &ControllerWorld) -> String {
    let first = world.rows(&domain("push")).remove(0);
    let content = RowPatch {
        notify_callback_url: first.notify_callback_url,
        notify_event_subscription: Some(first.notify_event_subscription),
        ..RowPatch::default()
    };
    let cloud = world.cloud();
    cloud
        .insert_row(PROJECT, &domain("push"), "live", &content)
        .id
}
