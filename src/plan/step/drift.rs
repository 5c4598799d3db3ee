//! Whether a row of ours is as our last write left it, or somebody else has written it since; and from when on a look can tell. Pure;
//! what is done about it is `maintain`'s.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::api::status::{RemoteStatus, Status};
use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::row::Row;
use crate::plan::facts::time::{later, shifted};
use crate::plan::facts::{Desired, Facts, conditions, operation_log};
use crate::plan::step::held::SpecHeld;
use crate::plan::step::settled::{is_update_settled, plans_update, unchecked_update};

/// A row changed this much later than our last write was answered was changed by somebody else, if nothing better is known.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);
/// Rows and `Date` headers may be dated by two clocks: an `update_time` this close to our last write's answer may be that write's.
const TWO_CLOCKS: SignedDuration = SignedDuration::from_secs(60);
/// Times of rows have whole seconds: two changes so close may have one time.
const RESOLUTION: SignedDuration = SignedDuration::from_secs(2);

/// Whether what lies at an object's place is not what its status says: then the object has to be decided on anew.
/// `baseline` is the `update_time` that was first seen after our last write.
pub fn needs_decision(status: &Status, baseline: Option<Timestamp>, rows: &[Row]) -> bool {
    let unknown = conditions::ready_status(status) == Some(ConditionStatus::Unknown);
    if unknown || operation_log::shows_failed_look(status) {
        return true;
    }
    let (Some(remote), [row]) = (&status.remote, rows) else {
        return status.remote.is_some() || !rows.is_empty();
    };
    let keyed = status
        .sent
        .as_ref()
        .is_some_and(|sent| sent.key_digest.is_some());
    let last_write = operation_log::last_write(status);
    plans_update(status)
        || !row.is_same(remote)
        || (keyed && is_rewritten(status, last_write, baseline, row))
}

/// Whether a row was written by somebody else since: a key can't be seen, but its row has another `update_time` then. Two clocks
/// may date what we compare, so the first time seen after our own write is what counts, if it can be that write's.
fn is_rewritten(
    status: &Status,
    last_write: Option<Timestamp>,
    baseline: Option<Timestamp>,
    row: &Row,
) -> bool {
    let (Some(changed), Some(ours)) = (row.update_time, last_write) else {
        return false;
    };
    let remembered = status.remote.as_ref().filter(|remote| !is_unseen(remote));
    let remembered = remembered.and_then(changed_at);
    let may_be_ours = |time: &Timestamp| time.duration_since(ours).abs() <= TWO_CLOCKS;
    match remembered.or(baseline).filter(may_be_ours) {
        Some(baseline) => changed > baseline,
        None => !may_be_ours(&changed) && changed > shifted(ours, TOLERANCE),
    }
}

/// The baseline that a row gives which is the first seen after our last write. One that says something else than that write left may be
/// what was there before it: a list may lag.
pub fn baseline(last_write: Option<Timestamp>, status: &Status, row: &Row) -> Option<Timestamp> {
    let ours = last_write?;
    let remembered = status.remote.as_ref().filter(|remote| !is_unseen(remote));
    row.update_time
        .filter(|_| remembered.is_none_or(|remembered| row.is_same(remembered)))
        .filter(|time| time.duration_since(ours).abs() <= TWO_CLOCKS)
}

/// Whether a status tells of a callback that was created where another one was recorded before, which was gone.
pub fn is_made_again(before: &Status, status: &Status) -> bool {
    let ids = before.callback_id.as_ref().zip(status.callback_id.as_ref());
    ids.is_some_and(|(former, id)| former != id) && status.adopted == Some(false)
}

/// How a row of ours stands to the spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum RowDrift {
    /// Spec or key are not those that were sent last.
    Unsent,
    /// It says what the spec says.
    Held(SpecHeld),
    /// It is what the cloud made of our own write.
    Normalized(SpecHeld),
    /// Somebody else wrote it.
    Different,
}

