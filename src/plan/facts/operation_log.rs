//! The log of changes at the cloud: `lastOperation` and `operations` of a status. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::{OperationStatus, Status};
use crate::plan::facts::time::{later, next_second};
use crate::terms::failure::{Class, Failure, Operation};

/// How many entries `operations` has at most.
pub const KEPT: usize = 10;

/// How a call to the cloud ended, in the words of the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a 2xx.
    Succeeded,
    /// The cloud said no.
    Rejected,
    /// A change that may have happened.
    Unknown,
    /// A look that failed, or a change that was never sent.
    Failed,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Succeeded, Self::Rejected, Self::Unknown, Self::Failed];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Rejected => "Rejected",
            Self::Unknown => "Unknown",
            Self::Failed => "Failed",
        }
    }

    /// The outcome of a word, if it is one.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == word)
    }

    /// How a call that failed ended.
    fn of(failure: &Failure) -> Self {
        if failure.class == Class::NotSent || !failure.operation.is_change() {
            Self::Failed
        } else if failure.may_have_changed() {
            Self::Unknown
        } else {
            Self::Rejected
        }
    }
}

/// What an entry tells of, if its word is one of ours.
pub fn operation(entry: &OperationStatus) -> Option<Operation> {
    Operation::parse(&entry.type_)
}

/// How an entry ended, if its word is one of ours.
pub fn outcome(entry: &OperationStatus) -> Option<Outcome> {
    Outcome::parse(&entry.outcome)
}

/// Whether an entry tells of a create that may have happened.
pub fn is_unknown_create(entry: &OperationStatus) -> bool {
    (operation(entry), outcome(entry)) == (Some(Operation::Create), Some(Outcome::Unknown))
}

/// Whether the newest change was a create that failed and is to be tried again. Where there is an id, its callback was found to be gone.
pub fn is_created_again(status: &Status) -> bool {
    let failed = |entry: &OperationStatus| {
        operation(entry) == Some(Operation::Create) && outcome(entry) != Some(Outcome::Succeeded)
    };
    status.next_attempt_time.is_some() && status.operations.first().is_some_and(failed)
}

/// The entry of a call that succeeded.
pub fn success_entry(
    operation: Operation,
    http_status: Option<u16>,
    request_id: Option<String>,
    at: Timestamp,
    attempt: i64,
) -> OperationStatus {
    OperationStatus {
        type_: operation.as_str().to_owned(),
        outcome: Outcome::Succeeded.as_str().to_owned(),
        http_status: http_status.map(i64::from),
        request_id,
        time: Some(next_second(at)),
        attempt: Some(attempt),
        ..OperationStatus::default()
    }
}

/// The entry of a call that failed.
pub fn failure_entry(failure: &Failure, at: Timestamp, attempt: i64) -> OperationStatus {
    OperationStatus {
        type_: failure.operation.as_str().to_owned(),
        outcome: Outcome::of(failure).as_str().to_owned(),
        http_status: failure.http_status.map(i64::from),
        error_code: failure.code.clone(),
        error_message: Some(failure.message.clone()),
        request_id: failure.request_id.clone(),
        time: Some(next_second(at)),
        attempt: Some(attempt),
        ..OperationStatus::default()
    }
}

/// Writes a change into the log; an equal neighbour is folded.
pub fn record_change(status: &mut Status, entry: OperationStatus) {
    if entry.request_id.is_some() {
        status.request_id.clone_from(&entry.request_id);
    }
    status.last_operation = Some(entry.clone());
    if let Some(newest) = status.operations.first_mut()
        && same(newest, &entry)
    {
        let (count, first) = (newest.count.unwrap_or(1), newest.first_time.or(newest.time));
        *newest = OperationStatus {
            count: Some(count + 1),
            first_time: first,
            ..entry
        };
        return;
    }
    status.operations.insert(0, entry);
    status.operations.truncate(KEPT);
}

