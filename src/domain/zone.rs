//! A zone, as the database holds it and messages carry it.
//!
//! Invariants: names keep the case they were given and compare without it; `progress` changes only through
//! [`Progress`]'s own transitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::host_port::HostPort;
use super::ids::{PoolId, ProjectId, ZoneId};
use super::name::Name;
use super::serial::Serial;
use super::time::Timestamp;
use super::ttl::Ttl;
use super::zone_status::Progress;

/// Where a zone's records come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ZoneKind {
    /// From the API.
    Primary,
    /// From masters, by zone transfer.
    Secondary,
    /// Generated: the list of a pool's zones (RFC 9432).
    Catalog,
}

impl ZoneKind {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "PRIMARY",
            Self::Secondary => "SECONDARY",
            Self::Catalog => "CATALOG",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Primary, Self::Secondary, Self::Catalog].into_iter().find(|k| k.as_str() == text)
    }
}

/// The timers of a SOA record, in seconds (RFC 1035, section 3.3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoaTimers {
    /// How long a secondary waits between two checks.
    pub refresh: u32,
    /// How long it waits after a failed one.
    pub retry: u32,
    /// After how long without success it stops answering.
    pub expire: u32,
    /// How long negative answers are kept (RFC 2308).
    pub minimum: u32,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Its id; the first 12 bits are its shard.
    pub id: ZoneId,
    /// The pool that serves it.
    pub pool_id: PoolId,
    /// Its owner; `None` for zones the service itself owns.
    pub project_id: Option<ProjectId>,
    /// Its name.
    pub name: Name,
    /// Where its records come from.
    pub kind: ZoneKind,
    /// The mail address behind the SOA record's RNAME.
    pub email: String,
    /// Free text.
    pub description: Option<String>,
    /// The TTL of recordsets without one of their own.
    pub ttl: Ttl,
    /// The SOA record's timers.
    pub timers: SoaTimers,
    /// What DNS shows since the last publish.
    pub serial: Serial,
    /// How far its changes have come.
    pub progress: Progress,
    /// True if the caller sees it through a share, or it has any share.
    pub shared: bool,
    /// Hints for the scheduler.
    pub attributes: BTreeMap<String, String>,
    /// Where a secondary zone is transferred from.
    pub masters: Vec<HostPort>,
    /// The nearest zone above it in the same pool.
    pub parent_id: Option<ZoneId>,
    /// Recordsets in it, SOA and NS included.
    pub recordset_count: u64,
    /// Unmanaged records in it.
    pub record_count: u64,
    /// The zone's files on the name servers are to go too, once it is deleted.
    pub hard_delete: bool,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its row was last changed.
    pub updated_at: Option<Timestamp>,
    /// When it was last transferred from its masters.
    pub transferred_at: Option<Timestamp>,
    /// When it last got a serial.
    pub published_at: Option<Timestamp>,
}

/// The changes that a client can make to a zone; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneChanges {
    /// New mail address.
    pub email: Option<String>,
    /// New default TTL.
    pub ttl: Option<Ttl>,
    /// New text, or none.
    pub description: Option<Option<String>>,
    /// The new set of scheduler hints.
    pub attributes: Option<BTreeMap<String, String>>,
    /// The new masters.
    pub masters: Option<Vec<HostPort>>,
}
