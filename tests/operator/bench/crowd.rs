//! Many objects: applied by several hands at once, and watched by somebody who is not the operator.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::ResourceExt as _;
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt as _, watcher};
use recording_callback_operator::api::RecordingCallback;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::world::{OperatorWorld, condition};

/// So many applies are under way at once.
pub(super) const HANDS: usize = 16;
/// No figure takes longer.
const LONG: Duration = Duration::from_mins(40);

/// An object with a spec of its own over the usual one.
pub(super) fn object(name: &str, spec: &Value) -> RecordingCallback {
    let mut object = json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1",
        "kind": "RecordingCallback",
        "metadata": {"name": name},
        "spec": {
            "publishDomain": format!("{name}.example.com"),
            "app": "live",
            "notifyCallbackURL": "https://hooks.example.com/record",
            "credentialsSecretRef": {"name": "huaweicloud"},
        },
    });
    for (key, value) in spec.as_object().into_iter().flatten() {
        object["spec"][key] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

/// Applies so many objects; gives when the last was.
pub(super) async fn apply(
    world: &OperatorWorld,
    count: usize,
    spec: impl Fn(usize) -> Value,
) -> Instant {
    let callbacks = world.namespace.callbacks();
    stream::iter(0..count)
        .for_each_concurrent(HANDS, async |number| {
            let object = object(&format!("push-{number}"), &spec(number));
            let created = callbacks.create(&PostParams::default(), &object).await;
            created.unwrap();
        })
        .await;
    Instant::now()
}

/// What a watch of its own has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) ready: usize,
    /// Writes on objects, their creation aside.
    pub(super) writes: usize,
}

/// Watches the objects of a world.
pub(super) struct Observer {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Begins to watch.
    pub(super) fn of(world: &OperatorWorld) -> Self {
        let (publish, seen) = watch::channel(Seen::default());
        let events = watcher(world.namespace.callbacks(), watcher::Config::default());
        let mut events = events.default_backoff().boxed();
        let task = tokio::spawn(async move {
            let mut known: HashMap<String, bool> = HashMap::new();
            while let Ok(Some(event)) = events.try_next().await {
                let (object, is_new) = match event {
                    watcher::Event::Apply(object) => (object, false),
                    watcher::Event::InitApply(object) => (object, true),
                    watcher::Event::Delete(_) | watcher::Event::Init | watcher::Event::InitDone => {
                        continue;
                    }
                };
                let before = known.insert(object.name_any(), is_ready(&object));
                publish.send_modify(|seen| {
                    seen.writes += usize::from(before.is_some() && !is_new);
                    seen.ready += usize::from(is_ready(&object));
                    seen.ready -= usize::from(before == Some(true));
                });
            }
        });
        Self { seen, task }
    }

    /// Waits until so many objects are Ready.
    pub(super) async fn ready(&self, wanted: usize) -> Instant {
        let mut seen = self.seen.clone();
        let ready = seen.wait_for(|seen| seen.ready >= wanted);
        let ready = tokio::time::timeout(LONG, ready).await;
        ready.expect("the objects become Ready").unwrap();
        Instant::now()
    }

    /// What was seen so far.
    pub(super) fn seen(&self) -> Seen {
        *self.seen.borrow()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn is_ready(object: &RecordingCallback) -> bool {
    let status = object.status.as_ref();
    let ready = status.and_then(|status| condition(status, "Ready"));
    ready.is_some_and(|ready| ready.status == "True")
}
