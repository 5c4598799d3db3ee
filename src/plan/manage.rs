//! The decision for an object that is managed and not being deleted.

use std::time::Duration;

use jiff::SignedDuration;

use super::{
    conditions,
    facts::{Access, Desired, Facts, Key, Observed, Rival},
    foreign::{foreign, ours, several},
    gate::{ambiguous, backoff, elsewhere, no_access, target_changed, unusable},
    hold,
    place::Target,
    reason::Reason,
    settled::{goes_on, has_its_key, is_settled},
    situation::{Situation, Stage},
    step::{FRESH, Proof, Rest, Step, look, rest, until},
    time::{later, shifted},
    unknown,
};

/// When a Duplicate asks again whether its owner is known.
const LISTED_SOON: Duration = Duration::from_secs(5);

/// The next step: gates first, then what the record and the status know, then what a look shows.
pub(super) fn decide(facts: &Facts, desired: &Desired) -> Step {
    if let Some(failure) = &facts.blind
        && is_settled(facts, desired)
    {
        match facts.access {
            Access::Unread => return Step::Access,
            Access::Usable(_) | Access::Unknown(_) => return Step::Unseen(failure.clone()),
            Access::Unusable(..) | Access::Ambiguous(_) => {}
        }
    }
    let target = match gate(facts, desired) {
        Ok(target) => target,
        Err(step) => return *step,
    };
    if let Some(step) = key_gate(facts, desired) {
        return step;
    }
    if let Some(next) = backoff(facts) {
        return until(next);
    }
    let step = match (facts.open_record(), facts.id()) {
        (Some(record), _) => unknown::decide(facts, desired, record),
        (None, Some(id)) => hold::decide(facts, desired, target, id),
        (None, None) => first(facts, desired),
    };
    match &facts.key {
        Key::Missing(problem) if matches!(step, Step::Create | Step::Update { .. }) => {
            rest(key_missing(problem))
        }
        Key::Unread | Key::Unwanted | Key::Missing(_) | Key::Invalid(_) | Key::Digest(_) => step,
    }
}

/// Where to call, if this object may call the cloud now; else the step that tells why not.
fn gate<'a>(facts: &'a Facts, desired: &Desired) -> Result<&'a Target, Box<Step>> {
    let settled = goes_on(facts, desired);
    let target = match &facts.access {
        Access::Usable(target) => target,
        Access::Unread if settled && !facts.nudged => {
            return Err(Box::new(hold::by_memory(facts, desired)));
        }
        Access::Unread => return Err(Box::new(Step::Access)),
        Access::Unusable(Reason::CredentialsMissing, _)
        | Access::Ambiguous(_)
        | Access::Unknown(_)
            if settled =>
        {
            return Err(Box::new(hold::by_memory(facts, desired)));
        }
        Access::Unusable(reason, message) => {
            return Err(Box::new(rest(unusable(*reason, message))));
        }
        Access::Ambiguous(sentence) => return Err(Box::new(ambiguous(facts, sentence))),
        Access::Unknown(failure) => return Err(Box::new(no_access(facts, failure))),
    };
    if let Some(home) = elsewhere(facts, target) {
        return Err(Box::new(rest(target_changed(&home, target))));
    }
    if let Some(rival) = &facts.rival {
        return Err(Box::new(duplicate(facts, rival)));
    }
    if !facts.knows_all && conditions::has_reason(&facts.status, Reason::Duplicate) {
        // Its owner may be in a namespace that is not listed yet.
        return Err(Box::new(until(later(facts.now, LISTED_SOON))));
    }
    Ok(target)
}

/// Another object owns the place: told at once, and once more when it has lasted.
fn duplicate(facts: &Facts, rival: &Rival) -> Step {
    // What a third object holds is not in the owner's status, however often that is read.
    if let Some(id) = facts.id().filter(|id| rival.id.as_deref() == Some(*id)) {
        return Step::Disown {
            id: id.to_owned(),
            owner: rival.name.clone(),
        };
    }
    let young_until = conditions::young_until(facts, Reason::Duplicate);
    let next = later(facts.now, facts.settings.settle_time);
    let again = Some(young_until).filter(|until| *until > facts.now);
    Step::Rest(Rest {
        situation: Situation::duplicate(facts, rival, young_until),
        remote: None,
        // A record's reservation ends by time, which wakes nobody.
        again: again.or(rival.id.is_none().then_some(next)),
        look_again: false,
    })
}

/// What the sign key forbids, if anything.
fn key_gate(facts: &Facts, desired: &Desired) -> Option<Step> {
    match &facts.key {
        Key::Unread => Some(Step::Access),
        // A look needs none.
        Key::Missing(_) if has_its_key(facts, desired) => None,
        Key::Missing(problem) => Some(rest(key_missing(problem))),
        Key::Invalid(problem) => Some(rest(Situation::new(
            Reason::SignKeyInvalid,
            Stage::Stalled,
            problem,
        ))),
        Key::Unwanted | Key::Digest(_) => None,
    }
}

fn key_missing(problem: &str) -> Situation {
    Situation::new(Reason::SignKeyMissing, Stage::Progressing, problem)
}

/// No id and nothing open: the first create, or the next one after a rejection.
fn first(facts: &Facts, desired: &Desired) -> Step {
    if let Some(row) = ours(facts) {
        return Step::Claim(row.clone());
    }
    // What was seen in the way may have gone: a conflict is over only by a look of its own.
    let in_the_way = conditions::has_reason(&facts.status, Reason::Conflict);
    let asked = facts.unanswered().is_some() || in_the_way;
    let age = if asked { SignedDuration::ZERO } else { FRESH };
    let not_before = shifted(facts.now, -age);
    match &facts.observed {
        Observed::Unknown(failure) => Step::Failed(failure.clone()),
        seen if !seen.since(not_before) => look(not_before, Proof::Absence),
        Observed::Absent { proven: true, .. } => Step::Create,
        Observed::Present { row, .. } => foreign(facts, desired, row),
        Observed::Several { rows, .. } => several(facts, rows),
        Observed::Unasked | Observed::Absent { .. } => look(not_before, Proof::Absence),
    }
}
