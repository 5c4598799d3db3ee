//! How long to wait after a failure. Pure: the jitter comes from a seed.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    facts::Facts,
    failure::{Class, Failure},
    time::later,
};

/// The longest pause that a `Retry-After` may ask for.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(10);

/// The first so many pauses are lengthened by a twentieth at most.
const FEW: u32 = 3;
/// No pause is longer: 10 minutes, lengthened.
pub const LONGEST: Duration = Duration::from_mins(12);

/// The pause after `failures` failures in a row, the newest of which is `failure`. At least the base delay, at most 20 % more.
pub fn delay(failure: &Failure, failures: u32, seed: &str) -> Duration {
    let (first, longest) = range(failure.class);
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let asked = failure
        .retry_after
        .unwrap_or_default()
        .min(LONGEST_RETRY_AFTER);
    lengthened(doubled.min(longest).max(asked), failures, seed)
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
    let hash = seed
        .bytes()
        .chain(salt.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    // What fails for the first time heals soon, mostly; what fails for longer must not come back all at once.
    let most = if salt <= FEW { 0.05 } else { 0.2 };
    delay + delay.mul_f64(f64::from(u8::try_from(hash >> 56).unwrap_or_default()) / 255.0 * most)
}

/// When a conflict is looked at again: like a rejection.
pub(super) fn next_look(facts: &Facts) -> Timestamp {
    let count = u32::try_from(facts.failures() + 1).unwrap_or(u32::MAX);
    let delay = Duration::from_secs(5)
        .saturating_mul(1 << (count - 1).min(16))
        .min(Duration::from_mins(10));
    later(facts.now, lengthened(delay, count, &facts.object.uid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::failure::Operation;

    fn failure(class: Class) -> Failure {
        Failure {
            operation: Operation::Create,
            class,
            http_status: None,
            code: None,
            message: String::new(),
            request_id: None,
            retry_after: None,
        }
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
    fn retry_after_lengthens_but_not_beyond_10_minutes() {
        let mut throttled = failure(Class::Throttled);
        throttled.retry_after = Some(Duration::from_secs(30));
        assert!(delay(&throttled, 1, "uid") >= Duration::from_secs(30));
        throttled.retry_after = Some(Duration::from_hours(24));
        assert!(delay(&throttled, 1, "uid") <= Duration::from_mins(12));
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

    #[test]
    fn many_failures_do_not_overflow() {
        assert!(delay(&failure(Class::CloudDown), u32::MAX, "uid") <= Duration::from_secs(144));
    }
}
