//! The decision for an object that is managed and not being deleted: access, owner, sign key, then the create or what `maintain` says.
//! Pure.

use std::time::Duration;

use jiff::SignedDuration;

use crate::plan::facts::observed::FRESH;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{
    CloudAccess, Desired, Facts, Observed, OtherOwner, SignKeyState, conditions,
};
use crate::plan::step::foreign::{decide_foreign, report_several};
use crate::plan::step::preconditions::{
    backoff, backoff_of_hidden, former_endpoint, other_target, requeue_ambiguous,
    requeue_without_access, target_changed, target_changed_address, unusable, wait_for_lists,
};
use crate::plan::step::settled::{check_settled, check_without_reads, has_its_key};
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Proof, Requeue, Step, look, maintain, open_record, requeue, requeue_at};
use crate::terms::target::Target;

/// When it is looked again for the callback of an owner that calls through another address.
const SEEN_AGAIN: Duration = Duration::from_mins(10);

/// The next step: preconditions first, then what the record and the status know, then what a look shows.
pub(in crate::plan) fn decide(facts: &Facts, desired: &Desired) -> Step {
    if let Some(failure) = &facts.sweep_failure
        && check_settled(facts, desired).is_some()
    {
        match facts.access {
            CloudAccess::Unread => return Step::ReadSecrets,
            CloudAccess::Usable(_) | CloudAccess::Unknown(_) => {
                return Step::ReportSweepFailure(failure.clone());
            }
            CloudAccess::Unusable(..) | CloudAccess::Ambiguous(_) => {}
        }
    }
    let target = match check_access(facts, desired) {
        Ok(target) => target,
        Err(step) => return *step,
    };
    if let Some(step) = check_sign_key(facts, desired) {
        return step;
    }
    if let Some(next) = backoff(facts) {
        return requeue_at(next);
    }
    let step = match (facts.open_record(), facts.id()) {
        (Some(record), _) => open_record::decide(facts, desired, target, record),
        (None, Some(id)) => maintain::decide(facts, desired, target, id),
        (None, None) => decide_first_create(facts, desired, target),
    };
    match &facts.key {
        SignKeyState::Missing(problem) if matches!(step, Step::Create | Step::Update { .. }) => {
            requeue(key_missing(problem))
        }
        SignKeyState::Unread
        | SignKeyState::Unwanted
        | SignKeyState::Missing(_)
        | SignKeyState::Invalid(_)
        | SignKeyState::Digest(_) => step,
    }
}

/// Where to call, if this object may call the cloud now; else the step that tells why not. What is settled goes on by its status then.
fn check_access<'a>(facts: &'a Facts, desired: &Desired) -> Result<&'a Target, Box<Step>> {
    let by_status = || {
        check_without_reads(facts, desired)
            .map(|held| maintain::decide_by_status(facts, desired, held))
    };
    let step = match &facts.access {
        CloudAccess::Usable(target) => return check_target(facts, target),
        CloudAccess::Unread if facts.dependency_changed => Step::ReadSecrets,
        CloudAccess::Unread => by_status().unwrap_or(Step::ReadSecrets),
        CloudAccess::Unusable(reason, message) if *reason != Reason::CredentialsMissing => {
            requeue(unusable(*reason, message))
        }
        CloudAccess::Unusable(reason, message) => {
            by_status().unwrap_or_else(|| requeue(unusable(*reason, message)))
        }
        CloudAccess::Ambiguous(sentence) => {
            by_status().unwrap_or_else(|| requeue_ambiguous(facts, sentence))
        }
        CloudAccess::Unknown(failure) => {
            by_status().unwrap_or_else(|| requeue_without_access(facts, failure))
        }
    };
    Err(Box::new(step))
}

/// The target, if it is that of the callback and nobody else owns the place there.
fn check_target<'a>(facts: &'a Facts, target: &'a Target) -> Result<&'a Target, Box<Step>> {
    if let Some(home) = other_target(facts, target) {
        return Err(Box::new(requeue(target_changed(&home, target))));
    }
    if let Some(other_owner) = &facts.other_owner {
        return Err(Box::new(report_duplicate(facts, other_owner)));
    }
    if !facts.knows_all && conditions::has_reason(&facts.status, Reason::Duplicate) {
        return Err(Box::new(wait_for_lists(facts, Reason::Duplicate)));
    }
    Ok(target)
}

/// Another object owns the place: told at once, and once more when it has lasted.
fn report_duplicate(facts: &Facts, other_owner: &OtherOwner) -> Step {
    // What a third object holds is not in the owner's status, however often that is read.
    if let Some(id) = facts
        .id()
        .filter(|id| other_owner.id.as_deref() == Some(*id) && !other_owner.afar)
    {
        return Step::Disown {
            id: id.to_owned(),
            owner: other_owner.name.clone(),
        };
    }
    let young_until = conditions::young_until(facts, Reason::Duplicate);
    let again = Some(young_until).filter(|until| *until > facts.now);
    // What ends by time, or at the cloud, wakes nobody.
    let pause = if other_owner.id.is_none() || other_owner.unproven {
        Some(facts.settings.settle_time)
    } else {
        other_owner.afar.then_some(SEEN_AGAIN)
    };
    let again = again.or(pause.map(|pause| later(facts.now, pause)));
    let situation = Situation::duplicate(facts, other_owner, young_until);
    Step::Requeue(Requeue::new(situation).until(again))
}

/// What the sign key forbids, if anything.
fn check_sign_key(facts: &Facts, desired: &Desired) -> Option<Step> {
    match &facts.key {
        SignKeyState::Unread => Some(Step::ReadSecrets),
        // A look needs none.
        SignKeyState::Missing(_) if has_its_key(facts, desired) => None,
        SignKeyState::Missing(problem) => Some(requeue(key_missing(problem))),
        SignKeyState::Invalid(problem) => Some(requeue(Situation::new(
            Reason::SignKeyInvalid,
            Stage::Stalled,
            problem,
        ))),
        SignKeyState::Unwanted | SignKeyState::Digest(_) => None,
    }
}

fn key_missing(problem: &str) -> Situation {
    Situation::new(Reason::SignKeyMissing, Stage::Progressing, problem)
}

/// No id and nothing open: the first create, or the next one after a rejection.
fn decide_first_create(facts: &Facts, desired: &Desired, target: &Target) -> Step {
    if let Some(row) = facts.own_row() {
        return Step::Claim(row.clone());
    }
    // What was seen in the way may have gone: a conflict is over only by a look of its own.
    let in_the_way = conditions::has_reason(&facts.status, Reason::Conflict);
    let asked = facts.unanswered().is_some() || in_the_way;
    let age = if asked { SignedDuration::ZERO } else { FRESH };
    let not_before = shifted(facts.now, -age);
    match &facts.observed {
        Observed::Unknown(failure) => Step::ReportFailure(failure.clone()),
        seen if !seen.since(not_before) => look(not_before, Proof::Absence),
        // What earlier attempts made may lie where they went.
        seen if seen.tells_all() && former_endpoint(facts, target).is_some() => {
            requeue(target_changed_address(facts, target))
        }
        Observed::Absent { proven: true, .. } => {
            backoff_of_hidden(facts).map_or(Step::Create, requeue_at)
        }
        Observed::Present { row, .. } => decide_foreign(facts, desired, row),
        Observed::Several { rows, .. } => report_several(facts, rows),
        Observed::Unasked | Observed::Absent { .. } => look(not_before, Proof::Absence),
    }
}
