//! A key that signs DNS messages (RFC 8945).
//!
//! Invariants: the secret is never part of what is logged.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ids::TsigKeyId;
use super::time::Timestamp;

/// How messages are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the algorithm of that name")]
pub enum TsigAlgorithm {
    HmacMd5,
    HmacSha1,
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl TsigAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::HmacMd5,
        Self::HmacSha1,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5",
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TsigScope {
    /// All zones of a pool.
    Pool,
    /// One zone.
    Zone,
}

impl TsigScope {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pool => "POOL",
            Self::Zone => "ZONE",
        }
    }

    /// Reads [`Self::as_str`]'s text back; case matters.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Pool, Self::Zone].into_iter().find(|scope| scope.as_str() == text)
    }
}

/// The secret of a key, as the client gave it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TsigSecret(String);

impl TsigSecret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever signs or may see it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TsigSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TsigSecret")
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TsigKey {
    /// Its id.
    pub id: TsigKeyId,
    /// Its name, which both sides know it by.
    pub name: String,
    /// How it signs.
    pub algorithm: TsigAlgorithm,
    /// What it signs with.
    pub secret: TsigSecret,
    /// What it is for.
    pub scope: TsigScope,
    /// The pool or zone it is for.
    pub resource_id: Uuid,
    /// Counts the updates of its row, from 1.
    pub version: u64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// What a client changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TsigKeyChanges {
    /// New name.
    pub name: Option<String>,
    /// New algorithm.
    pub algorithm: Option<TsigAlgorithm>,
    /// New secret.
    pub secret: Option<TsigSecret>,
    /// New scope.
    pub scope: Option<TsigScope>,
    /// New pool or zone.
    pub resource_id: Option<Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let changes = TsigKeyChanges { secret: Some(TsigSecret::new("c2VjcmV0")), ..Default::default() };
        assert!(!format!("{changes:?}").contains("c2VjcmV0"), "{changes:?}");
    }

    #[test]
    fn algorithms_are_spelt_one_way() {
        assert_eq!(TsigAlgorithm::from_text("hmac-sha256"), Some(TsigAlgorithm::HmacSha256));
        assert_eq!(TsigAlgorithm::from_text("HMAC-SHA256"), None);
        assert_eq!(TsigScope::from_text("POOL"), Some(TsigScope::Pool));
        assert_eq!(TsigScope::from_text("pool"), None);
    }
}
