//! Recordsets: create, read, change, delete.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::page::{Page, PageRequest, RecordsetFilter, RecordsetSortKey};
use crate::domain::record_type::RecordType;
use crate::domain::recordset::{Recordset, RecordsetChanges};
use crate::domain::ttl::Ttl;
use crate::rpcs;

rpcs! { Central;
    "create_recordset" CreateRecordset => Recordset,       once, key = zone_id, together;
    "get_recordset"    GetRecordset    => Recordset,       repeatable;
    "find_recordsets"  FindRecordsets  => Page<Recordset>, repeatable;
    "update_recordset" UpdateRecordset => Recordset,       once, key = zone_id, together;
    "delete_recordset" DeleteRecordset => Recordset,       once, key = zone_id, together;
}

/// Creates a recordset. Answers it as PENDING/CREATE, or ACTIVE/NONE if it has no records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRecordset {
    /// The zone it goes into.
    pub zone_id: ZoneId,
    /// Its owner name, lexically a host name.
    pub name: Name,
    /// Its type, one that clients may create.
    pub kind: RecordType,
    /// Its TTL; the zone's if absent.
    pub ttl: Option<Ttl>,
    /// Free text.
    pub description: Option<String>,
    /// Record data as given, valid for the type, without repetitions.
    pub records: Vec<String>,
}

/// One recordset that the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetRecordset {
    /// The zone it must be in; any if absent.
    pub zone_id: Option<ZoneId>,
    /// Which.
    pub id: RecordsetId,
}

/// A page of recordsets: of one zone, or of all that the caller's project owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindRecordsets {
    /// The zone whose recordsets are listed; without it, the caller's own in all zones.
    pub zone_id: Option<ZoneId>,
    /// Which.
    pub filter: RecordsetFilter,
    /// Which part, in which order.
    pub page: PageRequest<RecordsetSortKey>,
    /// Whether to count all that match.
    pub count: bool,
}

/// Changes a recordset. Answers it as PENDING/UPDATE, or ACTIVE/NONE if no records remain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateRecordset {
    /// The zone it is in.
    pub zone_id: ZoneId,
    /// Which.
    pub id: RecordsetId,
    /// What.
    pub changes: RecordsetChanges,
}

/// Deletes a recordset: gone at once, while the answer shows PENDING/DELETE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteRecordset {
    /// The zone it is in.
    pub zone_id: ZoneId,
    /// Which.
    pub id: RecordsetId,
}
