//! An id that the statuses of two objects hold, or that one is said to have held. Whoever may write statuses can make one of them name
//! the callback of another team: then a GET tells whose it is. Pure.

use crate::plan::facts::row::Row;
use crate::plan::facts::{Facts, GetResult};
use crate::plan::step::Step;
use crate::plan::step::foreign::report_conflict;

/// The same step, save that a recorded id which another status holds, too, or which is known by hearsay, counts only once it was seen at
/// this object's place.
pub(in crate::plan) fn check(facts: &Facts, step: Step) -> Step {
    let recorded = facts.id();
    if recorded.is_none_or(|id| !facts.is_hearsay && !facts.claimed_elsewhere.contains(id)) {
        return step;
    }
    let changes = matches!(step, Step::Update { .. } | Step::Delete { .. });
    match &facts.get_result {
        GetResult::Row(row) if row.place != facts.place => refuse(facts, row),
        GetResult::Unasked if changes => Step::GetById,
        GetResult::Unknown(failure) if changes => Step::ReportFailure(failure.clone()),
        GetResult::Row(_) | GetResult::Gone | GetResult::Unasked | GetResult::Unknown(_) => step,
    }
}

/// The id is not this object's: it goes without it, or a person puts the status right.
fn refuse(facts: &Facts, row: &Row) -> Step {
    if facts.object.deleting {
        return Step::Release {
            retained: Some(row.id.clone()),
        };
    }
    let message = format!(
        "status.callbackID is {}, which lies at {} and is in the status of another RecordingCallback, too: nothing is changed. \
         Find out who wrote this status, then: kubectl patch rcb {} -n {} --subresource status --type merge -p '{{\"status\":{{\"callbackID\":null}}}}'",
        row.id, row.place, facts.object.name, facts.object.namespace
    );
    report_conflict(facts, message)
}
