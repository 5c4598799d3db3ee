//! Events, published at transitions only: beside the work, which waits for none of them, those of a namespace one after the other, and
//! those of eight namespaces at once: one where nothing is answered rests for a while. A failure to publish never reaches the caller.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource as _};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::client::call;
use super::error::ClusterError;
use super::object::FIELD_MANAGER;
use super::stamp;
use crate::api::RecordingCallback;
use crate::hash::hash;
use crate::lock::lock;
use crate::plan::facts::reason::Reason;

/// The longest note that the API server takes is 1,024 bytes.
const LONGEST_NOTE: usize = 1000;
/// The longest name of an object.
const LONGEST_NAME: usize = 253;
/// So many wait; those beyond are not published. The status and the log tell the same.
const WAITING: usize = 4096;
/// So many of them of one namespace.
const OF_ONE_NAMESPACE: usize = 256;
/// So many are published at once, one of a namespace.
const AT_ONCE: usize = 8;
/// For so long a namespace is passed over where an event was not answered: a webhook that hangs may stand before it.
const REST: Duration = Duration::from_mins(1);
/// The same is told of the same object by one event, that counts, if it is told again so soon.
const SERIES: Duration = Duration::from_mins(6);
/// So many events may be told again. Where there are more all of them are told anew.
const MOST_SERIES: usize = 1024;
/// How long the end of the process waits for those that wait.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Publishes events. One per process.
pub struct EventPublisher(Arc<Publishing>);

struct Publishing {
    client: Client,
    instance: String,
    state: Mutex<EventQueues>,
    permits: Semaphore,
    /// Nothing waits any more.
    idle: Notify,
}

#[derive(Default)]
struct EventQueues {
    /// How many wait.
    count: usize,
    /// Of each namespace that is served now, those that wait.
    served: HashMap<String, VecDeque<Transition>>,
    /// The namespaces that are passed over, and until when.
    resting: HashMap<String, Instant>,
    /// By what stands for object, tone and reason.
    series: HashMap<NonZeroU64, Series>,
}

/// Whether somebody should look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventType {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

/// What an event tells.
struct Transition {
    about: ObjectReference,
    at: MicroTime,
    event_type: EventType,
    reason: Reason,
    note: String,
}

impl EventPublisher {
    /// Publishes with this client.
    pub fn new(client: Client, instance: String) -> Self {
        Self(Arc::new(Publishing {
            client,
            instance,
            state: Mutex::default(),
            permits: Semaphore::new(AT_ONCE),
            idle: Notify::new(),
        }))
    }

    /// Tells about an object.
    pub fn publish(
        &self,
        object: &RecordingCallback,
        event_type: EventType,
        reason: Reason,
        note: &str,
    ) {
        let transition = Transition {
            about: object.object_ref(&()),
            at: stamp(),
            event_type,
            reason,
            note: shortened(note),
        };
        let namespace = transition.namespace();
        let lined_up = lock(&self.0.state).line_up(&namespace, transition);
        match lined_up {
            Ok(is_first) if is_first => {
                tokio::spawn(Arc::clone(&self.0).serve(namespace));
            }
            Ok(_) => {}
            Err(why) => {
                let reason = reason.as_str();
                debug!(reason, namespace, "an event was not published: {why}");
            }
        }
    }

    /// Waits until those told so far are published, but not for long.
    pub async fn flush(&self) {
        let flushed = async {
            loop {
                let idle = self.0.idle.notified();
                if lock(&self.0.state).served.is_empty() {
                    return;
                }
                idle.await;
            }
        };
        if timeout(FLUSH_LIMIT, flushed).await.is_err() {
            debug!("events that waited are not published");
        }
    }
}

