//! When masters are asked again, by the timers of the zone's SOA record (RFC 1034, section 4.3.5).
//!
//! Invariants: never sooner than the configured shortest time, never later than weeks, whatever the record says; a zone does
//! not expire before its masters could be asked twice.

use std::time::Duration;

use crate::domain::zone::SoaTimers;

/// The longest times between two looks, after a good one and after one in vain.
const LONGEST_REFRESH: Duration = Duration::from_secs(28 * 86_400);
const LONGEST_RETRY: Duration = Duration::from_secs(14 * 86_400);
/// The longest time between two attempts at a zone that never arrived.
const LONGEST_FIRST: Duration = Duration::from_secs(300);

/// After a look that was worth it.
pub(super) fn refresh(timers: SoaTimers, shortest: Duration) -> Duration {
    seconds(timers.refresh).min(LONGEST_REFRESH).max(shortest)
}

/// After a look in vain at a zone that arrived once.
pub(super) fn retry(timers: SoaTimers, shortest: Duration) -> Duration {
    seconds(timers.retry).min(LONGEST_RETRY).max(shortest)
}

/// After so many looks in vain at a zone that never arrived.
pub(super) fn retry_first(attempts: u32, shortest: Duration) -> Duration {
    let grown = shortest.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1).min(16)));
    grown.min(LONGEST_FIRST).max(shortest)
}

/// How long the zone may be served after the masters were last heard of.
pub(super) fn expire(timers: SoaTimers, shortest: Duration) -> Duration {
    seconds(timers.expire).max(refresh(timers, shortest) + retry(timers, shortest))
}

const fn seconds(count: u32) -> Duration {
    Duration::from_secs(count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timers_of_the_zone_decide_within_limits() {
        let timers = |refresh, retry, expire| SoaTimers { refresh, retry, expire, minimum: 1 };
        let shortest = Duration::from_secs(5);
        let good = timers(3600, 600, 86_400);
        assert_eq!((refresh(good, shortest), retry(good, shortest)), (seconds(3600), seconds(600)));
        assert_eq!(expire(good, shortest), seconds(86_400));
        let hasty = timers(0, 1, 0);
        assert_eq!((refresh(hasty, shortest), retry(hasty, shortest)), (shortest, shortest));
        assert_eq!(expire(hasty, shortest), seconds(10));
        let lazy = timers(u32::MAX, u32::MAX, u32::MAX);
        assert_eq!((refresh(lazy, shortest), retry(lazy, shortest)), (LONGEST_REFRESH, LONGEST_RETRY));
    }

    #[test]
    fn a_zone_that_never_arrived_is_tried_again_at_growing_distances() {
        let waits: Vec<_> = (1..=8).map(|n| retry_first(n, Duration::from_secs(5)).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(retry_first(u32::MAX, Duration::from_secs(900)).as_secs(), 900);
    }
}
