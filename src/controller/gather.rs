//! The facts of an object that cost nothing: what it says, what this process remembers, what others hold. Makes no call and waits for
//! nobody; but what is new about the object is noted in its memory here, such as when its record was first seen.

use jiff::Timestamp;
use tokio::time::Instant;

use super::context::Context;
use super::memory::ObjectMemory;
use super::memory::unwritten::UnwrittenStatus;
use super::memory::versions::counts_before;
use crate::api::RecordingCallback;
use crate::declared::parse;
use crate::plan::facts::Facts;
use crate::plan::facts::operation_log;
use crate::plan::facts::record::Record;
use crate::plan::facts::time::earlier;
use crate::plan::step::backoff;
use crate::platform::account::AccountKey;
use crate::terms::target::Target;

/// What is known of an object without asking anybody; and by whom that was seen which is news, if something is.
pub(super) fn gather_facts(
    context: &Context,
    object: &RecordingCallback,
    now: Timestamp,
) -> (Facts, Option<AccountKey>) {
    let uid = parse::uid(object);
    let mut facts = parse::facts(object, context.settings, now);
    let seen_by = context.memories.with(&uid, |memory| {
        apply_unwritten(memory, &mut facts);
        forget_made_up(memory, &facts);
        apply_record(memory, &mut facts);
        apply_times(memory, &mut facts);
        let sent = facts.status.sent.as_ref();
        let in_doubt =
            facts.is_new_generation() && sent.is_some_and(|sent| sent.key_digest.is_some());
        facts.key_in_doubt = *memory.key_in_doubt.get_or_insert(in_doubt);
        facts.released = memory.released;
        facts.sweep_failure = memory.sweep_failure.as_deref().cloned();
        let seen_by = apply_news(memory, &mut facts);
        let (generation, requested) = (facts.object.generation, facts.object.requested.as_deref());
        memory.allowance.renew_for(generation, requested);
        seen_by
    });
    facts.knows_all = context.knows_all();
    // Also of what a sweep handed over: another object may have come to hold it since.
    facts.claimed_elsewhere = context.index.held_by_others(&uid, ids_at_hand(&facts));
    (facts, seen_by)
}

/// The annotation may be wiped, or an older one: what this process knows to be newer counts, and is put back.
fn apply_record(memory: &mut ObjectMemory, facts: &mut Facts) {
    let closed = facts.status.closed_operation.as_deref();
    let is_open = memory.record.as_ref().is_some_and(|it| it.is_open(closed));
    let posted = memory.posted.as_deref().filter(|_| is_open);
    if let Some(known) = &mut memory.record {
        let found = facts.record.as_ref();
        if let Some(found) = found.filter(|found| !counts_before(known, found, posted)) {
            (**known).clone_from(found);
        } else {
            facts.object.has_record = false;
            facts.record = Some((**known).clone());
        }
    }
    if let Some(newest) = facts.record.as_ref().and_then(|record| record.newest()) {
        let seen = match &memory.attempt_seen {
            Some((id, seen)) if **id == *newest.id => *seen,
            Some(_) | None => Instant::now(),
        };
        memory.attempt_seen = Some((newest.id.as_str().into(), seen));
        facts.record_first_seen = earlier(facts.now, seen.elapsed());
        facts.posted_here = memory.posted.is_some();
        facts.rechecked = memory.rechecked.as_deref() == Some(&newest.id);
    }
}

/// What this process measured by the monotonic clock, in cloud time.
fn apply_times(memory: &mut ObjectMemory, facts: &mut Facts) {
    let now = facts.now;
    facts.last_write = facts
        .last_write
        .map(|stated| memory.last_write(stated, now));
    facts.wrote = memory.wrote.map(|at| earlier(now, at.elapsed()));
    let lost_update = memory.lost_update.as_ref();
    facts.lost_update = lost_update.map(|it| it.at(now)).unwrap_or_default();
    let longest = backoff::longest(&facts.status, facts.settings.settle_time);
    facts.next_attempt = facts
        .next_attempt
        .map(|announced| memory.next_attempt(announced, now, longest));
    facts.look_due = memory.look_at.is_some_and(|at| at <= Instant::now());
    facts.rewrites = memory.rewrites(now);
    facts.baseline = memory.baseline(operation_log::last_write(&facts.status));
}

/// What was seen that still needs a decision. Gives by whom.
fn apply_news(memory: &ObjectMemory, facts: &mut Facts) -> Option<AccountKey> {
    let news = memory.news.as_deref()?.clone();
    let begun = earlier(facts.now, news.begun.elapsed());
    facts.observed = news.observed.begun_at(begun);
    if news.about.as_deref() == facts.status.callback_id.as_deref() {
        facts.get_result = news.get_result;
        facts.not_found = news.not_found;
    }
    Some(news.account)
}

/// Creates go where the callback is, and before there is one where the credentials say: a record of another project that this process has
/// not written was made up, or is another's matter, and counts only as long as it stands on the object.
fn forget_made_up(memory: &mut ObjectMemory, facts: &Facts) {
    let recorded = facts.id().and(facts.status.target.as_ref());
    let home = match (recorded, memory.account.as_deref()) {
        (Some(recorded), _) => Target::from(recorded),
        (None, Some(account)) => account.target().clone(),
        (None, None) => return,
    };
    let posted = memory.posted.as_deref();
    let is_own = |record: &Record| recorded.is_none() && record.newest_id() == posted;
    let known = memory.record.take();
    memory.record = known.filter(|it| it.target.same_project(&home) || is_own(it));
}

/// The ids that a decision on these facts can be about.
pub(super) fn ids_at_hand(facts: &Facts) -> impl Iterator<Item = &str> {
    let rows = facts.observed.rows().iter().map(|row| row.id.as_str());
    let held = facts.status.callback_id.iter().map(String::as_str);
    held.chain(rows)
}

/// What happened counts although the API server did not take it yet, as long as the object's status is as it was; of what our own create
/// made, as long as that says nothing else of its callback: whatever else somebody writes there, the id is known here alone.
fn apply_unwritten(memory: &mut ObjectMemory, facts: &mut Facts) {
    let made = memory.unwritten_create().is_some();
    let unwritten = memory.unwritten.take().filter(|unwritten| {
        let planned_on = &unwritten.planned_on;
        // What was taken over, and stands nowhere yet, is nobody's to delete.
        let is_adoption = !made && unwritten.status.callback_id != facts.status.callback_id;
        let counts = *planned_on == facts.status
            || made && UnwrittenStatus::say_the_same(planned_on, &facts.status);
        counts && !(is_adoption && facts.object.deleting)
    });
    let Some(unwritten) = unwritten else {
        return;
    };
    facts.status = unwritten.status.clone();
    facts.last_write = operation_log::last_write(&facts.status);
    facts.next_attempt = facts.status.next_attempt_time;
    memory.unwritten = Some(unwritten);
}
