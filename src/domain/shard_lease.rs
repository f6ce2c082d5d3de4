//! The right to write on behalf of some shards, until somebody with a newer token does.
//!
//! Invariants: tokens of one shard only grow over the life of a deployment; storage refuses a write whose token is older
//! than one it has seen for that shard.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::shard::Shard;

/// Neighbouring shards held under one fencing token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardLease {
    /// First shard.
    pub first: Shard,
    /// Last shard, included.
    pub last: Shard,
    /// Claimed in the transaction of every write that it covers.
    pub token: u64,
}

impl ShardLease {
    /// The shards.
    #[must_use]
    pub const fn range(&self) -> RangeInclusive<Shard> {
        self.first..=self.last
    }

    /// True if the shard is among them.
    #[must_use]
    pub fn covers(&self, shard: Shard) -> bool {
        self.range().contains(&shard)
    }
}
