//! Events, published at transitions only: one after the other beside the work, which waits for none of them. A failure to publish never
//! reaches the caller.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Resource as _};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::client::call;
use super::error::ClusterError;
use super::object::FIELD_MANAGER;
use super::stamp;
use crate::api::RecordingCallback;
use crate::plan::facts::reason::Reason;

/// The longest note that the API server takes is 1,024 bytes.
const LONGEST_NOTE: usize = 1000;
/// So many wait; those beyond are not published. The status and the log tell the same.
const WAITING: usize = 4096;
/// The same is told of the same object by one event, that counts, if it is told again so soon.
const SERIES: Duration = Duration::from_mins(6);
/// So many events may be told again. Where there are more all of them are told anew.
const MOST_SERIES: usize = 1024;
/// How long the end of the process waits for those that wait.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// Publishes events. One per process.
pub struct EventPublisher {
    queue: mpsc::Sender<QueuedEvent>,
}

/// Whether somebody should look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

enum QueuedEvent {
    Event(Box<Transition>),
    /// All before it are published.
    Mark(oneshot::Sender<()>),
}

/// What an event tells.
struct Transition {
    about: ObjectReference,
    at: MicroTime,
    tone: Tone,
    reason: Reason,
    note: String,
}

impl EventPublisher {
    /// Publishes with this client, for as long as this value lives.
    pub fn new(client: Client, instance: String) -> Self {
        let (queue, queued) = mpsc::channel(WAITING);
        tokio::spawn(publish_all(client, instance, queued));
        Self { queue }
    }

    /// Tells about an object.
    pub fn publish(&self, object: &RecordingCallback, tone: Tone, reason: Reason, note: &str) {
        let told = QueuedEvent::Event(Box::new(Transition {
            about: object.object_ref(&()),
            at: stamp(),
            tone,
            reason,
            note: shortened(note),
        }));
        if self.queue.try_send(told).is_err() {
            let reason = reason.as_str();
            debug!(reason, "an event was not published: too many wait");
        }
    }

    /// Waits until those told so far are published, but not for long.
    pub async fn flush(&self) {
        let (mark, reached) = oneshot::channel();
        let flushed = async {
            // An error means that nobody publishes any more.
            let _ = self.queue.send(QueuedEvent::Mark(mark)).await;
            let _ = reached.await;
        };
        if timeout(FLUSH_LIMIT, flushed).await.is_err() {
            debug!("events that waited are not published");
        }
    }
}

async fn publish_all(client: Client, instance: String, mut queued: mpsc::Receiver<QueuedEvent>) {
    let mut told = HashMap::new();
    while let Some(next) = queued.recv().await {
        let transition = match next {
            QueuedEvent::Event(transition) => transition,
            QueuedEvent::Mark(mark) => {
                let _ = mark.send(()); // nobody waits any more
                continue;
            }
        };
        let reason = transition.reason.as_str();
        if let Err(error) = publish(&client, &instance, &mut told, *transition).await {
            debug!(%error, reason, "an event was not published");
        }
    }
}

/// Object, tone and reason.
type SeriesKey = (String, Tone, Reason);

/// The event that tells something, which may come again.
struct Series {
    event: String,
    count: i32,
    last: Instant,
}

async fn publish(
    client: &Client,
    instance: &str,
    told: &mut HashMap<SeriesKey, Series>,
    transition: Transition,
) -> Result<(), ClusterError> {
    let namespace = transition.about.namespace.clone().unwrap_or_default();
    let events: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let uid = transition.about.uid.clone().unwrap_or_default();
    let key = (uid, transition.tone, transition.reason);
    let before = told
        .remove(&key)
        .filter(|series| series.last.elapsed() < SERIES);
    let (event, count) = if let Some(series) = before {
        let count = series.count + 1;
        let last = transition.at.clone();
        let more = json!({"series": {"count": count, "lastObservedTime": last}});
        let (params, more) = (PatchParams::default(), Patch::Merge(&more));
        let patched = events.patch(&series.event, &params, &more);
        call("count an event", patched).await?;
        (series.event, count)
    } else {
        let event = transition.into_event(instance);
        let params = PostParams::default();
        call("publish an event", events.create(&params, &event)).await?;
        let event = event.metadata.name.unwrap_or_default();
        (event, 1)
    };
    if told.len() == MOST_SERIES {
        told.clear();
    }
    let last = Instant::now();
    told.insert(key, Series { event, count, last });
    Ok(())
}

