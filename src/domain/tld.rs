//! A top-level domain that zones may be created under.

use serde::{Deserialize, Serialize};

use super::ids::TldId;
use super::time::Timestamp;

/// An entry of the list: `org`, `co.uk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tld {
    /// Its id.
    pub id: TldId,
    /// Its name, without a dot at the end.
    pub name: String,
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
pub struct TldChanges {
    /// New name.
    pub name: Option<String>,
    /// New text, or none.
    pub description: Option<Option<String>>,
}
