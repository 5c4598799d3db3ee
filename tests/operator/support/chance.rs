//! Chance that can be repeated: a seed makes one course of events.

use std::{
    env,
    hash::{BuildHasher as _, RandomState},
    io::Write as _,
};

/// A sequence of numbers that look random.
pub(crate) struct Dice(u64);

impl Dice {
    /// From the seed in this variable, or a new one. It is printed, so that a failure can be repeated.
    pub(crate) fn from_environment(variable: &str) -> Self {
        let seed = env::var(variable).ok().map_or_else(
            || RandomState::new().hash_one(variable),
            |seed| seed.parse().expect("the seed is a number"),
        );
        // Not by way of the test's own output, which is shown only when it fails.
        let mut stderr = std::io::stderr().lock();
        writeln!(stderr, "{variable}={seed}").unwrap();
        Self(seed)
    }

    /// One of so many, from 0. (`SplitMix64`.)
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let mixed = mixed ^ (mixed >> 31);
        usize::try_from(mixed % u64::try_from(bound).unwrap()).unwrap()
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
