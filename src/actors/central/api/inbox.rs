//! Outcomes kept for those who ask again.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::rpcs;

rpcs! { Central;
    "forget_outcomes" ForgetOutcomes => u64, repeatable;
}

/// Forgets the outcomes that nobody asks for any more, for the producer. Answers how many; ask again until it is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetOutcomes {
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// Only those older than this, in seconds.
    pub older_than: u64,
    /// At most so many.
    pub limit: u32,
}
