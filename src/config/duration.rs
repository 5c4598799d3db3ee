//! Durations as people write them: `30s`, `10m`, `1h30m`, `500ms`. Pure.

use std::fmt::Write as _;
use std::time::Duration;

/// Units from the longest to the shortest, which is the order they may be written in.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A duration such as `1h30m`.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is not a duration: write for instance 30s, 10m, 1h30m or 500ms");
    let (mut rest, mut total, mut units) = (text, 0_u64, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, factor) = units
            .by_ref()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(*factor);
        total = part
            .and_then(|part| total.checked_add(part))
            .ok_or_else(wrong)?;
        rest = tail;
    }
    if text.is_empty() {
        Err(wrong())
    } else {
        Ok(Duration::from_millis(total))
    }
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
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            // Writing to a string can't fail.
            let _ = write!(text, "{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    if text.is_empty() {
        "0s".to_owned()
    } else {
        text
    }
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
