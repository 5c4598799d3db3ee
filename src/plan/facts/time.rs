//! Moments of cloud time, and sums of them that can't overflow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A moment as a status tells it: whole seconds, never earlier than it is.
pub fn next_second(moment: Timestamp) -> Timestamp {
    let up = i64::from(moment.subsec_nanosecond() > 0);
    Timestamp::from_second(moment.as_second() + up).unwrap_or(moment)
}

/// `moment` and so much later or, where that is negative, earlier; at most the end of time.
pub fn shifted(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(moment)
}

/// `moment` minus `duration`, or the beginning of time.
pub fn earlier(moment: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| moment.checked_sub(duration).ok())
        .unwrap_or(Timestamp::MIN)
}

/// `moment` plus `duration`, or the end of time.
pub fn later(moment: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|duration| moment.checked_add(duration).ok())
        .unwrap_or(Timestamp::MAX)
}
