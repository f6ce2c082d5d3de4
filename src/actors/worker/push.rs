//! Bringing one target to the wanted state, however often that takes.
//!
//! Invariants: gives up only where trying again cannot help; otherwise it is the caller who stops waiting.

use std::sync::Arc;

use tokio::time::{sleep, timeout};

use super::backends::{BackendError, ZoneSpec};
use super::backoff::Backoff;
use super::kit::BoundTarget;
use super::removal::Removal;
use super::tools::Tools;
use crate::domain::ids::PoolId;

/// What is wanted of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Serve the zone. A server known to have it is not asked again.
    Ensure,
    /// Do not serve it.
    Remove {
        /// Its files go too.
        hard: bool,
        /// The pool it was in.
        pool: PoolId,
    },
}

/// Tries until it is done; the error is one that trying again cannot mend.
pub(super) async fn push(
    bound: Arc<BoundTarget>,
    zone: ZoneSpec,
    order: Order,
    tools: Arc<Tools>,
) -> Result<(), BackendError> {
    let backend = bound.backend.as_ref().map_err(Clone::clone)?;
    if order == Order::Ensure && bound.has_pushed(zone.id) {
        return Ok(());
    }
    let mut removal = match order {
        Order::Ensure => None,
        Order::Remove { hard, pool } => Some(Removal::new(zone.clone(), pool, hard)),
    };
    let config = &tools.config;
    // A state takes up to two commands.
    let limit = config.target_timeout.saturating_mul(2);
    let mut backoff = Backoff::new(config.target_retry_first, 2.0, config.target_retry_max);
    let mut attempt = 1_u32;
    loop {
        let acted = async {
            match &mut removal {
                None => backend.ensure_zone(&zone).await.map(drop),
                Some(removal) => removal.attempt(&tools.store, backend.as_ref()).await,
            }
        };
        let error = match timeout(limit, acted).await {
            Ok(Ok(())) => {
                match order {
                    Order::Ensure => bound.remember(zone.id),
                    Order::Remove { .. } => bound.forget(zone.id),
                }
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => BackendError::Unreachable { reason: format!("no answer within {} s", limit.as_secs()) },
        };
        // Once is enough to be seen: a server that is away is tried again for every zone, many times.
        if attempt == 1 {
            tracing::warn!(zone_id = %zone.id, target_id = %bound.target.id, %error, "target is not as wanted");
        } else {
            tracing::debug!(zone_id = %zone.id, target_id = %bound.target.id, attempt, %error, "still not as wanted");
        }
        if !error.is_retryable() {
            return Err(error);
        }
        attempt = attempt.saturating_add(1);
        sleep(backoff.jittered()).await;
    }
}
