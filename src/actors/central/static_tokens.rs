//! Tokens that operators made: the messages of [`super::api::static_tokens`].

use super::api::static_tokens::FindStaticToken;
use super::error::CentralError;
use super::{CentralService, refusals};
use crate::domain::static_token::StaticToken;
use crate::store::repo::static_tokens;
use crate::transport::{Cx, Fault, Handle};

impl Handle<FindStaticToken> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindStaticToken) -> Result<Option<StaticToken>, Fault> {
        if !cx.caller.system {
            return Err(refusals::forbidden());
        }
        let (hash, now) = (&m.hash, self.clock.now());
        let found = self
            .store
            .read(|tx| {
                Box::pin(async move { Ok::<_, CentralError>(static_tokens::by_hash(tx, hash, now).await?) })
            })
            .await?;
        Ok(found)
    }
}
