//! The decision: one step for one object, from its facts.

use crate::plan::facts::{Facts, SignKeyState};
use crate::plan::step::situation::Situation;
use crate::plan::step::{Step, delete, dispute, manage, observe, requeue, settled};
use crate::terms::lane::Lane;

/// The next step.
pub fn decide(facts: &Facts) -> Step {
    dispute::check(facts, decide_undisputed(facts))
}

/// The next step, if the recorded id is this object's.
fn decide_undisputed(facts: &Facts) -> Step {
    if facts.object.deleting {
        return delete::decide(facts);
    }
    let must_hold = facts.id().is_some() || facts.open_record().is_some();
    let wiped = !facts.object.has_record && facts.claiming_record().is_some();
    if must_hold && (!facts.object.finalizer || wiped) && !facts.policies.observe {
        return Step::AddFinalizer;
    }
    if facts.policies.observe && facts.object.finalizer && facts.open_record().is_none() {
        return Step::RemoveFinalizer;
    }
    if facts.policies.suspend {
        return suspended(facts);
    }
    let desired = match &facts.desired {
        Ok(desired) => desired,
        Err(problem) => return requeue(Situation::invalid_spec(problem)),
    };
    if facts.only_observes() {
        observe::decide(facts, desired)
    } else {
        manage::decide(facts, desired)
    }
}

/// The lane of the calls for this object.
pub fn lane(facts: &Facts) -> Lane {
    if facts.object.deleting || facts.unanswered().is_some() || facts.open_record().is_some() {
        return Lane::Urgent;
    }
    let retry = facts.status.failures.unwrap_or_default() > 0
        && !facts.nudged
        && facts.status.observed_generation == Some(facts.object.generation);
    match (retry, facts.id()) {
        (true, _) => Lane::Background,
        (false, Some(_)) => Lane::Urgent,
        (false, None) => Lane::Create,
    }
}

/// Suspended: nothing is looked at or changed. Of another spec nothing is said before its key is read, which calls no cloud.
fn suspended(facts: &Facts) -> Step {
    let wants_key = facts.desired.as_ref().is_ok_and(|it| it.wants_key);
    if wants_key && facts.key == SignKeyState::Unread && facts.is_new_generation() {
        return Step::ReadSecrets;
    }
    requeue(Situation::suspended(settled::stage_while_suspended(facts)))
}
