//! What there is to tell of an object. Pure.

use jiff::Timestamp;
use serde::Serialize;

use crate::api::status::{Condition, Status};
use crate::api::{PENDING_OPERATION, RecordingCallback, RecordingCallbackSpec};
use crate::command::unanswered::{Unanswered, unanswered};
use crate::explain;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Record;

/// An object, with what its reader would otherwise have to know how to look for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectStory {
    pub(super) namespace: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_time: Option<Timestamp>,
    /// The write-ahead record of its creates, unless all is known that came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<RecordDoubt>,
    /// What the operator has not come to yet.
    pub(super) pending: Vec<String>,
    /// What a person does about it.
    pub(super) advice: Vec<String>,
    pub(super) spec: RecordingCallbackSpec,
    pub(super) status: Status,
}

/// Creates of which it is not known what they made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordDoubt {
    pub(super) attempts: usize,
    pub(super) newest: Timestamp,
    pub(super) is_open: bool,
}

impl ObjectStory {
    pub(super) fn of(object: RecordingCallback) -> Self {
        let pending = pending(&object);
        let metadata = object.metadata;
        let status = object.status.unwrap_or_default();
        let annotation = metadata.annotations.as_ref();
        let annotation = annotation.and_then(|annotations| annotations.get(PENDING_OPERATION));
        Self {
            record: annotation.and_then(|annotation| {
                let uid = metadata.uid.as_deref().unwrap_or_default();
                doubt(&Record::parse(annotation, uid)?, &status)
            }),
            namespace: metadata.namespace.unwrap_or_default(),
            name: metadata.name.unwrap_or_default(),
            deletion_time: metadata.deletion_timestamp.map(|time| time.0),
            advice: advice(&status),
            pending,
            spec: object.spec,
            status,
        }
    }

    pub(super) fn condition(&self, type_: &str) -> Option<&Condition> {
        condition(&self.status, type_)
    }
}

fn condition<'a>(status: &'a Status, type_: &str) -> Option<&'a Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == type_)
}

fn doubt(record: &Record, status: &Status) -> Option<RecordDoubt> {
    let is_open = record.is_open(status.closed_operation.as_deref());
    (is_open || record.has_several_attempts()).then_some(RecordDoubt {
        attempts: record.attempts.len(),
        newest: record.newest()?.at,
        is_open,
    })
}

/// What was asked for and is not answered.
fn pending(object: &RecordingCallback) -> Vec<String> {
    let sentence = |unanswered| match unanswered {
        Unanswered::Object => {
            "no operator has seen this object yet: see whether one runs that serves its namespace"
                .to_owned()
        }
        Unanswered::Spec { generation, told } => format!(
            "the newest spec (generation {generation}) is not taken up yet, the status tells of generation {told}"
        ),
        Unanswered::Look => "a look that was asked for is not answered yet".to_owned(),
    };
    unanswered(object).into_iter().map(sentence).collect()
}

/// What to do about the reason of Ready, and about the code that the cloud last answered with. Of a refusal the code says more.
fn advice(status: &Status) -> Vec<String> {
    let about = |word: &str| Some(format!("{word}: {}", explain::remedy(word)?));
    let reason = condition(status, "Ready").map(|ready| ready.reason.as_str());
    let operation = status.last_operation.as_ref();
    let code = operation.and_then(|operation| about(operation.error_code.as_deref()?));
    // A code does not know that it was the date that was refused.
    let is_skewed = reason == Some(Reason::ClockSkew.as_str());
    let code = code.filter(|_| !is_skewed);
    let is_refused = reason == Some(Reason::RequestRejected.as_str());
    let reason = reason.filter(|_| !(is_refused && code.is_some()));
    reason.and_then(about).into_iter().chain(code).collect()
}
