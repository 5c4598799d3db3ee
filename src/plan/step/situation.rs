//! How things are with an object, in the words that its conditions will use: a reason, a sentence, and what that means for Ready. Also
//! which of these a failure gives, and whether it stalls. Pure; `plan::outcome` puts them into a status.

use jiff::Timestamp;

use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::{later, next_second};
use crate::plan::facts::{Facts, OtherOwner, operation_log};
use crate::terms::failure::{Class, Failure};

/// So many rejections of the same kind in a row may mean that it takes a person.
const STALLED_AFTER: i64 = 5;

/// One sentence about an object, and what it means for the three conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// The word.
    pub reason: Reason,
    /// The sentence: what is wrong, where, what to do.
    pub message: String,
    /// What it means for Ready, Reconciling and Stalled.
    pub stage: Stage,
    /// When the next attempt comes by itself.
    pub next: Option<Timestamp>,
}

/// The rows of the table of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Ready is True.
    Ready,
    /// Ready is False, Reconciling is True.
    Progressing,
    /// Ready is False, Stalled is True.
    Stalled,
    /// Ready is False and nobody works on it: the object only looks.
    NotReady,
    /// Ready keeps its status (Unknown when there was none), with this reason.
    Kept,
    /// Ready is Unknown.
    Unknown,
    /// Ready is Unknown, Reconciling is True.
    UnknownProgressing,
    /// All conditions stay as they are.
    AsItWas,
}

impl Situation {
    /// A situation without a time of its own.
    pub fn new(reason: Reason, stage: Stage, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            stage,
            next: None,
        }
    }

    /// The same, with the time of the next attempt.
    #[must_use]
    pub fn at(mut self, next: Timestamp) -> Self {
        self.next = Some(next_second(next));
        self
    }

    /// Nothing to tell.
    pub fn unchanged() -> Self {
        Self::new(Reason::Available, Stage::AsItWas, "")
    }

    /// The spec can't be served.
    pub fn invalid_spec(problem: &str) -> Self {
        Self::new(
            Reason::InvalidSpec,
            Stage::Stalled,
            format!("The spec can't be served: {problem}"),
        )
    }

    /// The object is suspended.
    pub fn suspended(stage: Stage) -> Self {
        Self::new(
            Reason::Suspended,
            stage,
            "spec.suspend is true: nothing is looked at or changed at the cloud until it is false or absent.",
        )
    }

    /// Another object owns the place. That may pass by itself until `young_until`, or when the owner goes.
    pub fn duplicate(facts: &Facts, other_owner: &OtherOwner, young_until: Timestamp) -> Self {
        let waits = other_owner.deleting || other_owner.unproven || facts.now < young_until;
        let message = format!(
            "RecordingCallback {} owns this domain and app. Delete one of the two; this one takes over by itself when that one is gone.",
            other_owner.name
        );
        Self::new(
            Reason::Duplicate,
            if waits {
                Stage::Progressing
            } else {
                Stage::Stalled
            },
            message,
        )
    }

    /// A call failed. `next` is when it is tried again, `advice` what a person can do.
    pub fn failed(facts: &Facts, failure: &Failure, advice: Option<&str>, next: Timestamp) -> Self {
        let reason = reason_of(failure);
        let stage = match failure.class {
            Class::Credential | Class::Permission | Class::Account => Stage::Stalled,
            Class::Rejected | Class::Exists | Class::Gone if is_stalled(facts, failure) => {
                Stage::Stalled
            }
            Class::Rejected
            | Class::Exists
            | Class::Gone
            | Class::Maintenance
            | Class::CloudDown
            | Class::NotSent
            | Class::Throttled
            | Class::Overloaded
            | Class::ClockSkew
            | Class::Protocol => Stage::Progressing,
        };
        Self::new(reason, stage, describe_failure(failure, advice)).at(next)
    }

    /// The way to let an object go whose delete waits for a human.
    #[must_use]
    pub fn with_release_hint(mut self, facts: &Facts) -> Self {
        self.message = format!(
            "{} To let the object go and leave the callback at the cloud: kubectl patch rcb {} -n {} --type merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'",
            self.message, facts.object.name, facts.object.namespace
        );
        self
    }
}

/// The reason of a failed call.
pub fn reason_of(failure: &Failure) -> Reason {
    use crate::terms::failure::Operation::Create;
    match failure.class {
        Class::Exists if failure.operation == Create => Reason::Conflict,
        Class::Rejected | Class::Gone | Class::Exists => Reason::RequestRejected,
        Class::CloudDown | Class::Protocol if failure.operation == Create => Reason::OutcomeUnknown,
        Class::Maintenance | Class::CloudDown | Class::NotSent | Class::Protocol => {
            Reason::CloudUnavailable
        }
        Class::Throttled | Class::Overloaded => Reason::RateLimited,
        Class::Credential => Reason::CredentialsRejected,
        Class::ClockSkew => Reason::ClockSkew,
        Class::Permission => Reason::PermissionDenied,
        Class::Account => Reason::AccountProblem,
    }
}

/// What the cloud said to which call, with everything that its support asks for.
pub fn describe_failure(failure: &Failure, advice: Option<&str>) -> String {
    let ended = match (failure.class, failure.may_have_changed()) {
        (Class::NotSent, _) => "was not sent",
        (_, true) => "may or may not have happened",
        (_, false) => "failed",
    };
    let answer = match (failure.http_status, &failure.code) {
        (Some(status), Some(code)) => format!(" (HTTP {status}, {code})"),
        (Some(status), None) => format!(" (HTTP {status})"),
        (None, _) => String::new(),
    };
    let request = failure
        .request_id
        .as_ref()
        .map(|id| format!(" [request id {id}]"))
        .unwrap_or_default();
    let advice = advice
        .map(|advice| format!(" {}.", capitalised(advice)))
        .unwrap_or_default();
    let (operation, message) = (
        failure.operation.as_str(),
        failure.message.trim_end_matches('.'),
    );
    format!("{operation} {ended}{answer}: {message}{request}.{advice}")
}

/// The start of a sentence.
fn capitalised(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}

/// Whether the same rejection came that often, and for as long as a stalled object takes. The log of changes counts those before this one.
fn is_stalled(facts: &Facts, failure: &Failure) -> bool {
    operation_log::count_repeats(&facts.status, failure).is_some_and(|(count, since)| {
        count + 1 >= STALLED_AFTER && facts.now >= later(since, facts.settings.stall_after)
    })
}
