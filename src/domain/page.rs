//! Which part of a list a caller wants, and in which order.
//!
//! Invariants: the order is total (ties are broken by id), so paging by key neither skips nor repeats a row.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One page of a list; `K` names the columns that the list can be sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest<K> {
    /// At most so many items.
    pub limit: u64,
    /// Only items after this one.
    pub marker: Option<Uuid>,
    /// The leading sort column; ids break ties.
    pub sort_key: K,
    /// Direction of both.
    pub direction: Direction,
}

/// Sort direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// One page of items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// How many match in all; `None` if it was not asked for.
    pub total: Option<u64>,
}

/// Whose rows a list shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// Everybody's.
    AllProjects,
    /// One project's; `None` is a caller without a project, who sees rows without owner only.
    Project(Option<super::ids::ProjectId>),
}

/// What zones can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ZoneSortKey {
    /// Creation time.
    CreatedAt,
    /// Id.
    Id,
    /// Last update; rows never updated come first.
    UpdatedAt,
    /// Name.
    Name,
    /// Owner.
    TenantId,
    /// Serial.
    Serial,
    /// Default TTL.
    Ttl,
    /// Status.
    Status,
}

/// What recordsets can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordsetSortKey {
    /// Creation time.
    CreatedAt,
    /// Id.
    Id,
    /// Last update; rows never updated come first.
    UpdatedAt,
    /// Zone.
    ZoneId,
    /// Owner.
    TenantId,
    /// Name.
    Name,
    /// Type.
    Type,
    /// TTL; the zone's default comes first.
    Ttl,
}

/// What service statuses can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceSortKey {
    /// Creation time.
    CreatedAt,
    /// Id.
    Id,
    /// Last update.
    UpdatedAt,
    /// Host.
    Hostname,
    /// Service.
    ServiceName,
    /// Status.
    Status,
}

/// What lists of things with a name can be sorted by: TLDs, TSIG keys, pools, and blacklists by their pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamedSortKey {
    /// Creation time.
    CreatedAt,
    /// Id.
    Id,
    /// Last update; rows never updated come first.
    UpdatedAt,
    /// Name.
    Name,
}

/// What lists of things without a name can be sorted by: shares, transfers, imports and exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlainSortKey {
    /// Creation time.
    CreatedAt,
    /// Id.
    Id,
    /// Last update; rows never updated come first.
    UpdatedAt,
}

/// Conditions on zones: each a text that the column must equal, `*` standing for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneFilter {
    /// Name, without case.
    pub name: Option<String>,
    /// PRIMARY, SECONDARY or CATALOG.
    pub kind: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Default TTL in decimal.
    pub ttl: Option<String>,
    /// Leaves catalog zones out.
    pub hide_catalogs: bool,
}

/// Conditions on recordsets: each a text that the column must equal, `*` standing for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsetFilter {
    /// Name, without case.
    pub name: Option<String>,
    /// Type.
    pub kind: Option<String>,
    /// TTL in decimal.
    pub ttl: Option<String>,
    /// The data of at least one record.
    pub data: Option<String>,
    /// Derived status.
    pub status: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// Only recordsets of this zone (`/v2/recordsets?zone_id=`).
    pub zone_id: Option<super::ids::ZoneId>,
}

/// Conditions on service statuses: each a text that the column must equal, `*` standing for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceFilter {
    /// Host.
    pub hostname: Option<String>,
    /// Service.
    pub service_name: Option<String>,
    /// UP, DOWN, WARNING or STOPPED.
    pub status: Option<String>,
}

/// Conditions on imports and exports: each a text that the column must equal, `*` standing for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFilter {
    /// Status.
    pub status: Option<String>,
    /// What came of it.
    pub message: Option<String>,
    /// Only those about this zone.
    pub zone_id: Option<super::ids::ZoneId>,
}

impl TaskFilter {
    /// What no import and no export meets.
    #[must_use]
    pub fn nothing() -> Self {
        Self { zone_id: Some(Uuid::nil().into()), ..Self::default() }
    }
}
