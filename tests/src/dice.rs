//! Seeded random numbers: the same seed gives the same numbers on every machine.

use std::ops::Range;

/// The environment variable with a single seed to repeat.
pub const SEED_VARIABLE: &str = "WEIR_SEED";

/// A random number generator (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Creates a generator from a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x5741_5445_5257_4549);
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number of the range, which must not be empty.
    pub fn within(&mut self, range: Range<u64>) -> u64 {
        range.start + self.next() % (range.end - range.start)
    }

    /// Returns an index of the range, which must not be empty.
    pub fn place(&mut self, range: Range<usize>) -> usize {
        let span = u64::try_from(range.end - range.start).unwrap_or(u64::MAX);
        range.start + usize::try_from(self.within(0..span)).unwrap_or_default()
    }

    /// Returns true with a probability of `chance` percent.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.within(0..100) < chance
    }

    /// Returns one of the elements. There must be at least one.
    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.place(0..all.len())]
    }

    /// Puts the elements in random order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, self.place(0..end + 1));
        }
    }

    /// Returns a non-empty range within `0..length`, which must not be empty.
    pub fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.place(0..length);
        start..self.place(start..length) + 1
    }
}

/// Returns the seeds of a test: 0 to `count`, or the one in the environment.
#[expect(clippy::disallowed_methods, reason = "the edge where a seed comes in")]
pub fn seeds(count: u64) -> anyhow::Result<Vec<u64>> {
    match std::env::var(SEED_VARIABLE) {
        Ok(seed) => Ok(vec![seed.parse()?]),
        Err(_) => Ok((0..count).collect()),
    }
}

/// Returns the text for an error that says how to repeat it.
pub fn again(seed: u64) -> String {
    format!("repeat it with {SEED_VARIABLE}={seed}")
}
