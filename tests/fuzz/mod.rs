//! What the tests with generated bad input share: how many cases they run, texts that nobody would write, and what any text that
//! is shown must be. Only for tests.
//!
//! `make test` sets `TEST_EXTENT` to `full`; without it a test tries a part, from the same fixed seed, so that all end in seconds.
//! `PROPTEST_CASES` asks for more cases, from a new seed each time.

pub(crate) mod manifest;

use std::{io::Write as _, str::FromStr};

use proptest::{prelude::*, sample::Index, test_runner::RngSeed};
use serde_json::Value;

/// So much of the start of a secret is told by nobody.
pub(crate) const MIN_MATCH: usize = 8;

/// Whether all is tried that `make test` tries, and not only what a person waits for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("TEST_EXTENT").is_some_and(|extent| extent == "full")
}

/// How much of something is tried: as the variable of this name says, else all, else a few.
pub(crate) fn extent<T: FromStr>(name: &str, few: T, all: T) -> T {
    match std::env::var(name) {
        Ok(text) => text.parse().ok().expect(name),
        Err(_) if is_full() => all,
        Err(_) => few,
    }
}

/// Of several cases that one test tries each one, or without `TEST_EXTENT` the first of every so many.
pub(crate) fn cases<T>(all: impl IntoIterator<Item = T>, share: usize) -> impl Iterator<Item = T> {
    all.into_iter().step_by(if is_full() { 1 } else { share })
}

/// Tells how much was tried, also when all goes well: a test's own output is shown only when it fails.
pub(crate) fn print_extent(text: &str) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "tried: {text}").unwrap();
}

/// Few cases from a fixed seed, or as the environment has it.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let usual = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        return usual;
    }
    let part = if is_full() { 1 } else { 4 };
    ProptestConfig {
        cases: (cases / part).max(1),
        rng_seed: RngSeed::Fixed(5),
        max_shrink_iters: 2_000,
        ..usual
    }
}

/// Any text: short, long, empty, with control characters, in any script.
pub(crate) fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[ -~]{0,40}",
        2 => any::<String>(),
        1 => Just(String::new()),
        1 => "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202e}\u{2028}\u{feff}]{1,20}",
        1 => ("\\PC", 0..1_000_usize).prop_map(|(letter, times)| letter.repeat(times)),
    ]
    .boxed()
}

/// A moment as somebody may write it: sane, of another age, at the ends of time, or none.
pub(crate) fn moment() -> BoxedStrategy<String> {
    prop_oneof![
        3 => (1_700_000_000_i64..1_900_000_000)
            .prop_map(|second| jiff::Timestamp::from_second(second).unwrap().to_string()),
        1 => any::<i64>().prop_map(|second| {
            let bounded = second % jiff::Timestamp::MAX.as_second();
            jiff::Timestamp::from_second(bounded).unwrap().to_string()
        }),
        1 => Just(jiff::Timestamp::MAX.to_string()),
        1 => Just(jiff::Timestamp::MIN.to_string()),
        1 => Just("0000-00-00T00:00:00Z".to_owned()),
        1 => text(),
    ]
    .boxed()
}

/// Any number that JSON may hold.
pub(crate) fn number() -> BoxedStrategy<i64> {
    prop_oneof![0..5_i64, any::<i64>(), Just(i64::MAX), Just(i64::MIN)].boxed()
}

/// Any JSON, of these names and texts more often than of others.
pub(crate) fn json(names: &'static [&'static str]) -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = prop_oneof![
            4 => any::<Index>().prop_map(|index| (*index.get(names)).to_owned()),
            1 => text(),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// Panics unless a text may be shown: not long, without control characters and without any of these secrets.
#[track_caller]
pub(crate) fn assert_presentable(text: &str, longest: usize, secrets: &[String]) {
    assert!(text.chars().count() <= longest, "too long: {text:?}");
    assert!(!text.chars().any(char::is_control), "raw: {text:?}");
    for secret in secrets {
        let start: String = secret.chars().take(MIN_MATCH).collect();
        assert!(!text.contains(&start), "tells {secret:?}: {text:?}");
    }
}
