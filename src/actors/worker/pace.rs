//! How often a zone is published while the machine, or the database, has much to do.
//!
//! Publishing a zone takes work of everybody: database, workers, name servers. Changes that wait a little longer share it.
//! So a zone is left alone for many times as long as it took lately to publish one, from when it was due until it was
//! done: with little to do that is less than the batch window, and changes nothing; with much to do it grows, up to a limit,
//! and the work becomes less.
//!
//! Invariants: never shorter than the batch window, never longer than the limit; a zone that was quiet does not wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Times as long as publishing takes.
const REST: u32 = 20;
/// The share of the newest measure in the average is one of so many.
const MEMORY: u64 = 8;

/// The pace of a worker.
#[derive(Debug)]
pub(super) struct Pace {
    shortest: Duration,
    longest: Duration,
    /// How long publishing took lately, microseconds.
    lately: AtomicU64,
}

impl Pace {
    /// With these limits to the window; nothing was measured yet.
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest: longest.max(shortest), lately: AtomicU64::new(0) }
    }

    /// The time for which a zone that was published is left alone.
    pub(super) fn window(&self) -> Duration {
        let lately = Duration::from_micros(self.lately.load(Ordering::Relaxed));
        lately.saturating_mul(REST).clamp(self.shortest, self.longest)
    }

    /// Notes how long it took to publish a zone.
    pub(super) fn published(&self, took: Duration) {
        // One zone that had to wait for something of its own says little.
        let most = u64::try_from(self.longest.as_micros()).unwrap_or(u64::MAX);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).min(most);
        let lately = self.lately.load(Ordering::Relaxed);
        // Another's measure may get lost in between; there will be more.
        self.lately.store(lately - lately / MEMORY + took / MEMORY, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_grows_with_the_time_that_publishing_takes_and_shrinks_again() {
        let millis = Duration::from_millis;
        let pace = Pace::new(millis(100), millis(2000));
        assert_eq!(pace.window(), millis(100));
        (0..100).for_each(|_| pace.published(millis(2)));
        assert_eq!(pace.window(), millis(100), "there is little to do");
        (0..100).for_each(|_| pace.published(millis(40)));
        assert!((millis(780)..=millis(801)).contains(&pace.window()), "{:?}", pace.window());
        (0..100).for_each(|_| pace.published(Duration::from_secs(3600)));
        assert_eq!(pace.window(), millis(2000));
        (0..100).for_each(|_| pace.published(millis(1)));
        assert_eq!(pace.window(), millis(100));
    }

    #[test]
    fn a_longest_window_below_the_shortest_is_none() {
        let pace = Pace::new(Duration::from_secs(1), Duration::ZERO);
        pace.published(Duration::from_secs(9));
        assert_eq!(pace.window(), Duration::from_secs(1));
    }
}
