//! Times to live of records.
//!
//! Invariants: 0 to 2147483647 seconds (RFC 2181 section 8).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number that is no TTL; the messages are those of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum TtlError {
    /// Below zero.
    #[error("Value must be >= 0 for field ttl")]
    Negative,
    /// Above 2147483647.
    #[error("Value too high for ttl")]
    TooHigh,
}

/// A time to live in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ttl(u32);

impl Ttl {
    /// The greatest TTL.
    pub const MAX: Self = Self(0x7fff_ffff);
    /// Zero: not to be cached.
    pub const ZERO: Self = Self(0);

    /// Checks a number of seconds.
    ///
    /// # Errors
    /// If it is outside 0 to 2147483647.
    pub fn new(seconds: i64) -> Result<Self, TtlError> {
        if seconds < 0 {
            return Err(TtlError::Negative);
        }
        u32::try_from(seconds).ok().map(Self).filter(|ttl| *ttl <= Self::MAX).ok_or(TtlError::TooHigh)
    }

    /// A TTL received from the network: one with the top bit set counts as zero (RFC 2181 section 8).
    #[must_use]
    pub fn from_wire(seconds: u32) -> Self {
        Some(Self(seconds)).filter(|ttl| *ttl <= Self::MAX).unwrap_or(Self::ZERO)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl TryFrom<u32> for Ttl {
    type Error = TtlError;

    fn try_from(seconds: u32) -> Result<Self, TtlError> {
        Self::new(i64::from(seconds))
    }
}

impl From<Ttl> for u32 {
    fn from(ttl: Ttl) -> Self {
        ttl.0
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_that_of_rfc2181() {
        assert_eq!(Ttl::new(0), Ok(Ttl::ZERO));
        assert_eq!(Ttl::new(2_147_483_647), Ok(Ttl::MAX));
        assert_eq!(Ttl::new(-1).unwrap_err().to_string(), "Value must be >= 0 for field ttl");
        assert_eq!(Ttl::new(2_147_483_648).unwrap_err().to_string(), "Value too high for ttl");
        assert_eq!(Ttl::from_wire(0x8000_0000), Ttl::ZERO);
        assert_eq!(Ttl::from_wire(3600).duration(), Duration::from_secs(3600));
        assert!(serde_json::from_str::<Ttl>("2147483648").is_err());
    }
}
