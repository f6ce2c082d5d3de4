//! What the outside is to be told: taken by whoever sends it, forgotten when it is sent.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::ZoneId;
use crate::domain::shard_lease::ShardLease;
use crate::rpcs;

rpcs! { Central;
    "take_notifications"   TakeNotifications   => Vec<Notification>, repeatable;
    "forget_notifications" ForgetNotifications => u64,               repeatable;
    "emit_exists"          EmitExists          => Option<ZoneId>,    repeatable;
    "emit_fault"           EmitFault           => ();
}

/// How urgent a notification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// Something happened as it should.
    Info,
    /// Something failed.
    Error,
}

impl Priority {
    /// As it stands in routing keys.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Error => "error",
        }
    }
}

/// Notifies that a request to the API failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmitFault {
    /// What was asked for.
    pub url: String,
    /// The status that it was answered with.
    pub status: u16,
    /// What is said of the failure.
    pub exception: String,
}

/// A notification that waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// Its place in the outbox: those of one zone are sent in this order.
    pub id: i64,
    /// The zone that it is about.
    pub zone: Option<ZoneId>,
    /// How urgent it is.
    pub priority: Priority,
    /// The message, as JSON.
    pub body: String,
}

/// The first notifications that wait; they stay until they are forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeNotifications {
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// At most so many.
    pub limit: u32,
}

/// These were sent. Answers how many of them were still there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetNotifications {
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// Which.
    pub ids: Vec<i64>,
}

/// Notifies that zones exist, those of each shard once in each period. Answers where to go on, if there are more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmitExists {
    /// Only zones in these shards, whose tokens are claimed in the transaction.
    pub leases: Vec<ShardLease>,
    /// Only zones after this one, the last of its shard.
    pub after: Option<ZoneId>,
    /// The period that is over, in seconds since the epoch.
    pub period: (i64, i64),
    /// About so many at once; a shard is not split.
    pub limit: u32,
}
