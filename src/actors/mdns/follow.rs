//! Following the change feed: what makes up for lost nudges.
//!
//! Invariants: every pass looks a little further back than the last one got, since a change may be committed after a
//! later one; now and then all of the feed is read, so that even a zone whose row is gone does not stay in memory.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::keys::Keys;
use super::load::Loader;
use crate::actors::reconcile::Reconcile;
use crate::domain::ids::ZoneId;
use crate::store::StoreError;
use crate::store::repo::zones::{self, Published};
use crate::transport::{Cx, Fault};

/// Steps of the feed read at a time.
const PAGE: u32 = 1000;
/// How far back a pass looks, in positions of the feed, which are microseconds unless changes come faster.
const OVERLAP: i64 = 5_000_000;
/// How often all of the feed is read.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// Keeps the zones in memory up to what is published.
#[derive(Debug)]
pub struct Follower {
    loader: Arc<Loader>,
    keys: Arc<Keys>,
    reached: Mutex<Reached>,
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    position: i64,
    swept: Option<Instant>,
}

impl Follower {
    pub(super) fn new(loader: Arc<Loader>, keys: Arc<Keys>) -> Self {
        Self { loader, keys, reached: Mutex::new(Reached { position: i64::MIN, swept: None }) }
    }

    /// Looks at the keys, reads the feed from where the last pass got, and loads what changed.
    pub(super) async fn catch_up(&self) -> Result<(), StoreError> {
        self.keys.refresh().await?;
        let Reached { position, swept } = *self.reached.lock();
        let begun = Instant::now();
        let sweep = swept.is_none_or(|at| begun.duration_since(at) >= SWEEP_EVERY);
        let mut from = if sweep { i64::MIN } else { position.saturating_sub(OVERLAP) };
        let mut served = HashSet::new();
        loop {
            let page =
                self.loader.store().read(|tx| Box::pin(zones::published_since(tx, from, PAGE))).await?;
            let Some(last) = page.last() else { break };
            from = last.position;
            served.extend(page.iter().filter(|step| !step.withdrawn).map(|step| step.id));
            let complete = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            self.load_all(page.iter().filter(|step| self.is_news(step)).map(|step| step.id)).await?;
            self.reached.lock().position = from;
            if complete {
                break;
            }
        }
        if sweep {
            let ids = self.loader.catalog().ids();
            self.load_all(ids.into_iter().filter(|id| !served.contains(id))).await?;
            self.reached.lock().swept = Some(begun);
        }
        Ok(())
    }

    /// True if memory differs from what a step says.
    fn is_news(&self, step: &Published) -> bool {
        match self.loader.catalog().zone(step.id) {
            None => !step.withdrawn,
            Some(zone) => {
                let version = zone.version();
                step.withdrawn || version.serial != step.serial || version.pool_id != step.pool_id
            }
        }
    }

    async fn load_all(&self, ids: impl Iterator<Item = ZoneId> + Send) -> Result<(), StoreError> {
        self.loader.load_all(ids.collect()).await
    }
}

impl Reconcile for Follower {
    const NAME: &'static str = "mdns";

    async fn pass(&self, _cx: &Cx) -> Result<(), Fault> {
        self.catch_up().await.map_err(|error| super::fault(&error))
    }
}
