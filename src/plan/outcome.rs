//! The next status, from what happened. Pure; whoever writes it to the API server compares it with the old one first.

mod conditions;
pub(crate) mod failed_look;
pub mod release;
pub mod waiting;

use jiff::Timestamp;

use self::conditions::set_conditions;
use crate::api::status::{OperationStatus, RemoteStatus, Status};
use crate::plan::facts::conditions::is_ready;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::record::{Attempt, Record};
use crate::plan::facts::row::Row;
use crate::plan::facts::sent_key::SentKey;
use crate::plan::facts::time::{later, next_second};
use crate::plan::facts::{CloudAccess, Desired, Facts, operation_log};
use crate::plan::step::held::SpecHeld;
use crate::plan::step::preconditions::former_endpoint;
use crate::plan::step::situation::{Situation, Stage};
use crate::plan::step::{Requeue, backoff, contention, maintain, observe, settled, situation};
use crate::terms::failure::{Class, Failure, Operation};

/// What is told of a change that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// HTTP status; `None` when the reply was lost and a look found the outcome.
    pub http_status: Option<u16>,
    /// Request id.
    pub request_id: Option<String>,
    /// When the answer came, in cloud time.
    pub at: Timestamp,
}

/// Nothing was changed at the cloud: how things are now.
pub fn after_requeue(facts: &Facts, rest: &Requeue) -> Status {
    let mut status = facts.status.clone();
    let situation = &rest.situation;
    let has_looked = facts.observed.begun().is_some();
    let waits_for_person = matches!(
        situation.reason,
        Reason::CredentialsMissing | Reason::TargetChanged
    );
    let asked_again = waits_for_person && situation.next.is_some();
    if (situation.reason == Reason::Conflict && situation.stage == Stage::Stalled) || asked_again {
        status.failures = Some(facts.failures() + 1);
    }
    // Whoever only looks or waits for another object calls for nothing that could fail.
    let is_idle = matches!(situation.reason, Reason::ObserveOnly | Reason::Duplicate);
    if situation.reason == Reason::Suspended {
        status.failures = Some(settled::failures_while_suspended(facts, situation.stage));
    } else if matches!(situation.stage, Stage::Ready(_)) || is_idle {
        status.failures = Some(0);
    }
    if has_looked {
        operation_log::restore_last_change(&mut status);
        status.rejected_credential = None;
    }
    if situation.stage != Stage::AsItWas {
        status.next_attempt_time = situation.next;
    }
    // What was sent is remembered beside what the cloud made of it: a look that changes nothing leaves both, so that drift stays drift.
    let follows = has_looked && facts.only_observes() && facts.status.sent.is_none();
    if rest.remote.is_some() || follows {
        status.remote = rest.remote.as_ref().map(|row| remembered(facts, row));
    }
    match (&facts.desired, facts.only_observes()) {
        (Ok(desired), true) if has_looked => {
            status.plan = Some(observe::plan_status(facts, desired));
        }
        (_, true) => {}
        (_, false) => status.plan = None,
    }
    // Another address of the project is followed once the callback was seen through it.
    if let (CloudAccess::Usable(target), Some(_), Stage::Ready(_)) =
        (&facts.access, facts.id(), situation.stage)
        && (facts.sees_recorded() || former_endpoint(facts, target).is_none())
    {
        status.target = Some(target.into());
    }
    finish(facts, status, situation)
}

/// A call failed. Gives the status and when to come back. `advice` is what the table of codes advises.
pub fn after_failure(
    facts: &Facts,
    failure: &Failure,
    advice: Option<&str>,
    at: Timestamp,
) -> (Status, Timestamp) {
    let mut status = facts.status.clone();
    // Looks that leave a settled object as it was are no failures of it, and wait all the same ever longer.
    let looks = operation_log::failed_looks(&status).filter(|_| !failure.operation.is_change());
    let count = facts.failures().max(looks.unwrap_or_default()) + 1;
    let entry = operation_log::failure_entry(failure, at, count);
    let exact = next_attempt(facts, failure, count, at);
    let mut situation = Situation::failed(facts, failure, advice, exact);
    if failure.operation.is_change() {
        operation_log::record_change(&mut status, entry);
    } else {
        operation_log::record_failed_look(&mut status, entry);
        situation = failed_look::after_failed_look(facts, failure, situation);
    }
    if failure.operation == Operation::Create {
        close_or_wait(facts, failure, &mut status, &mut situation);
    }
    if situation.stage != Stage::AsItWas {
        status.failures = Some(count);
        status.next_attempt_time = situation.next;
    }
    status.rejected_credential = facts
        .credential
        .clone()
        .filter(|_| matches!(failure.class, Class::Credential | Class::Permission));
    if facts.object.deleting {
        situation = situation.with_release_hint(facts);
    }
    // The status tells whole seconds; who comes back need not wait for them.
    let again = situation
        .next
        .filter(|next| *next != next_second(exact))
        .unwrap_or(exact);
    (finish(facts, status, &situation), again)
}