/// Tells a look that failed; the same failure again is counted.
pub fn record_failed_look(status: &mut Status, entry: OperationStatus) {
    let before = status
        .last_operation
        .take()
        .filter(|before| same(before, &entry));
    status.last_operation = Some(match before {
        Some(before) => OperationStatus {
            count: Some(before.count.unwrap_or(1) + 1),
            first_time: before.first_time.or(before.time),
            ..entry
        },
        None => entry,
    });
}

/// Whether `lastOperation` is a failed look.
pub fn shows_failed_look(status: &Status) -> bool {
    let newest = status.last_operation.as_ref().and_then(operation);
    newest.is_some_and(|operation| !operation.is_change())
}

/// How many looks have failed in a row, if the newest has.
pub fn failed_looks(status: &Status) -> Option<i64> {
    let newest = status.last_operation.as_ref();
    newest.filter(|_| shows_failed_look(status))?.attempt
}

/// Puts the newest change back into `lastOperation`, where a failed look had taken its place.
pub fn restore_last_change(status: &mut Status) {
    if !shows_failed_look(status) {
        return;
    }
    status.last_operation = status.operations.first().map(|newest| OperationStatus {
        count: None,
        first_time: None,
        ..newest.clone()
    });
}

/// When the newest change at the cloud was answered, or given up.
pub fn last_change(status: &Status) -> Option<Timestamp> {
    status.operations.first().and_then(|newest| newest.time)
}

/// When the newest change that happened, or may have, was answered or given up.
pub fn last_write(status: &Status) -> Option<Timestamp> {
    let wrote = |entry: &&OperationStatus| {
        matches!(outcome(entry), Some(Outcome::Succeeded | Outcome::Unknown))
    };
    status
        .operations
        .iter()
        .find(wrote)
        .and_then(|entry| entry.time)
}

/// Whether the newest change of a callback that happened, or may have, is an update that may have.
pub fn is_update_unknown(status: &Status) -> bool {
    let wrote = |entry: &&OperationStatus| {
        matches!(outcome(entry), Some(Outcome::Succeeded | Outcome::Unknown))
            && operation(entry) != Some(Operation::Delete)
    };
    let newest = status.operations.iter().find(wrote);
    newest.is_some_and(|entry| {
        (operation(entry), outcome(entry)) == (Some(Operation::Update), Some(Outcome::Unknown))
    })
}

/// When the newest update was given up that the cloud may carry out, or may have, later than all that was answered since: those came within
/// its settle time. None where the callback was made after it.
pub fn lost_update(status: &Status, settle_time: Duration) -> Option<Timestamp> {
    let mut answered = None;
    for entry in &status.operations {
        match (operation(entry), outcome(entry)) {
            (Some(Operation::Update), Some(Outcome::Succeeded)) => {
                answered = answered.max(entry.time);
            }
            (Some(Operation::Update), Some(Outcome::Unknown)) => {
                let may_come = |lost: &Timestamp| Some(later(*lost, settle_time)) > answered;
                return entry.time.filter(may_come);
            }
            (Some(Operation::Create), Some(Outcome::Succeeded | Outcome::Unknown)) => return None,
            (_, _) => {}
        }
    }
    None
}

/// How often the same failure was told in a row, and since when.
pub fn count_repeats(status: &Status, failure: &Failure) -> Option<(i64, Timestamp)> {
    let newest = if failure.operation.is_change() {
        status.operations.first()
    } else {
        status.last_operation.as_ref()
    }?;
    let since = newest.first_time.or(newest.time)?;
    let entry = failure_entry(failure, since, 0);
    same(newest, &entry).then_some((newest.count.unwrap_or(1), since))
}

/// Whether two entries tell the same.
fn same(a: &OperationStatus, b: &OperationStatus) -> bool {
    (&a.type_, &a.outcome, a.http_status, &a.error_code)
        == (&b.type_, &b.outcome, b.http_status, &b.error_code)
}

#[cfg(test)]
mod tests;