impl Transition {
    fn into_event(self, instance: &str) -> Event {
        let name = self.about.name.as_deref().unwrap_or_default();
        let name = format!("{name}.{:x}", self.at.0.as_nanosecond());
        let tone = match self.tone {
            Tone::Normal => "Normal",
            Tone::Warning => "Warning",
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
            type_: Some(tone.to_owned()),
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
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::BoxError;

    use super::*;
    use crate::lock::lock;

    fn object() -> RecordingCallback {
        serde_json::from_value(json!({
            "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
            "metadata": {"name": "push", "namespace": "media", "uid": "uid"},
            "spec": {"publishDomain": "push.example.com", "app": "live"},
        }))
        .unwrap()
    }

    /// An API server that takes so long for each event, and what it has been told.
    fn publisher(each: Duration) -> (EventPublisher, Arc<Mutex<Vec<String>>>) {
        let notes: Arc<Mutex<Vec<String>>> = Arc::default();
        let taken = Arc::clone(&notes);
        let service = tower::service_fn(move |request: Request<Body>| {
            let taken = Arc::clone(&taken);
            async move {
                tokio::time::sleep(each).await;
                let body = request.into_body().collect_bytes().await?;
                let event: Value = serde_json::from_slice(&body)?;
                let told = match event["series"]["count"].as_i64() {
                    Some(count) => format!("{count} times"),
                    None => event["note"].as_str().unwrap_or_default().to_owned(),
                };
                lock(&taken).push(told);
                let answer = json!({"metadata": {"name": "event"}}).to_string();
                Ok::<_, BoxError>(Response::new(Body::from(answer.into_bytes())))
            }
        });
        let client = Client::new(service, "default");
        (EventPublisher::new(client, "pod".to_owned()), notes)
    }

    fn tell(events: &EventPublisher, reason: Reason, note: &str) {
        events.publish(&object(), Tone::Normal, reason, note);
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_published_in_their_order_and_before_the_end() {
        let (events, notes) = publisher(Duration::from_millis(10));
        tell(&events, Reason::Creating, "one");
        tell(&events, Reason::Available, "two");
        tell(&events, Reason::Suspended, "three");
        assert!(lock(&notes).is_empty(), "nobody has waited");
        events.flush().await;
        assert_eq!(*lock(&notes), ["one", "two", "three"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_again_soon_is_counted() {
        let (events, notes) = publisher(Duration::ZERO);
        for _ in 0..3 {
            tell(&events, Reason::Available, "again");
            tell(&events, Reason::Suspended, "and again");
        }
        events.flush().await;
        tokio::time::advance(SERIES).await;
        tell(&events, Reason::Available, "anew");
        events.flush().await;
        let counted = ["2 times", "2 times", "3 times", "3 times", "anew"];
        assert_eq!(lock(&notes)[..2], ["again", "and again"]);
        assert_eq!(lock(&notes)[2..], counted);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_is_silent_holds_up_neither_the_work_nor_the_end() {
        let (events, notes) = publisher(Duration::from_hours(1));
        for _ in 0..2 * WAITING {
            tell(&events, Reason::Available, "one of many");
        }
        assert_eq!(events.queue.capacity(), 0);
        let begun = Instant::now();
        events.flush().await;
        assert_eq!(begun.elapsed(), FLUSH_LIMIT);
        assert!(lock(&notes).is_empty());
    }

    #[test]
    fn a_note_is_not_cut_inside_a_character() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(600)).len(), 1000);
        assert_eq!(shortened(&format!("a{}", "ä".repeat(600))).len(), 999);
    }
}
