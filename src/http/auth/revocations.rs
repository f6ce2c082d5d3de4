//! Forgets tokens that were revoked, before their time in memory is over.
//!
//! Invariants: what cannot be learnt is asked for again from where the last answer ended; without it tokens are still asked
//! about again after their time in memory.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::cache::TokenCache;
use crate::clock::Clock;
use crate::remote::keystone::{Keystone, KeystoneError};

/// How far clocks of ours and Keystone's may differ, and answers be late.
const OVERLAP: Duration = Duration::from_secs(60);

/// Asks Keystone again and again what was revoked.
#[derive(Debug)]
pub struct RevocationWatch {
    keystone: Arc<Keystone>,
    cache: TokenCache,
    every: Duration,
    clock: Clock,
}

impl RevocationWatch {
    pub(super) const fn new(
        keystone: Arc<Keystone>,
        cache: TokenCache,
        every: Duration,
        clock: Clock,
    ) -> Self {
        Self { keystone, cache, every, clock }
    }

    /// Goes on until `stop` is cancelled.
    pub async fn run(self, stop: CancellationToken) {
        let mut rounds = interval(self.every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since = self.clock.now();
        let mut told = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {}
            }
            let now = self.clock.now();
            let asked = self.keystone.revoked_since(since.minus(OVERLAP));
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = asked => answer,
            };
            match answer {
                Ok(revocations) => {
                    self.cache.forget(&revocations);
                    (since, told) = (now, false);
                }
                Err(KeystoneError::Unexpected { status: 404, .. }) => {
                    tracing::info!(
                        "keystone tells no revocations; tokens are asked about again after cache_ttl"
                    );
                    return;
                }
                Err(error) if !told => {
                    tracing::warn!(%error, "what was revoked cannot be learnt now");
                    told = true;
                }
                Err(_) => {}
            }
        }
    }
}
