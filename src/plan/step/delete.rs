//! The decision for an object that is being deleted: leave nothing of ours behind, touch nothing that is not ours. Pure.

use std::time::Duration;

use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Record;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::later;
use crate::plan::facts::{
    CloudAccess, CrdPresence, Deletion, Facts, GetResult, Observed, OtherOwner,
};
use crate::plan::step::drift::look_counts_at;
use crate::plan::step::maintain::{look_again_at, looked_for_again};
use crate::plan::step::open_record::next_look_for;
use crate::plan::step::preconditions::{
    backoff, former_endpoint, other_target, requeue_ambiguous, requeue_without_access,
    target_changed, target_changed_address, unusable,
};
use crate::plan::step::settled::stage_while_suspended;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Requeue, Step, look, requeue, requeue_at};
use crate::terms::target::Target;

/// When it is asked again whether the product is being uninstalled, where that is not known or is so.
const CRD_SOON: Duration = Duration::from_secs(30);

/// The next step.
pub(in crate::plan) fn decide(facts: &Facts) -> Step {
    // Without our finalizer it was let go, or somebody wiped that (`kubectl replace` does): then its delete is still to be made.
    let has_nothing = facts.id().is_none() && facts.claiming_record().is_none();
    // A status that still names what we deleted is put right first, as for an object that is let go with its finalizer.
    let names_nothing = has_nothing && facts.status.callback_id.is_none();
    if !facts.object.finalizer && (names_nothing || facts.released) {
        return requeue(released(facts));
    }
    let retained = facts.id().map(str::to_owned);
    if has_nothing {
        return Step::Release { retained: None };
    }
    let held_by_owner = facts.other_owner.is_some()
        && retained
            .as_ref()
            .is_some_and(|id| facts.claimed_elsewhere.contains(id));
    let retain =
        facts.deletion() == Deletion::Retain || facts.crd == CrdPresence::Going || held_by_owner;
    if retain {
        return Step::Release { retained };
    }
    // In whatever state it waits: while the product is being uninstalled every object goes, and its callback stays.
    match &facts.crd {
        CrdPresence::Unread => return Step::ReadCrd,
        CrdPresence::Unknown(problem) => return cannot_know(facts, problem),
        CrdPresence::Stays | CrdPresence::Going => {}
    }
    match waiting(facts) {
        Some(situation) => requeue(situation.with_release_hint(facts)),
        None => may_call(facts),
    }
}

/// The object is let go, and goes when the others let it.
pub(in crate::plan) fn released(facts: &Facts) -> Situation {
    if facts.object.held_by.is_empty() {
        return Situation::unchanged();
    }
    let message = format!(
        "The object is let go here, and its place is free for others. It goes when the finalizers of others are taken off: {}.",
        facts.object.held_by.join(", ")
    );
    Situation::new(Reason::Deleting, Stage::Progressing, message)
}

/// Whether the callback is to stay can't be known.
fn cannot_know(facts: &Facts, problem: &str) -> Step {
    let message = format!(
        "The delete waits, since it can't be known whether the product is being uninstalled (then the callback would stay): {problem}"
    );
    let situation = Situation::new(Reason::Deleting, Stage::Progressing, message);
    let rest = Requeue::new(situation.with_release_hint(facts));
    Step::Requeue(rest.until(later(facts.now, CRD_SOON)))
}

/// What the delete waits for, if a human has to do something.
fn waiting(facts: &Facts) -> Option<Situation> {
    if facts.policies.suspend {
        let message = "The object is being deleted and suspended: its callback is deleted when spec.suspend is false.";
        let stage = stage_while_suspended(facts);
        return Some(Situation::new(Reason::Suspended, stage, message));
    }
    if facts.settings.read_only {
        let message = "The operator runs with --read-only: deletes wait.";
        return Some(Situation::new(
            Reason::ObserveOnly,
            Stage::NotReady,
            message,
        ));
    }
    match &facts.access {
        CloudAccess::Unread | CloudAccess::Ambiguous(_) | CloudAccess::Unknown(_) => None,
        CloudAccess::Unusable(reason, message) => Some(unusable(*reason, message)),
        CloudAccess::Usable(target) => {
            other_target(facts, target).map(|home| target_changed(&home, target))
        }
    }
}

/// The cloud can be called.
fn may_call(facts: &Facts) -> Step {
    let target = match &facts.access {
        CloudAccess::Usable(target) => target,
        CloudAccess::Ambiguous(sentence) => return requeue_ambiguous(facts, sentence),
        CloudAccess::Unknown(failure) => return requeue_without_access(facts, failure),
        CloudAccess::Unread | CloudAccess::Unusable(..) => return Step::ReadSecrets,
    };
    if let Some(next) = backoff(facts) {
        return requeue_at(next);
    }
    let moved = former_endpoint(facts, target).is_some();
    match (facts.claiming_record(), facts.id()) {
        (_, Some(id)) if moved => through_another_address(facts, target, id),
        (Some(record), _) if moved => look_through_another_address(facts, target, record),
        (Some(record), _) => look_first(facts, record),
        (None, id) => id.map_or(Step::Release { retained: None }, delete_step),
    }
}

