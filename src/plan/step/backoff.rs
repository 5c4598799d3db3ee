//! How long to wait after a failure. Pure: the jitter comes from a seed.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::status::Status;
use crate::plan::facts::reason::Reason;
use crate::plan::facts::time::later;
use crate::plan::facts::{Facts, conditions};
use crate::terms::failure::{Class, Failure};

/// The first so many pauses are lengthened by a twentieth at most.
const FEW: u32 = 3;
/// No pause is longer: 10 minutes, lengthened.
pub const LONGEST: Duration = Duration::from_mins(12);
/// By how much a pause is lengthened at most.
const MOST_LENGTHENED: f64 = 1.2;
/// A status tells whole seconds.
const RESOLUTION: Duration = Duration::from_secs(1);

/// The pause after `failures` failures in a row, the newest of which is `failure`. At least the base delay, at most 20 % more.
pub fn delay(failure: &Failure, failures: u32, seed: &str) -> Duration {
    let (first, longest) = range(failure.class);
    let doubled = doubled(first, failures);
    let asked = failure.retry_after.unwrap_or_default();
    lengthened(doubled.min(longest).max(asked), failures, seed)
}

/// The longest wait that a status can mean by the attempt that it announces: the pause that belongs to its failures and their cause.
pub fn longest(status: &Status, settle_time: Duration) -> Duration {
    let reason = conditions::ready_reason(status);
    let class = match reason {
        Some(
            Reason::RequestRejected
            | Reason::Conflict
            | Reason::CredentialsMissing
            | Reason::TargetChanged,
        ) => Class::Rejected,
        Some(Reason::CloudUnavailable | Reason::OutcomeUnknown) => Class::CloudDown,
        Some(Reason::ClockSkew) => Class::ClockSkew,
        Some(Reason::CredentialsRejected) => Class::Credential,
        // Among them what the cloud itself asked for when it throttled.
        _ => return LONGEST.min(as_announced(status)),
    };
    let (first, most) = range(class);
    let failures = u32::try_from(status.failures.unwrap_or_default()).unwrap_or(u32::MAX);
    let pause = doubled(first, failures).min(most).mul_f64(MOST_LENGTHENED);
    let settling = (reason == Some(Reason::OutcomeUnknown)).then_some(settle_time);
    pause.max(settling.unwrap_or_default()) + RESOLUTION
}

/// The wait as who announced it meant it: however wrong its clock was, it dated the failure by the same one.
fn as_announced(status: &Status) -> Duration {
    let failed = status.last_operation.as_ref().and_then(|last| last.time);
    let announced = failed.zip(status.next_attempt_time);
    let wait = announced.and_then(|(failed, next)| next.duration_since(failed).try_into().ok());
    wait.map_or(LONGEST, |wait: Duration| wait + RESOLUTION)
}

/// The pause after the first failure of a class, from the time on that a status tells.
pub(in crate::plan) fn first(class: Class, seed: &str) -> Duration {
    lengthened(range(class).0, 1, seed) + RESOLUTION
}

/// Doubled with each failure. Often enough for each class to come to its longest pause, and not so often that the shift overflows.
pub fn doubled(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(16))
}

/// First and longest pause of a class.
fn range(class: Class) -> (Duration, Duration) {
    let secs = Duration::from_secs;
    match class {
        Class::Rejected | Class::Exists | Class::Gone => (secs(5), secs(600)),
        Class::Maintenance
        | Class::CloudDown
        | Class::NotSent
        | Class::Throttled
        | Class::Overloaded
        | Class::Protocol => (secs(2), secs(120)),
        Class::ClockSkew => (secs(30), secs(30)),
        Class::Credential => (secs(300), secs(300)),
        Class::Permission | Class::Account => (secs(600), secs(600)),
    }
}

