//! Handing a zone over to another project: the offer and its acceptance.
//!
//! Invariants: the key of an offer is never part of what is logged.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{ProjectId, TransferAcceptId, TransferRequestId, ZoneId};
use super::name::Name;
use super::time::Timestamp;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransferStatus {
    /// Offered.
    Active,
    /// Accepted.
    Complete,
}

impl TransferStatus {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Complete => "COMPLETE",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Active, Self::Complete].into_iter().find(|status| status.as_str() == text)
    }
}

/// What whoever accepts an offer must know.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferKey(String);

impl TransferKey {
    /// How many characters a key has that is made here.
    pub const LENGTH: usize = 8;
    /// The characters that it is made of.
    pub const ALPHABET: [u8; 36] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever may see it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// True if `text` is this key; takes as long for any text of its length.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), text.as_bytes());
        own.len() == given.len() && own.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl fmt::Debug for TransferKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransferKey")
    }
}

/// An offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRequest {
    /// Its id.
    pub id: TransferRequestId,
    /// The zone.
    pub zone_id: ZoneId,
    /// The zone's name.
    pub zone_name: Name,
    /// Who offers.
    pub project_id: Option<ProjectId>,
    /// To whom; to anybody if absent.
    pub target_project_id: Option<ProjectId>,
    /// What whoever accepts must know.
    pub key: TransferKey,
    /// Free text.
    pub description: Option<String>,
    /// How far it is.
    pub status: TransferStatus,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// An acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferAccept {
    /// Its id.
    pub id: TransferAcceptId,
    /// The offer.
    pub request_id: TransferRequestId,
    /// The zone.
    pub zone_id: ZoneId,
    /// Who accepted.
    pub project_id: ProjectId,
    /// How far it is.
    pub status: TransferStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_compared_exactly_and_not_printed() {
        let key = TransferKey::new("AB12CD34");
        assert!(key.is("AB12CD34"));
        for other in ["ab12cd34", "AB12CD3", "AB12CD345", ""] {
            assert!(!key.is(other), "{other}");
        }
        assert!(!format!("{key:?}").contains("AB12"));
    }
}
