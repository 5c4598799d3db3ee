//! Time at the cloud: the local clock plus the offset that the newest `Date` header of an endpoint showed. One that would make
//! that time jump is in use only when a second one agrees: a single wrong header moves nothing.
//!
//! The only place where cloud time is made. The local wall clock is a function that is handed in, so tests can set it.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use tokio::time::Instant;

use crate::lock::lock;

/// The local wall clock.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// `Date` has whole seconds, so what is below this is no offset.
const RESOLUTION: SignedDuration = SignedDuration::from_secs(2);

/// An offset that is further from the one in use has to be shown twice.
const JUMP: SignedDuration = SignedDuration::from_mins(1);

/// How long the clock of an endpoint that is called no more is remembered, where others come: sweeps of those in use come more often.
const UNSEEN: Duration = Duration::from_mins(30);

/// The years 2020 to 2099, in seconds since 1970.
const PLAUSIBLE: Range<i64> = 1_577_836_800..4_102_444_800;

/// When a request left and when its answer came, by the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSpan {
    /// Just before the request was handed over.
    pub sent: Timestamp,
    /// When the whole answer was there.
    pub received: Timestamp,
}

/// The clocks of all endpoints.
pub struct Clock {
    wall: WallClock,
    /// Of those that are not right: which endpoints there are follows from what somebody writes into Secrets.
    offsets: Mutex<HashMap<String, Offset>>,
}

/// What is known of the clock of one endpoint.
struct Offset {
    in_use: SignedDuration,
    /// Shown by the newest answer, and too far off to be believed yet.
    doubted: Option<SignedDuration>,
    /// When the newest answer came.
    seen: Instant,
}

impl Offset {
    fn is_none(&self) -> bool {
        self.in_use.is_zero() && self.doubted.is_none()
    }
}

impl Clock {
    /// A clock that trusts the local one until an answer tells otherwise.
    pub fn new(wall: WallClock) -> Self {
        Self {
            wall,
            offsets: Mutex::default(),
        }
    }

    /// The local wall clock, for those who look at it later.
    pub fn wall(&self) -> &WallClock {
        &self.wall
    }

    /// The local wall clock.
    pub fn local(&self) -> Timestamp {
        (self.wall)()
    }

    /// Time at the cloud behind this endpoint.
    pub fn now(&self, endpoint: &str) -> Timestamp {
        self.at(endpoint, self.local())
    }

    /// What the cloud's clock showed when the local one showed `local`.
    pub fn at(&self, endpoint: &str, local: Timestamp) -> Timestamp {
        shifted(local, self.offset(endpoint))
    }

    /// Time at the cloud if its clock is so far ahead: for the one request that is dated anew, whether that is believed yet or not.
    pub(crate) fn ahead(&self, offset: SignedDuration) -> Timestamp {
        shifted(self.local(), offset)
    }

    /// How far the cloud's clock is ahead of the local one, negative when it is behind.
    pub fn offset(&self, endpoint: &str) -> SignedDuration {
        let offsets = lock(&self.offsets);
        offsets
            .get(endpoint)
            .map(|offset| offset.in_use)
            .unwrap_or_default()
    }

    /// The offset that the newest answer shows, believed or not.
    pub fn measured(&self, endpoint: &str) -> SignedDuration {
        let offsets = lock(&self.offsets);
        let measured = |offset: &Offset| offset.doubted.unwrap_or(offset.in_use);
        offsets.get(endpoint).map(measured).unwrap_or_default()
    }

    /// Whether the newest answer showed an offset that is not in use, since nothing has agreed with it yet: what time it is at the
    /// cloud is not known then.
    pub fn is_doubted(&self, endpoint: &str) -> bool {
        let offsets = lock(&self.offsets);
        let known = offsets.get(endpoint);
        known.is_some_and(|offset| offset.doubted.is_some())
    }

    /// Learns what a `Date` header shows, and gives it: the smallest offset that puts it between request and answer.
    pub fn observe(&self, endpoint: &str, date: Timestamp, span: RequestSpan) -> SignedDuration {
        let ahead = date.duration_since(span.received);
        let behind = date.duration_since(span.sent);
        let measured = if ahead >= RESOLUTION {
            ahead
        } else if behind <= -RESOLUTION {
            behind
        } else {
            SignedDuration::ZERO
        };
        let seen = Instant::now();
        let mut offsets = lock(&self.offsets);
        if !offsets.contains_key(endpoint) {
            if measured.is_zero() {
                return measured;
            }
            offsets.retain(|_, known| seen.saturating_duration_since(known.seen) < UNSEEN);
        }
        let known = offsets.entry(endpoint.to_owned()).or_insert(Offset {
            in_use: SignedDuration::ZERO,
            doubted: None,
            seen,
        });
        known.seen = seen;
        let agrees = |other: SignedDuration| measured.saturating_sub(other).abs() <= JUMP;
        if agrees(known.in_use) || known.doubted.is_some_and(agrees) {
            (known.in_use, known.doubted) = (measured, None);
        } else {
            known.doubted = Some(measured);
        }
        if known.is_none() {
            offsets.remove(endpoint);
        }
        measured
    }
}

fn shifted(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

/// The time in the `Date` header of an answer. One of another age is no clock's.
pub fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let date = parse_http_date(headers.get(header::DATE)?.to_str().ok()?)?;
    PLAUSIBLE.contains(&date.as_second()).then_some(date)
}

