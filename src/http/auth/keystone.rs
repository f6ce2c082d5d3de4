//! Keystone as one who knows tokens.

use async_trait::async_trait;

use super::cache::{NobodyKnows, TokenSource};
use crate::domain::credentials::Verified;
use crate::remote::keystone::Keystone;

#[async_trait]
impl TokenSource for Keystone {
    async fn ask(&self, token: &str, even_expired: bool) -> Result<Option<Verified>, NobodyKnows> {
        self.validate(token, even_expired).await.map_err(|error| {
            tracing::warn!(%error, "a token cannot be checked");
            NobodyKnows
        })
    }
}
