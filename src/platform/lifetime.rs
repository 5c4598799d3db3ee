//! How long what a service issues is good for. Pure.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// What a token lives when IAM does not say. Real ones live 24 hours.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// No token lives longer; a date that says so is wrong.
const MAX_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How long a token lives from now on.
pub(crate) fn lifetime(expires_at: Option<Timestamp>, now: Timestamp) -> Duration {
    let stated = expires_at.map_or(DEFAULT_LIFE, |end| end.duration_since(now));
    // What has expired already has none left.
    Duration::try_from(stated.min(MAX_LIFE)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-25T02:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_life_is_sane() {
        for (end, seconds) in [
            (Some("2026-11-25T03:00:00Z"), 3600),
            (Some("2030-01-01T00:00:00Z"), 24 * 3600),
            (Some("2020-01-01T00:00:00Z"), 0),
            (None, 1800),
        ] {
            let end = end.map(|text| text.parse().unwrap());
            assert_eq!(
                lifetime(end, now()),
                Duration::from_secs(seconds),
                "{end:?}"
            );
        }
    }
}
