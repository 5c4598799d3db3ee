//! An id that the statuses of two objects hold, or that one is said to have held. Whoever may write statuses can make one of them name
//! the callback of another team: then a GET tells whose it is. Pure.

use super::{
    facts::{Facts, Shown},
    foreign::stuck,
    row::Row,
    step::Step,
};

/// The same step, save that a recorded id which another status holds, too, or which is known by hearsay, counts only once it was seen at
/// this object's place.
pub(super) fn checked(facts: &Facts, step: Step) -> Step {
    let recorded = facts.id();
    if recorded.is_none_or(|id| !facts.is_hearsay && !facts.claimed_elsewhere.contains(id)) {
        return step;
    }
    let changes = matches!(step, Step::Update { .. } | Step::Delete { .. });
    match &facts.shown {
        Shown::Row(row) if !is_at_home(facts, row) => anothers(facts, row),
        Shown::Unasked if changes => Step::Show,
        Shown::Unknown(failure) if changes => Step::Failed(failure.clone()),
        Shown::Row(_) | Shown::Gone | Shown::Unasked | Shown::Unknown(_) => step,
    }
}

fn is_at_home(facts: &Facts, row: &Row) -> bool {
    let desired = facts.desired.as_ref();
    desired.is_ok_and(|desired| row.place == desired.place)
}

/// The id is not this object's: it goes without it, or a person puts the status right.
fn anothers(facts: &Facts, row: &Row) -> Step {
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
    stuck(facts, message)
}
