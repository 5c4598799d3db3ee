//! Trouble as a test says it, from when it says so, and worlds that it begins with.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::object::verdict;
use super::trouble::{CallFate, CloudCall, CloudCallFate, ServerCall, Troubled};
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
