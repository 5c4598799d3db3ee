//! What the status remembers of an object's callback, and whether that is enough to go on without a look. Pure.

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::operation_log::Outcome;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::Record;
use crate::plan::facts::sent_key::SentKey;
use crate::plan::facts::time::later;
use crate::plan::facts::{Desired, Facts, Observed, SignKeyState, conditions, operation_log};
use crate::plan::step::Requeue;
use crate::plan::step::held::{SpecHeld, is_as_sent};
use crate::plan::step::situation::Stage;

/// The word of a plan that brings our callback to the spec.
pub(in crate::plan) const UPDATE: &str = "Update";

/// Whether an object that only looks tells that its callback differs from what was sent. What it saw it does not remember: whether
/// that is still so has to be seen.
pub(in crate::plan) fn plans_update(status: &Status) -> bool {
    let plan = status.plan.as_ref();
    plan.is_some_and(|plan| plan.action == UPDATE)
}

/// Whether the status says that the cloud holds the spec, and nothing asks to look again: no credential is needed to go on.
pub(in crate::plan) fn check_settled(facts: &Facts, desired: &Desired) -> Option<SpecHeld> {
    // An id that another status holds, too, is settled by who owns the place, and only then.
    let is_its_own = facts
        .id()
        .is_some_and(|id| !facts.claimed_elsewhere.contains(id))
        && facts.open_record().is_none();
    if !is_its_own {
        return None;
    }
    let held = SpecHeld::as_sent(facts, desired)?;
    let is_quiet = is_remembered(facts, desired)
        && facts.unanswered().is_none()
        && !facts.look_due
        // A change was answered as if the callback were gone: a look decides whether to believe that.
        && facts.not_found.is_none()
        && facts.observed == Observed::Unasked
        && !must_recheck(facts);
    is_quiet.then_some(held)
}

/// What suspending leaves of Ready: as it was while what was last sent is what the spec wants. Of another spec that is said only of a
/// key that was read. What was different for a while, or could not be read, and is what was sent again, is as it was before: whether
/// that while was seen must not matter.
pub(in crate::plan) fn stage_while_suspended(facts: &Facts) -> Stage {
    let is_known = !facts.is_new_generation() || !lacks_key(facts);
    let desired = facts.desired.as_ref().ok().filter(|_| is_known);
    let held = desired.and_then(|desired| Some((desired, SpecHeld::as_sent(facts, desired)?)));
    match held {
        None => Stage::Unknown,
        Some((desired, held)) if is_back_again(facts, desired) => Stage::Ready(held),
        Some(_) => Stage::Kept,
    }
}

/// Whether a suspended object of which nothing is said any more was seen to hold what is wanted, and nothing that is stored tells of a
/// trouble since.
fn is_back_again(facts: &Facts, desired: &Desired) -> bool {
    let status = &facts.status;
    let holds = |remote| ReportedContent::from(remote).holds(&desired.content);
    conditions::ready_status(status) == Some(ConditionStatus::Unknown)
        && conditions::has_reason(status, Reason::Suspended)
        && facts.id().is_some()
        && status.remote.as_ref().is_some_and(holds)
        && facts.open_record().is_none()
        && !lacks_key(facts)
        && status.failures.unwrap_or(0) == 0
        && status.rejected_credential.is_none()
        && status
            .last_operation
            .as_ref()
            .is_none_or(|newest| operation_log::outcome(newest) == Some(Outcome::Succeeded))
}

/// The failures that a suspended object tells: none, since it calls for nothing; but one where it is not known how the cloud holds it and
/// more than its spec or its key made that so. For want of that even what was sent again would not be as it was.
pub(in crate::plan) fn failures_while_suspended(facts: &Facts, stage: Stage) -> i64 {
    let is_told = conditions::has_reason(&facts.status, Reason::Suspended);
    match (conditions::ready_status(&facts.status), stage) {
        (Some(ConditionStatus::True), _) | (Some(ConditionStatus::False), Stage::Kept) => 0,
        (Some(ConditionStatus::Unknown), _) if is_told => facts.failures(),
        _ => i64::from(facts.id().is_some()),
    }
}

/// Whether the spec names a key that is not there, or was not read.
fn lacks_key(facts: &Facts) -> bool {
    let wants_key = facts.desired.as_ref().is_ok_and(|it| it.wants_key);
    wants_key && !matches!(facts.key, SignKeyState::Digest(_))
}

