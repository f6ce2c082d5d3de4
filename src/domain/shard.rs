//! The shard of a zone: which slice of the periodic work it belongs to.
//!
//! Invariants: a zone's shard never changes; shards number from 0 to 4095 and follow the order of zone ids.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::ids::ZoneId;

/// A number that is no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("shard {number} is above 4095")]
pub struct ShardError {
    /// The number.
    pub number: u16,
}

/// One of the 4096 shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Shard(u16);

impl Shard {
    /// How many shards there are.
    pub const COUNT: u16 = 4096;
    /// The first shard.
    pub const FIRST: Self = Self(0);
    /// The last shard.
    pub const LAST: Self = Self(Self::COUNT - 1);

    /// The shard of a zone: the first 12 bits of its id.
    #[must_use]
    pub const fn of(zone: ZoneId) -> Self {
        Self((zone.uuid().as_u128() >> 116) as u16)
    }

    /// The number, 0 to 4095.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Shard {
    type Error = ShardError;

    fn try_from(number: u16) -> Result<Self, ShardError> {
        if number < Self::COUNT { Ok(Self(number)) } else { Err(ShardError { number }) }
    }
}

impl From<Shard> for u16 {
    fn from(shard: Shard) -> Self {
        shard.0
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_the_first_12_bits_of_the_id() {
        let of = |id: &str| Shard::of(id.parse().unwrap()).number();
        assert_eq!(of("a86dba58-0043-4cc6-a1bb-69d5e86f3ca3"), 0xa86);
        assert_eq!(of("000fffff-ffff-4fff-bfff-ffffffffffff"), 0);
        assert_eq!(of("fffdba58-0043-4cc6-a1bb-69d5e86f3ca3"), Shard::LAST.number());
        assert_eq!(Shard::try_from(4096), Err(ShardError { number: 4096 }));
        assert_eq!(Shard::try_from(4095), Ok(Shard::LAST));
    }
}
