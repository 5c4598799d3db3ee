//! Events, published at transitions only. A failure to publish never reaches the caller.

use kube::Client;
use kube::Resource as _;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tracing::debug;

use super::client::call;
use super::object::FIELD_MANAGER;
use crate::api::RecordingCallback;
use crate::plan::facts::reason::Reason;

/// The longest note that the API server takes is 1,024 bytes.
const LONGEST_NOTE: usize = 1000;

/// Publishes events. One per process, since it aggregates.
#[derive(Clone)]
pub struct EventPublisher {
    recorder: Recorder,
}

/// Whether somebody should look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Normal,
    /// Something is wrong.
    Warning,
}

impl EventPublisher {
    /// Publishes with this client.
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(instance),
        };
        Self {
            recorder: Recorder::new(client, reporter),
        }
    }

    /// Tells about an object.
    pub async fn publish(
        &self,
        object: &RecordingCallback,
        tone: Tone,
        reason: Reason,
        note: &str,
    ) {
        let event = Event {
            type_: match tone {
                Tone::Normal => EventType::Normal,
                Tone::Warning => EventType::Warning,
            },
            reason: reason.as_str().to_owned(),
            note: Some(shortened(note)),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        let about = object.object_ref(&());
        let published = self.recorder.publish(&event, &about);
        if let Err(error) = call("publish an event", published).await {
            debug!(%error, reason = reason.as_str(), "an event was not published");
        }
    }
}

/// At most `LONGEST_NOTE` bytes, never cut inside a character.
fn shortened(note: &str) -> String {
    let end = (0..=note.len().min(LONGEST_NOTE))
        .rev()
        .find(|end| note.is_char_boundary(*end));
    note.get(..end.unwrap_or_default())
        .unwrap_or_default()
        .to_owned()
}
