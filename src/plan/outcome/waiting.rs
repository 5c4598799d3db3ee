//! What is said of an object that waits for calls: for the quota that all share, or for its own allowance. Pure.

use jiff::Timestamp;

use super::conditions::set_conditions;
use super::{finish, holds_spec};
use crate::api::status::Status;
use crate::plan::facts::conditions::is_ready;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::row::Row;
use crate::plan::facts::{Facts, GetResult, Observed, operation_log};
use crate::plan::step::drift::{RowDrift, detect};
use crate::plan::step::situation::{Situation, Stage};

/// The object waits for its turn.
pub fn while_queued(facts: &Facts, until: Timestamp) -> Status {
    let mut status = facts.status.clone();
    let situation = Situation::new(
        Reason::RateLimited,
        Stage::Progressing,
        "Waiting for the cloud's quota of calls per minute; see --requests-per-minute.",
    )
    .at(until);
    status.next_attempt_time = situation.next;
    if holds_spec(facts) && !facts.object.deleting && !is_seen_otherwise(facts) {
        return facts.status.clone();
    }
    set_conditions(&mut status, &situation, facts.object.generation, facts.now);
    status
}

/// The object has used up the calls that one may cause, and got nowhere.
pub fn while_exhausted(facts: &Facts, until: Timestamp) -> Status {
    let mut status = facts.status.clone();
    // Looks that fail are told already, and leave what is settled as it was.
    let is_unseen = operation_log::shows_failed_look(&status) && holds_spec(facts);
    if !is_ready(&status) || is_unseen {
        return status;
    }
    let situation = Situation::new(
        Reason::CloudUnavailable,
        Stage::Progressing,
        "The calls for this object led to nothing that lasts, whatever the cloud answered: it causes no more than 120 in an hour. See status.operations and the operator's log.",
    )
    .at(until);
    status.next_attempt_time = situation.next;
    finish(facts, status, &situation)
}

/// Whether what was seen in this round is not what the status says that the cloud holds.
fn is_seen_otherwise(facts: &Facts) -> bool {
    let differs = |row: &Row| {
        let desired = facts.desired.as_ref();
        let seen = desired.map(|desired| detect(facts, desired, row));
        !matches!(seen, Ok(RowDrift::Held(_) | RowDrift::Normalized(_)))
    };
    match &facts.observed {
        _ if facts.get_result == GetResult::Gone => true,
        Observed::Absent { proven, .. } => *proven,
        Observed::Present { row, .. } => differs(row),
        Observed::Several { rows, .. } => rows.iter().all(differs),
        Observed::Unasked | Observed::Unknown(_) => false,
    }
}
