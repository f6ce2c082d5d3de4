//! When a failed call is tried again.
//!
//! Invariants: only if the message may be repeated or certainly nothing was done; never past the deadline; the pauses
//! grow and are jittered, so that callers that failed together do not come back together.

use std::time::Duration;

use crate::transport::fault::{Fault, FaultCode};

/// How persistent a caller is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u32,
    first: Duration,
    longest: Duration,
    absent_too: bool,
}

impl RetryPolicy {
    /// Every fault is final.
    pub const NEVER: Self =
        Self { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO, absent_too: false };

    /// Rides out the replacement of an instance or a lost connection (`Unavailable`). Whoever is absent or overloaded is
    /// reported at once. The default.
    pub const BRIEF: Self = Self {
        attempts: 4,
        first: Duration::from_millis(10),
        longest: Duration::from_millis(200),
        absent_too: false,
    };

    /// For work that nobody waits for: also waits for services that are absent or overloaded, until the deadline.
    pub const PATIENT: Self = Self {
        attempts: u32::MAX,
        first: Duration::from_millis(50),
        longest: Duration::from_secs(5),
        absent_too: true,
    };

    /// True if any fault could lead to another attempt.
    #[must_use]
    pub const fn can_retry(&self) -> bool {
        self.attempts > 1
    }

    /// The pause before attempt number `attempt + 1`, if there is to be one. `remaining` is the time left and `chance`
    /// a random number from 0 to 1.
    #[must_use]
    pub fn pause(
        &self,
        attempt: u32,
        fault: &Fault,
        repeatable: bool,
        remaining: Duration,
        chance: f64,
    ) -> Option<Duration> {
        let transient = match fault.code {
            FaultCode::Unavailable => true,
            FaultCode::Unreachable | FaultCode::Overloaded => self.absent_too,
            _ => false,
        };
        if !transient || attempt >= self.attempts || (fault.maybe_done && !repeatable) {
            return None;
        }
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        let pause = doubled.min(self.longest).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        (pause < remaining).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn away() -> Fault {
        Fault::unavailable("instance_lost", "gone")
    }

    #[test]
    fn what_may_be_done_is_repeated_only_if_repeatable() {
        let policy = RetryPolicy::BRIEF;
        assert!(policy.pause(1, &away(), false, LONG, 0.5).is_some());
        assert!(policy.pause(1, &away().and_maybe_done(), false, LONG, 0.5).is_none());
        assert!(policy.pause(1, &away().and_maybe_done(), true, LONG, 0.5).is_some());
    }

    #[test]
    fn only_transient_faults_are_tried_again() {
        let refused = [
            Fault::conflict("duplicate_zone", ""),
            Fault::timeout(),
            Fault::internal("unknown", ""),
            Fault::unreachable("central"),
            Fault::overloaded("central"),
        ];
        for fault in &refused {
            assert_eq!(RetryPolicy::BRIEF.pause(1, fault, true, LONG, 0.5), None, "{fault}");
        }
        assert!(RetryPolicy::PATIENT.pause(9, &Fault::overloaded("central"), false, LONG, 0.5).is_some());
        assert_eq!(RetryPolicy::NEVER.pause(1, &away(), true, LONG, 0.5), None);
    }

    #[test]
    fn pauses_grow_with_jitter_up_to_a_limit_and_end_before_the_deadline() {
        let pause =
            |attempt, chance| RetryPolicy::PATIENT.pause(attempt, &away(), false, LONG, chance).unwrap();
        assert_eq!((pause(1, 0.0), pause(1, 1.0)), (Duration::from_millis(25), Duration::from_millis(50)));
        assert_eq!(pause(2, 1.0), Duration::from_millis(100));
        assert_eq!(pause(1_000_000, 1.0), Duration::from_secs(5));
        let left = Duration::from_millis(40);
        assert_eq!(RetryPolicy::PATIENT.pause(1, &away(), false, left, 1.0), None);
        assert_eq!(RetryPolicy::BRIEF.pause(4, &away(), false, LONG, 0.0), None);
    }
}
