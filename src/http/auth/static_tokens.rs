//! Central as one who knows tokens: those that operators made.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cache::{NobodyKnows, TokenSource};
use crate::actors::central::api::Central;
use crate::actors::central::api::static_tokens::FindStaticToken;
use crate::domain::credentials::Verified;
use crate::domain::identity::Identity;
use crate::domain::static_token::TokenHash;
use crate::transport::{Cx, ServiceRef};

/// Asks central, which has the hashes.
#[derive(Debug)]
pub(super) struct StaticTokens {
    pub(super) central: ServiceRef<Central>,
    pub(super) patience: Duration,
}

#[async_trait]
impl TokenSource for StaticTokens {
    async fn ask(&self, token: &str, _: bool) -> Result<Option<Verified>, NobodyKnows> {
        let message = FindStaticToken { hash: TokenHash::of(token) };
        let found = self.central.call(&Cx::system(self.patience), message).await.map_err(|fault| {
            tracing::warn!(%fault, "a token cannot be checked");
            NobodyKnows
        })?;
        Ok(found.map(|token| Verified {
            identity: Identity {
                user: Some(token.user.unwrap_or(token.name)),
                project: token.project,
                roles: token.roles,
                ..Identity::default()
            },
            expires_at: token.expires_at,
            issued_at: token.created_at,
            audit_ids: Vec::new(),
            catalogue: Arc::default(),
            access_rules: None,
        }))
    }
}
