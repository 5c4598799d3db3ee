//! The next status of an object that parts with a callback: it is let go, or the id was never its own. Pure.

use crate::api::status::Status;
use crate::plan::facts::Facts;
use crate::plan::outcome::finish;
use crate::plan::step::delete;
use crate::plan::step::situation::Situation;

/// The object is let go, though others hold it still: its callback is not its own any more.
pub fn after_release(facts: &Facts) -> Status {
    let mut status = facts.status.clone();
    status.callback_id = None;
    status.closed_operation = facts.newest_attempt_id().or(status.closed_operation);
    status.next_attempt_time = None;
    finish(facts, status, &delete::released(facts))
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