/// The sweeps fail for the credential, the permission or the account: Ready becomes Unknown, once.
pub fn after_sweep_failure(facts: &Facts, failure: &Failure, advice: Option<&str>) -> Status {
    let mut status = facts.status.clone();
    if failure.class == Class::Credential {
        status.rejected_credential.clone_from(&facts.credential);
    }
    let message = format!(
        "Nobody can see any more whether the cloud holds this spec: {}",
        situation::describe_failure(failure, advice)
    );
    let situation = Situation::new(
        situation::reason_of(failure),
        Stage::UnknownProgressing,
        message,
    );
    finish(facts, status, &situation)
}

/// A POST failed: its record is closed when it made nothing for sure, else the settle time rules.
fn close_or_wait(facts: &Facts, failure: &Failure, status: &mut Status, situation: &mut Situation) {
    let Some(record) = &facts.record else { return };
    let closes = closes_record(failure.class, record.has_several_attempts());
    if closes && !failure.may_have_changed() {
        status.closed_operation = record.newest().map(|newest| newest.id.clone());
        return;
    }
    let settled_at = next_second(facts.settled_at(record));
    situation.next = situation.next.max(Some(settled_at));
    if !closes && !failure.class.is_throttling() {
        situation.reason = Reason::OutcomeUnknown;
    }
}

/// Whether this answer to a POST says that nothing was made by its record.
fn closes_record(class: Class, several: bool) -> bool {
    match class {
        Class::Rejected
        | Class::Gone
        | Class::Maintenance
        | Class::Throttled
        | Class::Credential
        | Class::ClockSkew
        | Class::Permission
        | Class::Account => true,
        Class::Exists | Class::NotSent => !several,
        Class::CloudDown | Class::Overloaded | Class::Protocol => false,
    }
}

/// A row that is ours was seen while it was not known whether the newest create happened: an attempt made it, or it is the recorded
/// one, which was thought gone. Of that nothing is known but what was known before, however alike it is to what an attempt asked for.
pub fn after_claim(facts: &Facts, desired: &Desired, record: &Record, row: &Row) -> Status {
    let is_recorded = facts.is_recorded(row);
    let author = facts
        .attempt_that_made(record, row)
        .filter(|_| !is_recorded);
    let Some(attempt) = author else {
        let status = Status {
            closed_operation: facts.newest_attempt_id(),
            failures: Some(0),
            next_attempt_time: None,
            ..facts.status.clone()
        };
        return finish(facts, status, &updating());
    };
    let receipt = Receipt {
        http_status: None,
        request_id: None,
        at: row.create_time.unwrap_or(attempt.at),
    };
    after_create(facts, desired, &attempt, row, receipt)
}

/// An attempt made this row, by its answer or by a look.
pub fn after_create(
    facts: &Facts,
    desired: &Desired,
    attempt: &Attempt,
    row: &Row,
    receipt: Receipt,
) -> Status {
    let mut status = with_callback(facts, row, false);
    status.closed_operation = facts.newest_attempt_id();
    status.sent = Some(attempt.content.sent(attempt.key_digest.clone()));
    let newest = status.operations.first();
    let unknown = newest.is_some_and(operation_log::is_unknown_create);
    let is_seen = receipt.http_status.is_none(); // not answered
    let mut entry = success(facts, Operation::Create, receipt);
    if is_seen && unknown {
        let newest = status.operations.remove(0);
        entry.request_id = newest.request_id;
        entry.attempt = newest.attempt;
    }
    operation_log::record_change(&mut status, entry);
    let situation = if is_only_row(facts, row) {
        written(facts, desired, &status, Some(row))
    } else {
        maintain::beside_others(row)
    };
    finish(facts, status, &situation)
}

/// The entry of a change that succeeded.
fn success(facts: &Facts, operation: Operation, receipt: Receipt) -> OperationStatus {
    let attempt = facts.failures() + 1;
    operation_log::success_entry(
        operation,
        receipt.http_status,
        receipt.request_id,
        receipt.at,
        attempt,
    )
}

/// Whether nothing else was seen at the place of this row.
fn is_only_row(facts: &Facts, row: &Row) -> bool {
    let mut others = facts.observed.rows().iter();
    others.all(|other| other.id == row.id || facts.deleted.contains(&other.id))
}

/// A foreign row was taken over, as the policy allows.
pub fn after_adoption(facts: &Facts, desired: &Desired, row: &Row) -> Status {
    let mut status = with_callback(facts, row, true);
    status.closed_operation = facts.newest_attempt_id();
    status.sent = None;
    operation_log::restore_last_change(&mut status);
    let held = SpecHeld::by_row(desired, row).filter(|_| !desired.wants_key);
    let situation = held.map_or_else(updating, |held| maintain::available(facts, desired, held));
    finish(facts, status, &situation)
}