/// `delay` lengthened by 0 to 20 %, by a hash of the seed, so that many objects that failed together do not come back together.
pub fn lengthened(delay: Duration, salt: u32, seed: &str) -> Duration {
    // FNV-1a: no hasher of the standard library promises to give the same in every version of it, and a pause is to be the same whenever
    // it is worked out, so that what a status announces and what is waited for agree.
    let hash = seed
        .bytes()
        .chain(salt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    // What fails for the first time heals soon, mostly; what fails for longer must not come back all at once.
    let most = if salt <= FEW {
        0.05
    } else {
        MOST_LENGTHENED - 1.0
    };
    delay + delay.mul_f64(f64::from(u8::try_from(hash >> 56).unwrap_or_default()) / 255.0 * most)
}

/// When a conflict is looked at again: like a rejection.
pub(in crate::plan) fn next_look(facts: &Facts) -> Timestamp {
    let count = u32::try_from(facts.failures() + 1).unwrap_or(u32::MAX);
    let (first, most) = range(Class::Rejected);
    let delay = doubled(first, count).min(most);
    later(facts.now, lengthened(delay, count, &facts.object.uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::failure::Operation;

    fn failure(class: Class) -> Failure {
        Failure::new(Operation::Create, class, "")
    }

    #[test]
    fn a_rejection_waits_5_seconds_doubling_to_10_minutes() {
        let delays: Vec<u64> = (1..=9)
            .map(|n| delay(&failure(Class::Rejected), n, "uid").as_secs())
            .collect();
        for (delay, least) in delays.iter().zip([5, 10, 20, 40, 80, 160, 320, 600, 600]) {
            assert!((least..=least * 6 / 5).contains(delay), "{delays:?}");
        }
    }

    #[test]
    fn what_the_cloud_asks_for_lengthens() {
        let mut throttled = failure(Class::Throttled);
        throttled.retry_after = Some(Duration::from_secs(30));
        assert!(delay(&throttled, 1, "uid") >= Duration::from_secs(30));
    }

    #[test]
    fn jitter_only_lengthens_and_differs_between_objects() {
        let base = Duration::from_secs(100);
        let delays: Vec<_> = (0..50)
            .map(|n| lengthened(base, 1, &format!("uid-{n}")))
            .collect();
        assert!(
            delays
                .iter()
                .all(|d| (base..=base.mul_f64(1.2)).contains(d))
        );
        assert!(delays.iter().max() > delays.iter().min());
    }

    /// A status that was written by a clock so many seconds ahead of now, 1,800,000,000.
    fn announcing(reason: Reason, failures: i64, ahead: i64, wait: i64) -> Status {
        let at = 1_800_000_000 + ahead;
        let moment = |second| Timestamp::from_second(second).ok();
        serde_json::from_value(serde_json::json!({
            "failures": failures,
            "nextAttemptTime": moment(at + wait),
            "lastOperation": {"type": "Update", "outcome": "Rejected", "time": moment(at)},
            "conditions": [{"type": "Ready", "status": "False", "reason": reason.as_str(), "message": "",
                "lastTransitionTime": moment(at)}],
        }))
        .unwrap()
    }

    #[test]
    fn no_status_can_mean_a_longer_wait_than_the_backoff_of_its_cause() {
        for (reason, failures, bound) in [
            (Reason::RequestRejected, 1, 7),
            (Reason::RequestRejected, 3, 25),
            (Reason::Conflict, 99, 721),
            (Reason::TargetChanged, 1, 7),
            (Reason::CloudUnavailable, 1, 4),
            (Reason::CloudUnavailable, 9, 145),
            (Reason::OutcomeUnknown, 1, 31),
            (Reason::OutcomeUnknown, 9, 145),
            (Reason::ClockSkew, 4, 37),
            (Reason::CredentialsRejected, 1, 361),
            (Reason::PermissionDenied, 1, 721),
        ] {
            let status = announcing(reason, failures, 3_000, 3_000);
            let wait = longest(&status, Duration::from_secs(30));
            let bound = Duration::from_secs(bound);
            assert!(
                wait <= bound && wait + Duration::from_secs(1) >= bound,
                "{reason:?} {failures}: {wait:?}"
            );
        }
        let asked_for = announcing(Reason::RateLimited, 1, 3_000, 40);
        let wait = longest(&asked_for, Duration::from_secs(30));
        assert_eq!(wait, Duration::from_secs(41), "what the cloud asked for");
    }

    #[test]
    fn many_failures_do_not_overflow() {
        assert!(delay(&failure(Class::CloudDown), u32::MAX, "uid") <= Duration::from_secs(144));
    }
}
