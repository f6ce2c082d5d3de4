//! How often a zone is published while the machine, or the database, has much to do.
//!
//! Publishing a zone takes work of everybody: database, workers, name servers. Changes that wait a little longer share it.
//! So a zone is left alone for many times as long as it took lately to publish one, from when it was due until it was
//! done: with little to do that is less than the batch window, and changes nothing; with much to do it grows, up to a limit,
//! and the work becomes less.
//!
//! What rests is not all left to the end of its time: one zone at once is published as soon as the batch window is over, and
//! after that none for as long as it took. With much to do that is next to nothing; once there is less, it lets what rests
//! catch up quickly.
//!
//! Invariants: never shorter than the batch window, never longer than the limit; a zone that was quiet does not wait; one
//! zone is published early at a time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

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
    early: Mutex<Early>,
}

/// Who is published early.
#[derive(Debug, Default)]
struct Early {
    now: Weak<()>,
    /// Nobody is before that.
    next: Option<Instant>,
}

/// The right to publish a zone early.
#[derive(Debug)]
pub(super) struct Turn {
    _only: Arc<()>,
    begun: Instant,
}

impl Pace {
    /// With these limits to the window; nothing was measured yet.
    pub(super) fn new(shortest: Duration, longest: Duration) -> Self {
        Self { shortest, longest: longest.max(shortest), lately: AtomicU64::new(0), early: Mutex::default() }
    }

    /// The least time for which a zone that was published is left alone.
    pub(super) const fn shortest(&self) -> Duration {
        self.shortest
    }

    /// The right to publish a zone that rests since then, if it is nobody else's turn.
    pub(super) fn early(&self, since: Instant) -> Option<Turn> {
        let now = Instant::now();
        if now < since + self.shortest {
            return None;
        }
        let mut early = self.early.lock();
        if early.now.strong_count() > 0 || early.next.is_some_and(|next| now < next) {
            return None;
        }
        let only = Arc::new(());
        early.now = Arc::downgrade(&only);
        Some(Turn { _only: only, begun: now })
    }

    /// A zone was published early, or was not to be published.
    pub(super) fn rest(&self, turn: &Turn) {
        let now = Instant::now();
        self.early.lock().next = Some(now + now.duration_since(turn.begun));
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

    #[tokio::test(start_paused = true)]
    async fn one_at_a_time_goes_early_and_then_none_for_as_long() {
        let millis = Duration::from_millis;
        let pace = Pace::new(millis(100), millis(2000));
        let since = Instant::now();
        assert!(pace.early(since).is_none(), "the batch window is not over");
        tokio::time::advance(millis(100)).await;
        let turn = pace.early(since).unwrap();
        assert!(pace.early(since).is_none());
        tokio::time::advance(millis(30)).await;
        pace.rest(&turn);
        drop(turn);
        tokio::time::advance(millis(29)).await;
        assert!(pace.early(since).is_none());
        tokio::time::advance(millis(1)).await;
        drop(pace.early(since).unwrap());
        assert!(pace.early(since).is_some(), "whoever went away is not waited for");
    }

    #[test]
    fn a_longest_window_below_the_shortest_is_none() {
        let pace = Pace::new(Duration::from_secs(1), Duration::ZERO);
        pace.published(Duration::from_secs(9));
        assert_eq!(pace.window(), Duration::from_secs(1));
    }
}