/// A PUT of the desired content succeeded. `row` is the cloud's answer, if it gave one.
pub fn after_update(
    facts: &Facts,
    desired: &Desired,
    row: Option<&Row>,
    receipt: Receipt,
) -> Status {
    let mut status = facts.status.clone();
    let former = SentKey::of(facts.status.sent.as_ref());
    let key_digest = former.after_update(facts.key.digest());
    status.sent = Some(desired.content.sent(key_digest));
    status.remote = Some(row.map_or_else(
        || RemoteStatus {
            id: status.callback_id.clone(),
            // A row that still has this time was not changed by what was answered without a row.
            update_time: last_seen_change(facts),
            ..RemoteStatus::default()
        },
        |row| remembered(facts, row),
    ));
    operation_log::record_change(&mut status, success(facts, Operation::Update, receipt));
    status.failures = Some(0);
    status.next_attempt_time = None;
    status.plan = None;
    status.rejected_credential = None;
    let situation = written(facts, desired, &status, row);
    finish(facts, status, &situation)
}

/// When the recorded row was changed last, as far as was seen.
fn last_seen_change(facts: &Facts) -> Option<String> {
    let remembered = facts.status.remote.as_ref();
    let remembered = remembered.and_then(|remote| remote.update_time.clone());
    let mut rows = facts.observed.rows().iter();
    let seen = rows.find(|row| facts.is_recorded(row));
    let seen = seen.and_then(|row| row.update_time);
    seen.map(|time| time.to_string()).or(remembered)
}

/// A callback that the API server does not know of yet is about to be changed.
pub fn before_change(facts: &Facts) -> Status {
    let status = facts.status.clone();
    if is_ready(&status) {
        finish(facts, status, &updating())
    } else {
        status
    }
}

/// A DELETE of a superfluous row of ours, or of the callback of an object that goes but has more to delete.
pub fn after_delete(facts: &Facts, receipt: Receipt) -> Status {
    let mut status = facts.status.clone();
    operation_log::record_change(&mut status, success(facts, Operation::Delete, receipt));
    status.callback_id = facts.id().map(str::to_owned);
    finish(facts, status, &Situation::unchanged())
}

/// When a call that failed is made again.
fn next_attempt(facts: &Facts, failure: &Failure, count: i64, at: Timestamp) -> Timestamp {
    // There may be something to claim. What was to be changed is known.
    if failure.class == Class::Exists && failure.operation == Operation::Create && count == 1 {
        return at;
    }
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    later(at, backoff::delay(failure, count, &facts.object.uid))
}

/// The status of an object that just got its callback.
fn with_callback(facts: &Facts, row: &Row, adopted: bool) -> Status {
    let mut status = facts.status.clone();
    status.callback_id = Some(row.id.clone());
    status.adopted = Some(adopted);
    status.remote = Some(remembered(facts, row));
    if let CloudAccess::Usable(target) = &facts.access {
        status.target = Some(target.into());
    }
    status.failures = Some(0);
    status.next_attempt_time = None;
    status.rejected_credential = None;
    status.plan = None;
    status
}

/// What is remembered of a row of this object.
fn remembered(facts: &Facts, row: &Row) -> RemoteStatus {
    let desired = facts.desired.as_ref().ok();
    row.remembered(desired.map(|desired| &desired.content))
}

/// How things are after a write that succeeded.
fn written(facts: &Facts, desired: &Desired, status: &Status, row: Option<&Row>) -> Situation {
    let after = Facts {
        status: status.clone(),
        ..facts.clone()
    };
    let Some(held) = SpecHeld::as_sent(&after, desired) else {
        return updating();
    };
    let situation =
        match row.filter(|row| !row.holds(&desired.content) || row.place != desired.place) {
            Some(row) => maintain::normalized(row, desired, held),
            None => maintain::available(&after, desired, held),
        };
    contention::unless_contended(&after, situation)
}

/// More has to be written.
fn updating() -> Situation {
    Situation::new(
        Reason::Updating,
        Stage::Progressing,
        "The callback is ours and is being brought to the spec.",
    )
}

/// Whether the cloud was last seen to hold this very spec.
fn holds_spec(facts: &Facts) -> bool {
    is_ready(&facts.status) && failed_look::was_settled(facts)
}

/// What every status written has: conditions, the deletion policy in force, the answer to a requested look.
pub(super) fn finish(facts: &Facts, mut status: Status, situation: &Situation) -> Status {
    set_conditions(&mut status, situation, facts.object.generation, facts.now);
    let policy = facts.deletion_by(&status);
    status.deletion_policy = Some(policy.as_str().to_owned());
    if let Some(token) = facts.unanswered() {
        status.last_handled_reconcile_at = Some(token.to_owned());
    }
    status
}
