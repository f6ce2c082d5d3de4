//! How fast the clock of a process goes.
//!
//! **Invariant**: all that is timed for the sake of leases is timed by it: by the holder, and by whoever lets them expire. Only
//! a simulation has clocks that go wrong, so that what is promised about them can be put to the test.
use std::time::Duration;

/// The rate of a clock: so many thousandths of what a true one shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(u32);

impl Default for Pace {
    fn default() -> Self {
        Self(1000)
    }
}

impl Pace {
    /// A clock that shows so many milliseconds in a second; at least one.
    #[must_use]
    pub const fn millis_in_a_second(millis: u32) -> Self {
        Self(if millis == 0 { 1 } else { millis })
    }

    /// How long it really takes until this clock shows that `duration` has passed.
    #[must_use]
    pub fn lasts(self, duration: Duration) -> Duration {
        if self == Self::default() { duration } else { duration.saturating_mul(1000) / self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_is_done_sooner() {
        let second = Duration::from_secs(1);
        assert_eq!(Pace::default().lasts(second), second);
        assert_eq!(Pace::millis_in_a_second(1250).lasts(second), Duration::from_millis(800));
        assert_eq!(Pace::millis_in_a_second(500).lasts(second), Duration::from_secs(2));
    }
}
