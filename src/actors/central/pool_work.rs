//! Pools whose zones somebody left half done: [`ResumePools`].
//!
//! Invariants: goes on where the last transaction ended, some zones at a time, under the token of whoever asks.

use super::CentralService;
use super::api::pools::ResumePools;
use super::error::CentralError;
use super::pools::{self, Guard, PoolUpdateError};
use crate::domain::policy::{Rule, Target};
use crate::store::repo::{fences, pool_work, pools as rows};
use crate::transport::{Cx, Fault, Handle};

/// Whose tokens are claimed.
const RESOURCE: &str = "pool_work";

impl Handle<ResumePools> for CentralService {
    async fn handle(&self, cx: &Cx, m: ResumePools) -> Result<bool, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let (now, token) = (self.clock.now(), m.token);
        // Mostly there is nothing, and nothing is written then.
        let idle = self.store.read(|tx| {
            Box::pin(async move { Ok::<_, CentralError>(pool_work::due(tx, now).await?.is_none()) })
        });
        if idle.await? {
            return Ok(false);
        }
        let due = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, RESOURCE, token).await?;
                    let Some(work) = pool_work::due(tx, now).await? else { return Ok(None) };
                    let pool = rows::get(tx, work.pool).await?;
                    Ok::<_, CentralError>(pool.map(|pool| (work, pool)))
                })
            })
            .await?;
        let Some((work, pool)) = due else { return Ok(false) };
        let guard = Guard { resource: RESOURCE, token: Some(token) };
        let limit = usize::try_from(m.batches).unwrap_or(usize::MAX);
        match pools::show_ns_records(&self.store, self.clock, &pool, guard, work.after, limit).await {
            Ok(zones) => {
                tracing::info!(
                    pool = pool.name,
                    zones = zones.len(),
                    "zones that lacked the pool's NS set have it"
                );
                Ok(true)
            }
            // Whoever changed the pool since has noted it.
            Err(PoolUpdateError::Overtaken { .. }) => Ok(true),
            Err(PoolUpdateError::Store(error)) => Err(CentralError::from(error).into()),
            Err(error) => Err(Fault::internal("unknown", error.to_string())),
        }
    }
}
