//! A recordset: all records of one name and type.
//!
//! Invariants: records keep the text and order they were given; status and action are derived from generations, never
//! stored.

use serde::{Deserialize, Serialize};

use super::generation::Generation;
use super::ids::{ProjectId, RecordsetId, ZoneId};
use super::name::Name;
use super::record_type::RecordType;
use super::time::Timestamp;
use super::ttl::Ttl;
use super::zone_status::{Action, Status};

/// A recordset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recordset {
    /// Its id.
    pub id: RecordsetId,
    /// The zone it is in.
    pub zone_id: ZoneId,
    /// That zone's name.
    pub zone_name: Name,
    /// Who created it; not always the zone's owner.
    pub project_id: Option<ProjectId>,
    /// Its owner name.
    pub name: Name,
    /// Its type.
    pub kind: RecordType,
    /// Its TTL; `None` means the zone's.
    pub ttl: Option<Ttl>,
    /// Free text.
    pub description: Option<String>,
    /// Record data in presentation form, as given.
    pub records: Vec<String>,
    /// Made by the service (SOA, apex NS, floating-IP PTR …), not by a client.
    pub managed: bool,
    /// The zone's generation of its last change.
    pub generation: Generation,
    /// What that change was: CREATE or UPDATE.
    pub change: Action,
    /// What is under way for it now.
    pub action: Action,
    /// How that is going.
    pub status: Status,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// The changes that a client can make to a recordset; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsetChanges {
    /// New TTL, or the zone's.
    pub ttl: Option<Option<Ttl>>,
    /// New text, or none.
    pub description: Option<Option<String>>,
    /// The new records.
    pub records: Option<Vec<String>>,
}
