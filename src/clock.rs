//! Wall time, as the deployment sees it.
//!
//! Invariants: the only place that reads the system clock; a clock made by [`Clock::following_tokio`] moves exactly as
//! tokio's clock does, so a paused test governs wall time too; one made by `Clock::by_hand` moves only as its hand is.

#[cfg(feature = "testing")]
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::time::Timestamp;

/// A source of wall time; cheap to clone.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Source);

#[derive(Debug, Clone, Copy)]
enum Source {
    System,
    FollowingTokio {
        start: Timestamp,
        since: Instant,
    },
    #[cfg(feature = "testing")]
    ByHand(&'static AtomicI64),
}

/// Moves a clock that was made by [`Clock::by_hand`].
#[cfg(feature = "testing")]
#[derive(Debug, Clone, Copy)]
pub struct Hand(&'static AtomicI64);

#[cfg(feature = "testing")]
impl Hand {
    /// Moves the clock on.
    pub fn advance(&self, time: Duration) {
        self.0.fetch_add(micros(time), Ordering::SeqCst);
    }
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that shows `start` now and follows tokio's clock from here, also while that is paused or advanced.
    #[must_use]
    pub fn following_tokio(start: Timestamp) -> Self {
        Self(Source::FollowingTokio { start, since: Instant::now() })
    }

    /// A clock that shows `start` until its hand is moved, whatever time it is elsewhere. Its number is never freed: a
    /// handful of bytes for each such clock.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn by_hand(start: Timestamp) -> (Self, Hand) {
        let shown: &'static AtomicI64 = Box::leak(Box::new(AtomicI64::new(start.micros())));
        (Self(Source::ByHand(shown)), Hand(shown))
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Source::System => system_now(),
            Source::FollowingTokio { start, since } => {
                Timestamp::from_micros(start.micros().saturating_add(micros(since.elapsed())))
            }
            #[cfg(feature = "testing")]
            Source::ByHand(shown) => Timestamp::from_micros(shown.load(Ordering::SeqCst)),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one reading of the system clock")]
fn system_now() -> Timestamp {
    match std::time::SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp::from_micros(micros(after)),
        Err(before) => Timestamp::from_micros(micros(before.duration()).saturating_neg()),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_follows_a_paused_clock() {
        let clock = Clock::following_tokio(Timestamp::from_micros(5));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(clock.now().since(Timestamp::from_micros(5)), Duration::from_secs(3600));
    }

    #[test]
    #[cfg(feature = "testing")]
    fn a_clock_moved_by_hand_stands_still_otherwise() {
        let (clock, hand) = Clock::by_hand(Timestamp::from_micros(5));
        let (other, _) = Clock::by_hand(Timestamp::from_micros(9));
        assert_eq!((clock.now().micros(), other.now().micros()), (5, 9));
        hand.advance(Duration::from_secs(1));
        assert_eq!((clock.now().micros(), other.now().micros()), (1_000_005, 9));
    }
}
