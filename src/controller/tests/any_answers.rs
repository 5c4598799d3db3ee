//! Whatever answers: courses by seeds, in which everybody lies for a while.
//!
//! `ADVERSARY_SEEDS` says how many, beside `TEST_EXTENT`; `ADVERSARY_SEED` repeats one. What no seed makes the same twice are a few random delays of the
//! libraries and the ids; so a course may differ a little when it is repeated.

use std::num::NonZero;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use futures::FutureExt as _;

use super::scenario;
use crate::fuzz::{cases, extent, print_extent};

/// Seeds of bugs that there were: each line a seed and what it showed. They run always; without `TEST_EXTENT` every third of them.
const KEPT: &str = include_str!("kept_seeds.txt");
const FEW: u64 = 4;
const USUAL: u64 = 500;
/// So many stories are told in full.
const MAX_LISTED: usize = 3;

#[test]
fn any_answers() {
    let seeds: Vec<u64> = match std::env::var("ADVERSARY_SEED") {
        Ok(seed) => vec![seed.parse().expect("ADVERSARY_SEED")],
        Err(_) => cases(kept(), 3)
            .chain(1..=extent("ADVERSARY_SEEDS", FEW, USUAL))
            .collect(),
    };
    let began = Instant::now();
    let problems = problems_of(&seeds);
    let (count, took) = (seeds.len(), began.elapsed());
    print_extent(&format!("{count} courses of lies, in {took:.0?}"));
    if let Ok(directory) = std::env::var("ADVERSARY_STORIES") {
        for (number, problem) in problems.iter().enumerate() {
            std::fs::write(format!("{directory}/{number}.txt"), problem).unwrap();
        }
    }
    let heads: Vec<&str> = problems
        .iter()
        .filter_map(|problem| problem.lines().next())
        .collect();
    let listed: Vec<&str> = problems
        .iter()
        .take(MAX_LISTED)
        .map(String::as_str)
        .collect();
    assert!(
        problems.is_empty(),
        "{} of {} seeds fail; ADVERSARY_SEED repeats one\n{}\n\n{}",
        problems.len(),
        seeds.len(),
        listed.join("\n"),
        heads.join("\n"),
    );
}

/// What goes wrong, in the order of the seeds. Each core has a share of them.
fn problems_of(seeds: &[u64]) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = &AtomicUsize::new(0);
    let live_some = move || {
        let seeds = std::iter::from_fn(|| seeds.get(next.fetch_add(1, Ordering::Relaxed)));
        seeds
            .filter_map(|seed| Some((*seed, lived(*seed).err()?)))
            .collect::<Vec<_>>()
    };
    let mut problems = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..cores).map(|_| scope.spawn(live_some)).collect();
        let shares = shares.into_iter().flat_map(|share| share.join().unwrap());
        shares.collect::<Vec<_>>()
    });
    problems.sort();
    problems.into_iter().map(|(_, problem)| problem).collect()
}

fn kept() -> impl Iterator<Item = u64> {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok())
}

/// The course of a seed, in a virtual time of its own.
fn lived(seed: u64) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let scenario = AssertUnwindSafe(scenario::run(seed)).catch_unwind();
    runtime.block_on(scenario).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("seed {seed}: panic: {}", text.unwrap_or_default()))
    })
}
