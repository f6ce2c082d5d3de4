//! What can be said to the worker.
//!
//! Invariants: every message may be lost, doubled or late: it says where to look, not what to do; what is to be done
//! stands in the database.

use serde::{Deserialize, Serialize};

use crate::domain::host_port::HostPort;
use crate::domain::ids::ZoneId;
use crate::domain::shard_lease::ShardLease;
use crate::domain::tick::Tick;
use crate::rpcs;
use crate::transport::Service;

/// The worker, as callers name it.
#[derive(Debug, Clone, Copy)]
pub struct Worker;

impl Service for Worker {
    const NAME: &'static str = "worker";
}

rpcs! { Worker;
    "publish_zone"   PublishZone   => (),        repeatable, key = zone;
    "recover_shards" RecoverShards => Recovered, repeatable;
    "refresh_zone"   RefreshZone   => (),        repeatable, key = zone;
    "refresh_shards" RefreshShards => Recovered, repeatable;
}

/// The zone was changed, created or deleted: bring it to the name servers. Answered once that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishZone {
    /// The zone.
    pub zone: ZoneId,
}

/// Take up again whatever lags in these shards and was not tried lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverShards {
    /// Only zones in these shards; their tokens are claimed in the transaction that takes zones up.
    pub leases: Vec<ShardLease>,
    /// The most zones to take up.
    pub limit: u32,
    /// Done once under this name.
    pub tick: Tick,
}

/// The masters of the secondary zone may have something new. Answered once somebody looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshZone {
    /// The zone.
    pub zone: ZoneId,
    /// The master that said so, to be asked first.
    pub from: Option<HostPort>,
}

/// Look after the secondary zones in these shards whose time has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshShards {
    /// Only zones in these shards; their tokens are claimed in the transaction that takes zones up.
    pub leases: Vec<ShardLease>,
    /// The most zones to take up.
    pub limit: u32,
    /// Done once under this name.
    pub tick: Tick,
}

/// What was found in the shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// Zones that were taken up.
    pub zones: u32,
}
