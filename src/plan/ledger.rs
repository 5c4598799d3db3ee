//! The ledger of changes at the cloud: `lastOperation` and `operations` of a status.

use jiff::Timestamp;

use super::facts::next_second;
use super::failure::{Class, Failure, Operation};
use crate::api::status::{OperationStatus, Status};

/// How many entries `operations` has at most.
pub const KEPT: usize = 10;

/// The entry of a call that succeeded.
pub fn success(
    operation: Operation,
    http_status: Option<u16>,
    request_id: Option<String>,
    at: Timestamp,
    attempt: i64,
) -> OperationStatus {
    OperationStatus {
        type_: operation.as_str().to_owned(),
        outcome: "Succeeded".to_owned(),
        http_status: http_status.map(i64::from),
        request_id,
        time: Some(next_second(at)),
        attempt: Some(attempt),
        ..OperationStatus::default()
    }
}

/// The entry of a call that failed.
pub fn failure(failure: &Failure, at: Timestamp, attempt: i64) -> OperationStatus {
    let outcome = if failure.class == Class::NotSent || !failure.operation.is_change() {
        "Failed"
    } else if failure.class.may_have_happened() {
        "Unknown"
    } else {
        "Rejected"
    };
    OperationStatus {
        type_: failure.operation.as_str().to_owned(),
        outcome: outcome.to_owned(),
        http_status: failure.http_status.map(i64::from),
        error_code: failure.code.clone(),
        error_message: Some(failure.message.clone()),
        request_id: failure.request_id.clone(),
        time: Some(next_second(at)),
        attempt: Some(attempt),
        ..OperationStatus::default()
    }
}

/// Writes a change into the ledger; an equal neighbour is folded.
pub fn record(status: &mut Status, entry: OperationStatus) {
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
pub fn look_failed(status: &mut Status, entry: OperationStatus) {
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
pub fn tells_a_look(status: &Status) -> bool {
    status
        .last_operation
        .as_ref()
        .is_some_and(|entry| entry.type_ == "Get" || entry.type_ == "List")
}

/// Puts the newest change back into `lastOperation`, where a failed look had taken its place.
pub fn restore(status: &mut Status) {
    if !tells_a_look(status) {
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
    let wrote =
        |entry: &&OperationStatus| entry.outcome == "Succeeded" || entry.outcome == "Unknown";
    status
        .operations
        .iter()
        .find(wrote)
        .and_then(|entry| entry.time)
}

/// How often the same failure was told in a row, and since when.
pub fn repeated(status: &Status, failure: &Failure) -> Option<(i64, Timestamp)> {
    let newest = if failure.operation.is_change() {
        status.operations.first()
    } else {
        status.last_operation.as_ref()
    }?;
    let since = newest.first_time.or(newest.time)?;
    let entry = self::failure(failure, since, 0);
    same(newest, &entry).then_some((newest.count.unwrap_or(1), since))
}

/// Whether two entries tell the same.
fn same(a: &OperationStatus, b: &OperationStatus) -> bool {
    (&a.type_, &a.outcome, a.http_status, &a.error_code)
        == (&b.type_, &b.outcome, b.http_status, &b.error_code)
}
