//! Chance within a simulation.
//!
//! **Invariant**: what is drawn follows from the seed alone; a fork does not depend on how often others draw.
use std::{ops::RangeInclusive, time::Duration};

/// A generator; not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another one, which goes its own way.
    pub(super) const fn fork(&mut self) -> Self {
        Self(self.draw())
    }

    const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.draw() >> 1).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }

    /// Whether something happens that does so this often in a hundred times.
    pub(super) fn percent(&mut self, percent: u32) -> bool {
        self.draw() % 100 < u64::from(percent)
    }

    /// A time in milliseconds.
    pub(super) fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        let span = range.end().saturating_sub(*range.start()).saturating_add(1);
        Duration::from_millis(range.start() + self.draw() % span)
    }

    /// One of several.
    pub(super) fn pick<T: Clone>(&mut self, all: &[T], otherwise: T) -> T {
        all.get(self.below(all.len().max(1))).cloned().unwrap_or(otherwise)
    }
}
