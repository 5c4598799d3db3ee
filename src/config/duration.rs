//! Durations as people write them: `30s`, `10m`, `1h30m`, `500ms`. Pure.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::fmt::friendly::{Spacing, SpanPrinter};

/// A duration such as `1h30m`, in no other of the spellings that jiff knows.
pub fn parse(text: &str) -> Result<Duration, String> {
    let is_plain = text
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, 'h' | 'm' | 's'));
    let parsed = text.parse::<SignedDuration>().ok().filter(|_| is_plain);
    let duration = parsed.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| {
        format!("{text:?} is not a duration: write for instance 30s, 10m, 1h30m or 500ms")
    })
}

/// A parser that refuses what is shorter than `least` or longer than `most`.
pub(super) fn between(
    least: Duration,
    most: Duration,
) -> impl Fn(&str) -> Result<Duration, String> + Clone + Send + Sync + 'static {
    move |text| match parse(text)? {
        duration if duration < least => Err(format!("must be at least {}", show(least))),
        duration if duration > most => Err(format!("must be at most {}", show(most))),
        duration => Ok(duration),
    }
}

/// The duration as it would be written, to the millisecond.
pub fn show(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let printer = SpanPrinter::new().spacing(Spacing::None);
    printer.unsigned_duration_to_string(&Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_alike() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("1h1m1s1ms", 3_661_001),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)));
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(show(Duration::from_secs(90)), "1m30s");
    }

    #[test]
    fn what_is_no_duration_is_refused_with_examples() {
        for text in [
            "",
            "30",
            "s",
            "10 m",
            "1.5h",
            "-1s",
            "30S",
            "5d",
            "10m10m",
            "1s1h",
            "1h30",
            "99999999999999999999h",
            "99999999999999999h",
            "١s",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("1h30m"), "{text:?} said {error}");
        }
    }

    #[test]
    fn both_bounds_belong_to_the_range() {
        let parse = between(Duration::from_secs(3), Duration::from_mins(1));
        assert!(parse("3s").is_ok() && parse("1m").is_ok());
        assert_eq!(parse("2999ms").unwrap_err(), "must be at least 3s");
        assert_eq!(parse("1m1ms").unwrap_err(), "must be at most 1m");
    }
}