/// The project has another address now: it is believed once the recorded id is found there.
fn through_another_address(facts: &Facts, target: &Target, id: &str) -> Step {
    match &facts.observed {
        Observed::Unasked => return look(facts.now, Proof::Presence),
        Observed::Unknown(failure) => return Step::ReportFailure(failure.clone()),
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {}
    }
    if facts.sees_recorded() {
        let record = facts.claiming_record();
        return record.map_or_else(|| delete_step(id), |record| look_first(facts, record));
    }
    let counts_at = look_counts_at(facts);
    if !facts.observed.since(counts_at) {
        return look_again_at(facts, counts_at).telling(looked_for_again(Reason::Deleting));
    }
    match &facts.get_result {
        GetResult::Unasked => Step::GetById,
        GetResult::Unknown(failure) => Step::ReportFailure(failure.clone()),
        GetResult::Row(_) | GetResult::Gone => not_found_there(facts, target),
    }
}

/// The same where no id is recorded: what a create made shows that both addresses lead to one cloud. It is written down before it is deleted,
/// since nothing shows that any more afterwards.
fn look_through_another_address(facts: &Facts, target: &Target, record: &Record) -> Step {
    if let (Some(row), Ok(_)) = (facts.own_row(), &facts.desired) {
        return match creating_beside(facts, row) {
            Some(owner) => wait_for_create_of(owner, facts, row),
            None => Step::Claim(row.clone()),
        };
    }
    let step = look_first(facts, record);
    if matches!(step, Step::Release { .. }) {
        return not_found_there(facts, target);
    }
    step
}

/// Nothing is let go, or called gone, for what another address does not show.
fn not_found_there(facts: &Facts, target: &Target) -> Step {
    requeue(target_changed_address(facts, target).with_release_hint(facts))
}

/// More than the recorded id may be ours: look, and delete all that is. A record that was closed because a row of an earlier
/// attempt was found says nothing of what its newest may still make.
fn look_first(facts: &Facts, record: &Record) -> Step {
    let settled_at = facts.settled_at(record);
    // Only what creates made goes then.
    let stays = facts.keeps_adopted(&facts.status);
    let is_recorded = |row: &&Row| facts.is_recorded(row);
    let mut rows = facts.observed.rows().iter();
    if let Some(row) = rows.find(|row| facts.is_ours(row) && !(stays && is_recorded(row))) {
        return match creating_beside(facts, row) {
            Some(owner) => wait_for_create_of(owner, facts, row),
            None => delete_step(&row.id),
        };
    }
    match &facts.observed {
        Observed::Unasked | Observed::Absent { proven: false, .. } => {
            look(facts.now, Proof::Absence)
        }
        Observed::Unknown(failure) => Step::ReportFailure(failure.clone()),
        seen if seen.since(settled_at) && stays => Step::Release {
            retained: seen
                .rows()
                .iter()
                .find(is_recorded)
                .map(|row| row.id.clone()),
        },
        seen if seen.since(settled_at) => facts
            .id()
            .map_or(Step::Release { retained: None }, delete_step),
        _ if facts.now >= settled_at => look(settled_at.max(facts.now), Proof::Absence),
        Observed::Absent { .. } | Observed::Present { .. } | Observed::Several { .. } => {
            let again = next_look_for(facts, record, settled_at);
            let message = "It is not known whether the newest create happened: the object goes when what it made is deleted, or nothing shows after the settle time.";
            let situation =
                Situation::new(Reason::OutcomeUnknown, Stage::Progressing, message).at(settled_at);
            Step::Requeue(Requeue::new(situation).until(again))
        }
    }
}

/// Who may have made a row that is ours by a record alone.
fn creating_beside<'a>(facts: &'a Facts, row: &Row) -> Option<&'a OtherOwner> {
    let creating = facts.other_owner.as_ref().filter(|it| it.creating);
    creating.filter(|_| !facts.is_recorded(row))
}

/// Another object has come to own the place and makes its callback there, which may say the same: whose a row is that no status names is told
/// by that create's outcome.
fn wait_for_create_of(owner: &OtherOwner, facts: &Facts, row: &Row) -> Step {
    let message = format!(
        "The outcome of a create of {} is not known yet: whether the callback {} is of that or of this object, whose delete waits, is told by it.",
        owner.name, row.id
    );
    let situation = Situation::new(Reason::Deleting, Stage::Progressing, message);
    let rest = Requeue::new(situation.with_release_hint(facts));
    Step::Requeue(rest.until(later(facts.now, facts.settings.settle_time)))
}

/// The record of creates of which nobody knows that they left nothing, where the object is let go now: beside the recorded callback, which
/// is told by its id.
pub fn left_unproven(facts: &Facts) -> Option<&Record> {
    let record = facts.claiming_record().filter(|_| facts.object.deleting)?;
    let observed = &facts.observed;
    let is_left = |row: &Row| facts.is_ours(row) && !facts.is_recorded(row);
    let was_seen = observed.tells_all() && observed.since(facts.settled_at(record));
    let shows_none = was_seen && !observed.rows().iter().any(is_left);
    let was_rechecked = facts.rechecked && facts.open_record().is_none();
    (!shows_none && !was_rechecked).then_some(record)
}

/// DELETE an id of ours.
fn delete_step(id: &str) -> Step {
    Step::Delete { id: id.to_owned() }
}
