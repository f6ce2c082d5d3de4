//! Growing pauses between attempts.
//!
//! Invariants: the first pause is the one given, none is longer than the longest one given.

use std::time::Duration;

/// The pauses of one series of attempts.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    next: Duration,
    factor: f64,
    longest: Duration,
}

impl Backoff {
    /// `first`, then `factor` (above 1) times as long each time, up to `longest`.
    pub(super) fn new(first: Duration, factor: f64, longest: Duration) -> Self {
        Self { next: first.min(longest), factor, longest }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.next;
        // Compared in seconds, as the product may be more than a duration holds.
        let grown = (pause.as_secs_f64() * self.factor).min(self.longest.as_secs_f64());
        self.next = Duration::from_secs_f64(grown);
        pause
    }

    /// The next pause, or up to a third less, so that many who failed together do not come back together.
    pub(super) fn jittered(&mut self) -> Duration {
        self.pause().mul_f64(1.0 - rand::random::<f64>() / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let mut backoff = Backoff::new(Duration::from_millis(100), 2.0, Duration::from_millis(350));
        let millis: Vec<u128> = (0..4).map(|_| backoff.pause().as_millis()).collect();
        assert_eq!(millis, [100, 200, 350, 350]);
        let jittered = backoff.jittered().as_millis();
        assert!((233..=350).contains(&jittered), "{jittered}");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, 2.0, Duration::from_secs(u64::MAX / 2));
        assert_eq!(backoff.pause(), Duration::from_secs(u64::MAX / 2));
    }
}