/// How a row of ours stands to the spec, by what was sent and what the cloud made of that.
pub(in crate::plan) fn detect(facts: &Facts, desired: &Desired, row: &Row) -> RowDrift {
    let was_sent = facts.status.sent.is_some();
    let in_doubt = desired.wants_key || operation_log::is_update_unknown(&facts.status);
    let accepted = was_sent
        .then(|| SpecHeld::as_sent(facts, desired))
        .flatten();
    if accepted.is_none() && (was_sent || in_doubt) {
        return RowDrift::Unsent;
    }
    let seen = SpecHeld::by_row(desired, row).filter(|_| row.place == desired.place);
    let is_late = may_be_late(facts, row);
    let rewritten = is_rewritten(&facts.status, facts.last_write, facts.baseline, row)
        || is_untouched(facts, row)
        || is_late && is_update_settled(facts) && !knows_time(&facts.status);
    let rewritten = desired.wants_key && rewritten;
    match (seen, accepted) {
        (Some(held), _) if !rewritten => RowDrift::Held(held),
        (None, None) => RowDrift::Unsent,
        (None, Some(held)) if is_known(facts, row) || is_answer(facts, row) && !is_late => {
            RowDrift::Normalized(held)
        }
        _ => RowDrift::Different,
    }
}

/// Whether the row is as the status remembers it.
pub(in crate::plan) fn is_known(facts: &Facts, row: &Row) -> bool {
    let remote = facts.status.remote.as_ref();
    remote.is_some_and(|remote| row.is_same(remote))
}

/// Whether the row is what the cloud made of our last write, whose answer had no body.
fn is_answer(facts: &Facts, row: &Row) -> bool {
    let is_empty = facts.status.remote.as_ref().is_some_and(is_unseen);
    // Not by what the status states alone: an answer may have been dated in the future, and what others write until then is not ours.
    let times = row.update_time.zip(facts.last_write);
    let is_later = times.is_some_and(|(changed, ours)| changed > ours);
    is_empty && !is_later && !is_untouched(facts, row)
}

/// Whether what the row says may be our own doing: an update that was given up, and that the cloud carried out later than the one that was
/// answered. What it asked for is known to nobody after a restart, but until when it is carried out.
pub(in crate::plan) fn may_be_late(facts: &Facts, row: &Row) -> bool {
    let Some(lost) = unchecked_update(facts) else {
        return false;
    };
    let latest = shifted(later(lost, facts.settings.settle_time), TWO_CLOCKS);
    let is_in_time = row.update_time.is_none_or(|changed| changed <= latest);
    is_in_time && !is_untouched(facts, row)
}

/// Whether the row is as it was before our last write, which was answered as done, without a body: older than any clock has that write,
/// or of the very second in which it was changed before, unless the two may have come within one.
pub(in crate::plan) fn is_untouched(facts: &Facts, row: &Row) -> bool {
    let Some(before) = facts.status.remote.as_ref().filter(|it| is_unseen(it)) else {
        return false;
    };
    let times = row.update_time.zip(facts.last_write);
    times.is_some_and(|(changed, ours)| {
        let is_same_second = ours.duration_since(changed).abs() < RESOLUTION;
        changed < shifted(ours, -TWO_CLOCKS)
            || changed_at(before) == Some(changed) && !is_same_second
    })
}

fn changed_at(remote: &RemoteStatus) -> Option<Timestamp> {
    remote.update_time.as_ref()?.parse().ok()
}

/// Whether our last write was answered with when it was made. Where it was not, and another may have been carried out after it, nothing
/// shows whose key the row has.
fn knows_time(status: &Status) -> bool {
    let answered = status.remote.as_ref().filter(|it| !is_unseen(it));
    answered.is_some_and(|it| it.update_time.is_some())
}

/// Whether no row was seen since our last write.
fn is_unseen(remote: &RemoteStatus) -> bool {
    ReportedContent::from(remote) == ReportedContent::default()
}

/// From when on a look counts against our own last write, as the status tells it and as this process knows that it wrote itself.
pub fn looks_count_from(
    last_write: Option<Timestamp>,
    wrote: Option<Timestamp>,
    settle_time: Duration,
) -> Timestamp {
    let newest = last_write.max(wrote);
    newest.map_or(Timestamp::MIN, |at| later(at, settle_time))
}

/// The same of an object.
pub(in crate::plan) fn look_counts_at(facts: &Facts) -> Timestamp {
    looks_count_from(facts.last_write, facts.wrote, facts.settings.settle_time)
}

/// Whether the row says that it was changed later than our last write was answered, by the cloud's word for both: what a process that does
/// not know the cloud's time yet makes of when that was tells nothing.
pub(in crate::plan) fn changed_after(facts: &Facts, row: &Row) -> bool {
    let stated = operation_log::last_write(&facts.status);
    let times = row.update_time.zip(stated.max(facts.last_write));
    times.is_some_and(|(changed, ours)| changed > ours)
}
