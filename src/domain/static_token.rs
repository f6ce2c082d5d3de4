//! Tokens that operators make by hand, for those without an identity service.
//!
//! Invariants: a token is 256 random bits, so its plain hash tells nothing about it and cannot be searched for; it is shown
//! once, where it is made, and only its hash is kept and sent. Looking a hash up takes a time that tells nothing about tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ids::{ProjectId, StaticTokenId};
use super::time::Timestamp;

/// How tokens begin, so that they are recognised where they should not be.
const PREFIX: &str = "ordain_";

/// What is known of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticToken {
    /// Its id.
    pub id: StaticTokenId,
    /// What the operator calls it.
    pub name: String,
    /// The user id of whoever holds it, for logs and rules.
    pub user: Option<String>,
    /// The project that it acts for.
    pub project: Option<ProjectId>,
    /// The roles that it gives.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A token as its holder knows it; it is never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    /// The token of these random octets.
    #[must_use]
    pub fn of(random: [u8; 32]) -> Self {
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random)))
    }

    /// The token itself, to be shown to its holder.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretToken")
    }
}

/// What is kept of a token: SHA-256, in hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of what a client brings.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let hash = Sha256::new().chain_update("ordain static token 1\0").chain_update(token).finalize();
        Self(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_shows_only_when_asked_to() {
        let token = SecretToken::of([7; 32]);
        assert_eq!(token.reveal().len(), PREFIX.len() + 43);
        assert!(!format!("{token:?}").contains(token.reveal()));
        assert_ne!(TokenHash::of(token.reveal()), TokenHash::of(SecretToken::of([8; 32]).reveal()));
        assert_eq!(TokenHash::of("x").as_str().len(), 64);
    }
}
