//! The history of a zone: who changed what of it, when, and under which serial it was published.
//!
//! Invariants: one change is one generation; what a change did to a recordset is told once, from what was before the change to
//! what was after it.

use serde::{Deserialize, Serialize};

use super::delta::RrSet;
use super::generation::Generation;
use super::ids::ProjectId;
use super::name::Name;
use super::page::Direction;
use super::record_type::RecordType;
use super::serial::Serial;
use super::time::Timestamp;

/// Most changes of a page.
pub const MOST: u64 = 10_000;

/// Who made a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The request, `req-…`.
    pub request: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The project that the request acted for.
    pub project: Option<ProjectId>,
}

/// One accepted change of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneChange {
    /// Its number.
    pub generation: Generation,
    /// The serial that showed it first; `None` until it is published.
    pub serial: Option<Serial>,
    /// When that was published.
    pub published_at: Option<Timestamp>,
    /// When it was accepted.
    pub at: Timestamp,
    /// Who made it; nobody if it was the service itself or is not known.
    pub author: Author,
    /// What it did.
    pub sets: Vec<ChangedSet>,
}

/// What a change did to the records of one name and type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedSet {
    /// Whose records.
    pub name: Name,
    /// Which records.
    pub kind: RecordType,
    /// As they were; `None` if there were none.
    pub before: Option<RrSet>,
    /// As they were afterwards; `None` if there were none.
    pub after: Option<RrSet>,
}

/// Which changes are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFilter {
    /// Only of recordsets of this name, without case; `*` stands for any run of characters.
    pub name: Option<String>,
    /// Only of recordsets of this type; `*` likewise.
    pub kind: Option<String>,
    /// Only those that this serial showed first.
    pub serial: Option<Serial>,
    /// Only those after this.
    pub since: Option<Since>,
}

/// Where a history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Since {
    /// After what this serial shows.
    Serial(Serial),
    /// At this time.
    Time(Timestamp),
}

/// A page of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePage {
    /// At most so many changes.
    pub limit: u64,
    /// Only those beyond this one.
    pub marker: Option<Generation>,
    /// Oldest or newest first.
    pub direction: Direction,
}
