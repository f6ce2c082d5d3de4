//! One run of a periodic task, named so that it has its effect once however often it is asked for.
//!
//! Invariants: the name holds the task, the shards with their tokens, the epoch of their assignment and a number that no
//! other run of the same holder has; it goes into the transaction of the effect.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::shard_lease::ShardLease;

/// The name of one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tick(String);

impl Tick {
    /// The run of this number of a task, on these shards.
    #[must_use]
    pub fn new(task: &str, leases: &[ShardLease], epoch: u64, number: u64) -> Self {
        let mut shards = Sha256::new();
        for lease in leases {
            for part in [u64::from(lease.first.number()), u64::from(lease.last.number()), lease.token] {
                shards.update(part.to_be_bytes());
            }
        }
        let mut name = format!("tick/{task}/{epoch}/");
        for byte in shards.finalize().iter().take(8) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let _ = write!(name, "/{number}");
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::shard::Shard;

    #[test]
    fn runs_differ_by_task_shards_tokens_epoch_and_number() {
        let lease = |token| ShardLease { first: Shard::FIRST, last: Shard::LAST, token };
        let one = Tick::new("a", &[lease(1)], 1, 1);
        assert_eq!(one, Tick::new("a", &[lease(1)], 1, 1));
        for other in [
            Tick::new("b", &[lease(1)], 1, 1),
            Tick::new("a", &[lease(2)], 1, 1),
            Tick::new("a", &[], 1, 1),
            Tick::new("a", &[lease(1)], 2, 1),
            Tick::new("a", &[lease(1)], 1, 2),
        ] {
            assert_ne!(one, other);
        }
    }
}
