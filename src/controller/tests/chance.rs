//! Chance that can be repeated: a seed makes one course of events.

/// A sequence of numbers that look random.
pub(super) struct SeededChance(u64);

impl SeededChance {
    /// The chance of one thing in a course. What is drawn for one moves no other.
    pub(super) fn of(seed: u64, what: &str, number: usize) -> Self {
        let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let number = u64::try_from(number).unwrap();
        let mixed = what
            .bytes()
            .chain(number.to_le_bytes())
            .fold(start, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
        Self(mixed)
    }

    /// The next number. (`SplitMix64`.)
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of so many, from 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Once in so many times.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let count = u64::try_from(all.len()).unwrap();
        &all[usize::try_from(self.below(count)).unwrap()]
    }
}
