//! The pools that a deployment serves zones from: those of its pool file or, without one, its own name server.
//!
//! Invariants: several processes may do it at once; where there is neither a pool file nor a name server here, pools stay
//! as they are.

use std::net::SocketAddr;

use super::{StartError, native_pool};
use crate::actors::central::pools::{self, Change, Notices, Options, PoolUpdateError};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::pool_file::{self, PoolSpec};
use crate::store::{Store, StoreError};

/// How often somebody else may have made the same pool in between.
const ATTEMPTS: usize = 5;

/// What the pool file wants, if one is configured.
pub(super) fn specs(config: &Config) -> Result<Option<Vec<PoolSpec>>, StartError> {
    let Some(path) = &config.pools_file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|source| StartError::PoolFile { path: path.display().to_string(), source })?;
    Ok(Some(pool_file::parse(&text)?))
}

/// Makes the pools what the pool file says; without one, sees to it that there is a pool of our own name server.
pub(super) async fn settle(
    store: &Store,
    clock: Clock,
    config: &Config,
    listening: &[SocketAddr],
    token: Option<u64>,
) -> Result<(), StartError> {
    let specs = match specs(config)? {
        Some(specs) => specs,
        None => native_pool::wanted(store, config, listening).await?,
    };
    let options = Options {
        default_pool: config.central.default_pool_id,
        token,
        notices: Notices::new(&config.notifications, &config.node.host),
        ..Options::default()
    };
    let mut attempts = 1..=ATTEMPTS;
    let changes = loop {
        attempts.next();
        match pools::apply(store, clock, &specs, options.clone()).await {
            Err(PoolUpdateError::Store(StoreError::Unique { .. })) if !attempts.is_empty() => {}
            Err(PoolUpdateError::Overtaken { name }) => {
                tracing::info!(pool = name, "somebody else has updated the pool since");
                return Ok(());
            }
            done => break done?,
        }
    };
    for change in changes {
        match change {
            Change::Created(pool) => tracing::info!(pool = pool.name, "pool created"),
            Change::Updated { pool, zones } => {
                tracing::info!(pool = pool.name, zones = zones.len(), "pool updated");
            }
            Change::Deleted(pool) => tracing::info!(pool = pool.name, "pool deleted"),
        }
    }
    Ok(())
}