impl EventQueues {
    /// Whether it is the first that waits in its namespace, or why it does not wait.
    fn line_up(&mut self, namespace: &str, transition: Transition) -> Result<bool, &'static str> {
        let now = Instant::now();
        self.resting.retain(|_, until| now < *until);
        if self.resting.contains_key(namespace) {
            return Err("the last one of its namespace was not answered");
        }
        if self.count == WAITING {
            return Err("too many wait");
        }
        let is_first = match self.served.entry(namespace.to_owned()) {
            Entry::Occupied(queue) if queue.get().len() == OF_ONE_NAMESPACE => {
                return Err("too many of its namespace wait");
            }
            Entry::Occupied(mut queue) => {
                queue.get_mut().push_back(transition);
                false
            }
            Entry::Vacant(queue) => {
                queue.insert(VecDeque::from([transition]));
                true
            }
        };
        self.count += 1;
        Ok(is_first)
    }

    /// The next one of a namespace. Without one it is served no more.
    fn next(&mut self, namespace: &str) -> Option<Transition> {
        let next = self.served.get_mut(namespace)?.pop_front();
        match next {
            Some(_) => self.count -= 1,
            None => drop(self.served.remove(namespace)),
        }
        next
    }

    /// A namespace is passed over from now on. How many waited there, which are not published.
    fn rest(&mut self, namespace: &str) -> usize {
        let until = Instant::now() + REST;
        self.resting.insert(namespace.to_owned(), until);
        let queue = self.served.get_mut(namespace);
        let dropped = queue.map_or(0, |queue| std::mem::take(queue).len());
        self.count -= dropped;
        dropped
    }
}

impl Publishing {
    /// Publishes what waits of a namespace, until nothing does.
    async fn serve(self: Arc<Self>, namespace: String) {
        let next = || lock(&self.state).next(&namespace);
        while let Some(transition) = next() {
            // Never closed.
            let _permit = self.permits.acquire().await;
            let reason = transition.reason.as_str();
            let Err(error) = self.publish(transition).await else {
                continue;
            };
            if error.is_timeout() {
                let dropped = lock(&self.state).rest(&namespace);
                warn!(
                    namespace,
                    dropped,
                    "the API server takes no event here, none is published for a minute: {error}"
                );
            } else {
                debug!(%error, reason, "an event was not published");
            }
        }
        self.idle.notify_waiters();
    }
}

/// The event that tells something, which may come again. Its name follows from the object's and this time.
struct Series {
    begun: MicroTime,
    count: i32,
    last: Instant,
}

impl Publishing {
    async fn publish(&self, transition: Transition) -> Result<(), ClusterError> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &transition.namespace());
        let uid = transition.about.uid.clone().unwrap_or_default();
        let key = hash(&(uid, transition.event_type, transition.reason));
        let before = lock(&self.state).series.remove(&key);
        let before = before.filter(|series| series.last.elapsed() < SERIES);
        let (begun, count) = if let Some(series) = before {
            let count = series.count + 1;
            let last = transition.at.clone();
            let more = json!({"series": {"count": count, "lastObservedTime": last}});
            let (params, more) = (PatchParams::default(), Patch::Merge(&more));
            let name = transition.event_name(&series.begun);
            let patched = events.patch(&name, &params, &more);
            call("count an event", patched).await?;
            (series.begun, count)
        } else {
            let begun = transition.at.clone();
            let event = transition.into_event(&self.instance);
            let params = PostParams::default();
            call("publish an event", events.create(&params, &event)).await?;
            (begun, 1)
        };
        let mut state = lock(&self.state);
        if state.series.len() == MOST_SERIES {
            state.series.clear();
        }
        let last = Instant::now();
        state.series.insert(key, Series { begun, count, last });
        Ok(())
    }
}

impl Transition {
    fn namespace(&self) -> String {
        self.about.namespace.clone().unwrap_or_default()
    }

    /// The name of the event that first told it, then. An object may have the longest name that there is: of that the beginning serves, but
    /// none that ends where no part of a name may.
    fn event_name(&self, at: &MicroTime) -> String {
        let name = self.about.name.as_deref().unwrap_or_default();
        let told = format!("{:x}", at.0.as_nanosecond());
        let end = name.floor_char_boundary(LONGEST_NAME - 1 - told.len());
        let name = name.get(..end).unwrap_or_default();
        format!("{}.{told}", name.trim_end_matches(['.', '-']))
    }

    fn into_event(self, instance: &str) -> Event {
        let name = self.event_name(&self.at);
        let event_type = match self.event_type {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: self.about.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(self.at),
            note: Some(self.note),
            reason: Some(self.reason.as_str().to_owned()),
            regarding: Some(self.about),
            reporting_controller: Some(FIELD_MANAGER.to_owned()),
            reporting_instance: Some(instance.to_owned()),
            type_: Some(event_type.to_owned()),
            ..Event::default()
        }
    }
}

/// At most `LONGEST_NOTE` bytes, never cut inside a character.
fn shortened(note: &str) -> String {
    let end = note.floor_char_boundary(LONGEST_NOTE);
    note.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
