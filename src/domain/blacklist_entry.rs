//! An entry of the blacklist: a pattern that no new zone's name may match.

use serde::{Deserialize, Serialize};

use super::ids::BlacklistId;
use super::time::Timestamp;

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blacklist {
    /// Its id.
    pub id: BlacklistId,
    /// The pattern, as Python's `re` has them.
    pub pattern: String,
    /// Free text.
    pub description: Option<String>,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// What a client changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistChanges {
    /// New pattern.
    pub pattern: Option<String>,
    /// New text, or none.
    pub description: Option<Option<String>>,
}
