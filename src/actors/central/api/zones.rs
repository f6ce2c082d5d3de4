//! Zones: create, read, change, delete.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::name::Name;
use crate::domain::page::{Page, PageRequest, ZoneFilter, ZoneSortKey};
use crate::domain::pool::NsRecord;
use crate::domain::quota::Quotas;
use crate::domain::shard_lease::ShardLease;
use crate::domain::tick::Tick;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{Zone, ZoneChanges, ZoneKind};
use crate::rpcs;

rpcs! { Central;
    "create_zone"          CreateZone         => Zone,           once;
    "get_zone"             GetZone            => Zone,           repeatable;
    "find_zones"           FindZones          => Page<Zone>,     repeatable;
    "update_zone"          UpdateZone         => Zone,           once, key = id;
    "delete_zone"          DeleteZone         => Zone,           once, key = id;
    "abandon_zone"         AbandonZone        => (),             once, key = id;
    "move_zone"            MoveZone           => (),             once, key = id;
    "xfr_zone"             XfrZone            => (),             once, key = id;
    "get_zone_nameservers" GetZoneNameservers => Vec<NsRecord>,  repeatable;
    "purge_zones"          PurgeZones         => u64;
    "trim_journals"        TrimJournals       => u64;
    "get_quotas"           GetQuotas          => Quotas,         repeatable;
}

/// Creates a zone for the caller's project. Answers it as PENDING/CREATE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateZone {
    /// Its name, lexically a domain name.
    pub name: Name,
    /// PRIMARY or SECONDARY.
    pub kind: ZoneKind,
    /// Given for primary zones, and only for them.
    pub email: Option<String>,
    /// Default TTL; the configured one if absent.
    pub ttl: Option<Ttl>,
    /// Free text.
    pub description: Option<String>,
    /// Hints for the scheduler.
    pub attributes: BTreeMap<String, String>,
    /// Given for secondary zones, and only for them.
    pub masters: Vec<HostPort>,
}

/// One zone that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetZone {
    /// Which.
    pub id: ZoneId,
}

/// A page of the zones that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindZones {
    /// Which.
    pub filter: ZoneFilter,
    /// Which part, in which order.
    pub page: PageRequest<ZoneSortKey>,
}

/// Changes a zone. Answers it as PENDING/UPDATE with its old serial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateZone {
    /// Which.
    pub id: ZoneId,
    /// What.
    pub changes: ZoneChanges,
}

/// Deletes a zone. Answers it as PENDING/DELETE; the row goes when the name servers confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteZone {
    /// Which.
    pub id: ZoneId,
}

/// Forgets a zone at once; name servers are left as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonZone {
    /// Which.
    pub id: ZoneId,
}

/// Moves a zone to another pool; its copies on the servers of the old one stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveZone {
    /// Which.
    pub id: ZoneId,
    /// Where to; the only other pool that it can go to if absent.
    pub pool_id: Option<PoolId>,
}

/// Has the masters of a secondary zone asked, and the zone transferred if it is newer there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct XfrZone {
    /// Which.
    pub id: ZoneId,
}

/// The NS records of the pool that serves a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetZoneNameservers {
    /// Which zone.
    pub id: ZoneId,
}

/// Removes rows of zones deleted long ago, for the producer. Answers how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeZones {
    /// Only zones in these shards; their tokens are claimed in the transaction that removes the rows.
    pub leases: Vec<ShardLease>,
    /// Only zones deleted longer ago than this, in seconds.
    pub older_than: u64,
    /// At most so many.
    pub limit: u32,
    /// Done once under this name.
    pub tick: Tick,
}

/// Forgets old lines of published changes, for the producer. Answers of how many zones; ask again until it is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrimJournals {
    /// The token of the first shard, claimed in the transaction.
    pub token: u64,
    /// Only lines older than this, in seconds.
    pub older_than: u64,
    /// At most so many zones.
    pub limit: u32,
    /// Done once under this name.
    pub tick: Tick,
}

/// The limits in force for a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetQuotas {
    /// Whose; the caller's if absent.
    pub project: Option<ProjectId>,
}
