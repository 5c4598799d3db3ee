//! A status as far as it can be believed. Anybody who may write statuses may have written it, an older version or a process whose
//! clock was wrong: no word in it may keep an object from ever being looked at again. Pure.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::{OperationStatus, Status};
use crate::plan::facts::conditions::ConditionStatus;
use crate::plan::facts::time::later;
use crate::plan::facts::{conditions, operation_log};

/// A time further ahead is none: nothing here waits so long, and no clock that is kept is so wrong.
const AHEAD: Duration = Duration::from_hours(1);
/// No count is higher.
const MANY: i64 = 1_000_000_000;

/// The status without times from a future that can't be, without counts that nobody counted, and with a short log of changes.
pub fn sanitize(mut status: Status, now: Timestamp) -> Status {
    let horizon = later(now, AHEAD);
    let believe = |time: &mut Option<Timestamp>| {
        time.take_if(|time| *time > horizon);
    };
    believe(&mut status.next_attempt_time);
    status.operations.truncate(operation_log::KEPT);
    let entries = status
        .operations
        .iter_mut()
        .chain(&mut status.last_operation);
    for entry in entries {
        let OperationStatus {
            time,
            first_time,
            attempt,
            count,
            ..
        } = entry;
        believe(time);
        believe(first_time);
        bound(attempt, 1);
        bound(count, 1);
    }
    bound(&mut status.failures, 0);
    for condition in &mut status.conditions {
        believe(&mut condition.last_transition_time);
        if conditions::condition_status(condition).is_none() {
            ConditionStatus::Unknown
                .as_str()
                .clone_into(&mut condition.status);
        }
    }
    status
}

fn bound(number: &mut Option<i64>, least: i64) {
    *number = number.map(|number| number.clamp(least, MANY));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Condition;

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_cannot_be_is_left_out_and_what_can_be_is_kept() {
        let now = moment(1_800_000_000);
        let entry = |at: i64, count| OperationStatus {
            type_: "Update".to_owned(),
            time: Some(moment(at)),
            count: Some(count),
            ..OperationStatus::default()
        };
        let status = |at: i64, count, failures, word: &str| Status {
            callback_id: Some("id".to_owned()),
            failures: Some(failures),
            next_attempt_time: Some(moment(at)),
            last_operation: Some(entry(at, count)),
            operations: vec![entry(at, count); 10],
            conditions: vec![Condition {
                type_: "Ready".to_owned(),
                status: word.to_owned(),
                last_transition_time: Some(moment(at)),
                ..Condition::default()
            }],
            ..Status::default()
        };
        let good = status(1_800_000_600, 3, 7, "True");
        assert_eq!(sanitize(good.clone(), now), good);
        let mut bad = status(1_900_000_000, i64::MAX, i64::MIN, "Maybe");
        bad.operations.extend(vec![entry(0, 1); 90]);
        let read = sanitize(bad, now);
        assert_eq!(read.callback_id.as_deref(), Some("id"));
        assert_eq!((read.failures, read.next_attempt_time), (Some(0), None));
        assert_eq!(read.operations.len(), 10);
        let newest = &read.operations[0];
        assert_eq!((newest.time, newest.count), (None, Some(MANY)));
        assert_eq!(read.last_operation.as_ref(), Some(newest));
        let ready = &read.conditions[0];
        assert_eq!(ready.status, "Unknown");
        assert_eq!(ready.last_transition_time, None);
    }

    #[test]
    fn a_time_is_believed_up_to_an_hour_ahead() {
        let now = moment(1_800_000_000);
        for (ahead, believed) in [(-1, true), (3_600, true), (3_601, false)] {
            let told = Status {
                next_attempt_time: Some(moment(1_800_000_000 + ahead)),
                ..Status::default()
            };
            let status = sanitize(told.clone(), now);
            assert_eq!(status == told, believed, "{ahead}");
        }
    }
}
