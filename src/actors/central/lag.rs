//! How many changes of a zone wait to be published, and whether a worker has to be told of one more.
//!
//! Whoever was told of the first looks at the zone when it is due, and finds all that were made until then. So of those
//! that follow only now and then one is told, in case that word was lost.
//!
//! Invariants: the first change that waits is always told of; what is not known counts as the first.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::domain::zone_status::Progress;

/// Of so many that wait one is told of.
const ONE_OF: u64 = 16;

/// The number of changes that wait, noted by the last run of a transaction.
#[derive(Debug, Default)]
pub(super) struct Lag(AtomicU64);

impl Lag {
    /// Notes how far the zone has come with the change.
    pub(super) fn note(&self, progress: Progress) {
        let waiting = progress.generation.number().saturating_sub(progress.published.number());
        self.0.store(waiting, Ordering::Relaxed);
    }

    /// True if a worker has to be told.
    pub(super) fn is_worth_a_word(&self) -> bool {
        let waiting = self.0.load(Ordering::Relaxed);
        waiting <= 1 || waiting.is_multiple_of(ONE_OF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_change_that_waits_is_told_of_and_then_one_of_many() {
        let lag = Lag::default();
        assert!(lag.is_worth_a_word(), "nothing is known");
        let mut progress = Progress::created();
        let told: Vec<u64> = (1..=40)
            .filter(|_| {
                progress = progress.changed();
                lag.note(progress);
                lag.is_worth_a_word()
            })
            .collect();
        assert_eq!(told, [1, 16, 32]);
        lag.note(progress.published().changed());
        assert!(lag.is_worth_a_word());
    }
}
