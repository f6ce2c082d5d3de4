//! Zone serials and their arithmetic (RFC 1982).
//!
//! Invariants: serials have no total order, so there is no `Ord`; a next serial is always newer than the old one.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The serial of a zone version as the SOA record shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Serial(u32);

impl Serial {
    /// From its number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Compares as RFC 1982 section 3.2 says; `None` for two serials exactly 2^31 apart, whose order is undefined.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match self.0.wrapping_sub(other.0) {
            0 => Some(Ordering::Equal),
            1..=0x7fff_ffff => Some(Ordering::Greater),
            0x8000_0000 => None,
            _ => Some(Ordering::Less),
        }
    }

    /// True if this serial is greater than `other`.
    #[must_use]
    pub fn is_newer_than(self, other: Self) -> bool {
        self.compare(other) == Some(Ordering::Greater)
    }

    /// True if this serial equals `other` or is greater.
    #[must_use]
    pub fn is_at_least(self, other: Self) -> bool {
        self == other || self.is_newer_than(other)
    }

    /// The serial of the next version: the time in seconds since the epoch, or one more than this serial if the
    /// time is not newer than that.
    #[must_use]
    pub fn next(self, now_seconds: i64) -> Self {
        let now = Self::at(now_seconds);
        let successor = Self(self.0.wrapping_add(1));
        if now.is_newer_than(successor) { now } else { successor }
    }

    /// The serial of a first version: the time in seconds since the epoch, modulo 2^32.
    #[must_use]
    pub fn at(now_seconds: i64) -> Self {
        Self(u32::try_from(now_seconds.rem_euclid(1 << 32)).unwrap_or_default())
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc1982_section_3_2_comparison() {
        let compare = |a, b| Serial::new(a).compare(Serial::new(b));
        assert_eq!(compare(1, 1), Some(Ordering::Equal));
        assert_eq!(compare(2, 1), Some(Ordering::Greater));
        assert_eq!(compare(0, u32::MAX), Some(Ordering::Greater));
        assert_eq!(compare(0x7fff_ffff, 0), Some(Ordering::Greater));
        assert_eq!(compare(0x8000_0000, 0), None);
        assert_eq!(compare(0x8000_0001, 0), Some(Ordering::Less));
        assert!(Serial::new(3).is_at_least(Serial::new(3)) && !Serial::new(2).is_at_least(Serial::new(3)));
    }

    #[test]
    fn the_next_serial_is_the_time_unless_that_goes_back() {
        assert_eq!(Serial::new(100).next(1_800_000_000), Serial::new(1_800_000_000));
        assert_eq!(Serial::new(1_800_000_000).next(1_800_000_000), Serial::new(1_800_000_001));
        assert_eq!(Serial::new(2_026_010_100).next(1_800_000_000), Serial::new(2_026_010_101));
        assert_eq!(Serial::new(u32::MAX).next(0), Serial::new(0));
        assert_eq!(Serial::at((1 << 32) + 5), Serial::new(5));
    }

    proptest! {
        #[test]
        fn next_is_always_newer(old in any::<u32>(), now in any::<i64>()) {
            prop_assert!(Serial::new(old).next(now).is_newer_than(Serial::new(old)));
        }

        #[test]
        fn comparison_is_antisymmetric(a in any::<u32>(), b in any::<u32>()) {
            let (a, b) = (Serial::new(a), Serial::new(b));
            prop_assert_eq!(a.compare(b), b.compare(a).map(Ordering::reverse));
        }
    }
}