/// Whether the status tells how the cloud holds what was sent: it says so, or it did before the object was suspended or only
/// looked, and the row that it remembers is as wanted.
pub(in crate::plan) fn is_remembered(facts: &Facts, desired: &Desired) -> bool {
    let holds = |remote| ReportedContent::from(remote).holds(&desired.content);
    conditions::is_ready(&facts.status)
        && (is_reported(facts) || facts.status.remote.as_ref().is_none_or(holds))
}

/// Whether nothing has to be read to go on as before: it is settled, and Ready says so of this very spec. What was only looked at,
/// or is another spec, has its credentials, its key and its target read first.
pub(in crate::plan) fn check_without_reads(facts: &Facts, desired: &Desired) -> Option<SpecHeld> {
    check_settled(facts, desired).filter(|_| is_reported(facts) && !facts.is_new_generation())
}

/// Whether the callback has the key that this very spec names, though that can't be read any more: it was sent, and nothing else was
/// said since but that nobody sees it. Who only looked or was suspended may have been given another.
pub(in crate::plan) fn has_its_key(facts: &Facts, desired: &Desired) -> bool {
    let is_unseen = conditions::ready_status(&facts.status) == Some(ConditionStatus::Unknown)
        && !conditions::has_reason(&facts.status, Reason::Suspended)
        && facts.status.plan.is_none();
    facts.id().is_some()
        && !facts.is_new_generation()
        && (is_reported(facts) || is_unseen)
        && SentKey::of(facts.status.sent.as_ref()).is_known()
        && is_as_sent(facts, desired)
}

/// Whether Ready says that the cloud holds the spec.
fn is_reported(facts: &Facts) -> bool {
    matches!(
        conditions::ready_reason(&facts.status),
        Some(Reason::Available | Reason::Normalized)
    )
}

/// Whether the place still has to be looked at for what an earlier change may have brought, and may be by now: after a closed record with
/// several attempts, and after an update that was given up.
pub(in crate::plan) fn must_recheck(facts: &Facts) -> bool {
    let several = facts
        .record
        .as_ref()
        .is_some_and(Record::has_several_attempts)
        && !facts.rechecked;
    several && recheck_at(facts).is_none_or(|at| facts.now >= at)
        || recheck_update_at(facts).is_some_and(|at| facts.now >= at)
}

/// When that comes next.
pub(in crate::plan) fn next_recheck(facts: &Facts) -> Option<Timestamp> {
    let both = [recheck_at(facts), recheck_update_at(facts)];
    both.into_iter().flatten().min()
}

/// When the callback is to be looked at for what an update brought that was given up. What was sent last is sent again instead.
pub(in crate::plan) fn recheck_update_at(facts: &Facts) -> Option<Timestamp> {
    let lost = unchecked_update(facts)?;
    let is_sent_again = operation_log::is_update_unknown(&facts.status) && !facts.only_observes();
    let at = update_settled_at(facts, lost);
    (!is_sent_again && !facts.observed.since(at)).then_some(at)
}

/// The newest update that was given up and may have been carried out later than what was answered since, as far as no look has shown
/// what it came to.
pub(in crate::plan) fn unchecked_update(facts: &Facts) -> Option<Timestamp> {
    let lost = operation_log::lost_update(&facts.status, facts.settings.settle_time)?;
    (facts.lost_update.rechecked != Some(lost)).then_some(lost)
}

/// From when on a look tells what it came to. One from the future counts from when it was first seen.
fn update_settled_at(facts: &Facts, lost: Timestamp) -> Timestamp {
    let seen = facts.last_write.map_or(lost, |seen| lost.min(seen));
    let given_up = facts.lost_update.given_up.map_or(seen, |at| at.max(seen));
    later(given_up, facts.settings.settle_time)
}

/// The update that was given up of which a rest tells, after a look that counts, what it came to.
pub fn rechecked_update(facts: &Facts, rest: &Requeue) -> Option<Timestamp> {
    let is_told =
        matches!(rest.situation.stage, Stage::Ready(_) | Stage::NotReady) && !rest.with_look;
    unchecked_update(facts).filter(|_| is_told && is_update_settled(facts))
}

/// Whether what was seen tells what the update came to that was given up.
pub(in crate::plan) fn is_update_settled(facts: &Facts) -> bool {
    let lost = unchecked_update(facts);
    lost.is_some_and(|lost| facts.observed.since(update_settled_at(facts, lost)))
}

/// When a closed record with several attempts may be looked at: the settle time after it was closed.
pub fn recheck_at(facts: &Facts) -> Option<Timestamp> {
    let several = facts
        .record
        .as_ref()
        .is_some_and(Record::has_several_attempts)
        && !facts.rechecked;
    let closed = operation_log::last_change(&facts.status).filter(|_| several)?;
    Some(later(closed, facts.settings.settle_time))
}
