//! The entry of the decision: which file decides for this object, from its facts, and in which lane its calls go. Pure.

use crate::plan::facts::{Facts, SignKeyState};
use crate::plan::step::situation::Situation;
use crate::plan::step::{Step, delete, dispute, manage, observe, requeue, settled};
use crate::terms::lane::Lane;

/// The next step.
///
/// Where several things are wrong at once, the first of these is told, as its reason. Each line ends the decision where it holds.
///
/// 1. `Conflict`: the recorded id is in another status, too, or known by hearsay, and does not lie at this object's place (`dispute`).
///    What is being deleted is let go instead.
/// 2. Of an object that is being deleted (`delete`), and of no other: `Deleting`, where only the finalizers of others hold it, or where it
///    can't be known whether the product is being uninstalled; `Suspended`; `ObserveOnly` under `--read-only`; 5, 6 and 10; `OutcomeUnknown`
///    while a create may still come to something, or the failure of the look for that.
/// 3. `Suspended`.
/// 4. `InvalidSpec`.
/// 5. Why the cloud can't be called: `CredentialsMissing`, `EndpointNotAllowed` or the reason of the failure to find out whom to call as. Of
///    what is settled, sweeps that fail come first, with the reason of their failure; and of these three only `EndpointNotAllowed` is told.
/// 6. `TargetChanged`: another project than the callback's.
/// 7. `ObserveOnly`, or the failure of the look for it: the end of what is only looked at (`observe`).
/// 8. `Duplicate`: another object owns the place, or may still own it while not all are known (`manage`).
/// 9. `SignKeyMissing`, unless the callback has that very key; `SignKeyInvalid`.
/// 10. Nothing new while a backoff runs.
/// 11. What a look shows: `OutcomeUnknown` while a record is open (`open_record`), `TargetChanged` where neither the callback nor what a
///     create may have made is found at a new address of its project, `Conflict` with rows that are not ours (`foreign`), `Contended`,
///     `Updating`, `Normalized` or `Available` (`maintain`); or the look's failure.
///
/// What a step comes to is told when it is done (`outcome`); a wait for the quota (`RateLimited`) by who waits.
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
        && !facts.dependency_changed
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