/// A time as HTTP headers write it, such as `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "https://live.cn-north-4.myhuaweicloud.com";

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn clock() -> Clock {
        Clock::new(Arc::new(|| time("2026-11-25T02:00:00Z")))
    }

    #[test]
    fn dates_of_http_are_read() {
        for (text, expected) in [
            (
                "Sun, 06 Nov 1994 08:49:37 GMT",
                Some("1994-11-06T08:49:37Z"),
            ),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_http_date(text), expected.map(time), "{text}");
        }
    }

    #[test]
    fn a_date_of_another_age_is_none() {
        for (text, plausible) in [
            ("Wed, 25 Nov 2026 12:00:00 GMT", true),
            ("Tue, 31 Dec 2019 23:59:59 GMT", false),
            ("Wed, 01 Jan 2020 00:00:00 GMT", true),
            ("Thu, 31 Dec 2099 23:59:59 GMT", true),
            ("Fri, 01 Jan 2100 00:00:00 GMT", false),
            ("Thu, 30 Dec 9999 22:00:00 GMT", false),
        ] {
            let headers = HeaderMap::from_iter([(header::DATE, text.parse().unwrap())]);
            assert_eq!(date(&headers).is_some(), plausible, "{text}");
        }
    }

    #[test]
    fn an_offset_is_what_the_way_there_and_back_does_not_explain() {
        let span = RequestSpan {
            sent: time("2026-11-25T02:00:00Z"),
            received: time("2026-11-25T02:00:08Z"),
        };
        for (date, offset) in [
            ("2026-11-25T01:59:59Z", 0),
            ("2026-11-25T02:00:05Z", 0),
            ("2026-11-25T02:00:09Z", 0),
            ("2026-11-25T02:00:10Z", 2),
            ("2026-11-25T02:30:08Z", 1800),
            ("2026-11-25T01:59:58Z", -2),
            ("2026-11-25T01:30:00Z", -1800),
        ] {
            let measured = clock().observe(ENDPOINT, time(date), span);
            assert_eq!(measured, SignedDuration::from_secs(offset), "{date}");
        }
    }

    /// A clock that saw these dates, one after the other, each in an answer that came at once.
    fn after(dates: &[&str]) -> Clock {
        let clock = clock();
        let now = clock.local();
        let span = RequestSpan {
            sent: now,
            received: now,
        };
        for date in dates {
            clock.observe(ENDPOINT, time(date), span);
        }
        clock
    }

    #[test]
    fn every_endpoint_has_its_own_offset_and_the_newest_date_counts() {
        let clock = after(&["2026-11-25T02:00:30Z", "2026-11-25T02:00:50Z"]);
        assert_eq!(clock.now(ENDPOINT), time("2026-11-25T02:00:50Z"));
        let other = "https://live.eu-west-101.myhuaweicloud.eu";
        assert_eq!(clock.now(other), clock.local());
        let clock = after(&["2026-11-25T02:00:30Z", "2026-11-25T02:00:01Z"]);
        assert_eq!(clock.now(ENDPOINT), clock.local());
        let clock = after(&["2026-11-25T02:00:30Z", "2026-11-25T02:10:00Z"]);
        let (believed, measured) = (clock.offset(ENDPOINT), clock.measured(ENDPOINT));
        assert_eq!((believed.as_secs(), measured.as_secs()), (30, 600));
    }

    #[test]
    fn nothing_is_kept_of_an_endpoint_whose_clock_is_right() {
        let clock = after(&["2026-11-25T02:10:00Z", "2026-11-25T02:00:01Z"]);
        let now = clock.local();
        let span = RequestSpan {
            sent: now,
            received: now,
        };
        for host in 0..1_000 {
            let endpoint = format!("https://live-{host}.example.com");
            clock.observe(&endpoint, now, span);
        }
        assert_eq!(lock(&clock.offsets).len(), 0);
        clock.observe(ENDPOINT, time("2026-11-25T02:00:30Z"), span);
        assert_eq!(lock(&clock.offsets).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_known_of_clocks_that_nobody_asks_is_forgotten() {
        let clock = after(&["2026-11-25T02:00:30Z"]);
        let now = clock.local();
        let span = RequestSpan {
            sent: now,
            received: now,
        };
        let wrong = time("2026-11-25T02:00:30Z");
        for round in 0..10 {
            for host in 0..1_000 {
                let endpoint = format!("https://live-{round}-{host}.example.com");
                clock.observe(&endpoint, wrong, span);
            }
            clock.observe(ENDPOINT, wrong, span);
            tokio::time::advance(Duration::from_mins(31)).await;
        }
        let kept = lock(&clock.offsets).len();
        assert!(kept <= 1_001, "{kept} are kept");
        assert_eq!(clock.offset(ENDPOINT).as_secs(), 30, "it is in use");
    }

    #[test]
    fn a_date_that_jumps_counts_when_the_next_answer_agrees() {
        for (dates, now) in [
            (&["2026-11-25T02:10:00Z"][..], "2026-11-25T02:00:00Z"),
            (&["2026-11-25T01:50:00Z"], "2026-11-25T02:00:00Z"),
            (
                &["2026-11-25T02:10:00Z", "2026-11-25T02:10:30Z"],
                "2026-11-25T02:10:30Z",
            ),
            (
                &["2026-11-25T02:10:00Z", "2026-11-25T02:00:00Z"],
                "2026-11-25T02:00:00Z",
            ),
            (
                &["2026-11-25T02:10:00Z", "2026-11-25T03:30:00Z"],
                "2026-11-25T02:00:00Z",
            ),
            (
                &[
                    "2026-11-25T02:10:00Z",
                    "2026-11-25T02:00:00Z",
                    "2026-11-25T02:10:00Z",
                ],
                "2026-11-25T02:00:00Z",
            ),
            (
                &[
                    "2026-11-25T02:10:00Z",
                    "2026-11-25T03:30:00Z",
                    "2026-11-25T03:30:00Z",
                ],
                "2026-11-25T03:30:00Z",
            ),
        ] {
            assert_eq!(after(dates).now(ENDPOINT), time(now), "{dates:?}");
        }
    }
}
