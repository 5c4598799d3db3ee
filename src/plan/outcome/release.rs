//! The next status of an object that parts with a callback: it is let go, or the id was never its own. Pure.

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::facts::Facts;
use crate::plan::facts::reason::Reason;
use crate::plan::outcome::{finish, next_attempt};
use crate::plan::step::delete;
use crate::plan::step::situation::{Situation, Stage};
use crate::terms::failure::{Class, Failure, Operation};

/// The object is let go, though others hold it still: its callback is not its own any more.
pub fn after_release(facts: &Facts) -> Status {
    let mut status = facts.status.clone();
    status.callback_id = None;
    status.closed_operation = facts.newest_attempt_id().or(status.closed_operation);
    status.next_attempt_time = None;
    finish(facts, status, &delete::released(facts))
}

/// The API server does not let the finalizer be taken off, and said why. Gives the status, and when it is tried again.
pub fn after_refused_release(facts: &Facts, why: &str, at: Timestamp) -> (Status, Timestamp) {
    let mut status = facts.status.clone();
    let count = facts.failures() + 1;
    let refused = Failure::new(Operation::Delete, Class::NotSent, why);
    let again = next_attempt(facts, &refused, count, at);
    let (reason, stage) = if facts.object.deleting {
        (Reason::Deleting, Stage::Progressing)
    } else {
        (Reason::ObserveOnly, Stage::NotReady)
    };
    let message = format!(
        "Nothing is left to do at the cloud, and the object is not let go, since the API server refuses to take the finalizer off: {why}"
    );
    let situation = Situation::new(reason, stage, message).at(again);
    status.failures = Some(count);
    status.next_attempt_time = situation.next;
    (finish(facts, status, &situation), again)
}

/// The recorded id is another object's, which owns the place.
pub fn after_disown(facts: &Facts) -> Status {
    let mut status = facts.status.clone();
    status.callback_id = None;
    status.target = None;
    status.adopted = None;
    status.sent = None;
    status.remote = None;
    finish(facts, status, &Situation::unchanged())
}
