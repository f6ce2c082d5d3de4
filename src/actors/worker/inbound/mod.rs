//! Secondary zones: asking their masters, and taking what they give.
//!
//! ```text
//!   create, new masters, tasks/xfr ──► due now ──┐ word from central
//!   SOA timers ──► producer finds what is due ───┤
//!   NOTIFY ──► mdns ─────────────────────────────┴─► turn ─► SOA of the masters ─► AXFR ─► written, published, pushed
//! ```
//!
//! Invariants: a zone has at most one turn here, and a word that comes during it leads to another look after it; while masters
//! are asked, the zone's due time is a little ahead, so that another worker looks if this one is no more; whether what came
//! is news is decided where it is written.

mod attempt;
mod content;
mod due;
mod write;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::WorkerService;
use super::api::{Recovered, RefreshShards, RefreshZone, Worker};
use super::core::Core;
use super::desk::{Desk, Rung, Turn};
use crate::actors::central::api::Emitter;
use crate::dns::client::Transfers;
use crate::domain::host_port::HostPort;
use crate::domain::ids::ZoneId;
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::store::StoreError;
use crate::store::repo::{fences, inbox, refreshes};
use crate::transport::{Cx, Fault, Handle, Service as _};

/// Zones that wait for each one whose masters are asked.
const DESK_FACTOR: usize = 64;
/// How long a zone that the producer found may wait here before it is found again.
const WAITING: Duration = Duration::from_secs(60);

/// What a worker needs for secondary zones.
#[derive(Debug)]
pub(super) struct Inbound {
    transfers: Arc<dyn Transfers>,
    /// Tells others what changed.
    emitter: Option<Emitter>,
    desk: Arc<Desk>,
    permits: Semaphore,
    /// The master that a zone's last word came from.
    hints: Mutex<HashMap<ZoneId, HostPort>>,
    most_hints: usize,
}

impl Inbound {
    pub(super) fn new(transfers: Arc<dyn Transfers>, emitter: Option<Emitter>, most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let room = most.saturating_mul(DESK_FACTOR);
        Self {
            transfers,
            emitter,
            desk: Desk::new(room),
            permits: Semaphore::new(most),
            hints: Mutex::default(),
            most_hints: room.saturating_mul(2),
        }
    }

    fn hint(&self, zone: ZoneId, from: HostPort) {
        let mut hints = self.hints.lock();
        if hints.len() < self.most_hints || hints.contains_key(&zone) {
            hints.insert(zone, from);
        }
    }
}

impl Handle<RefreshZone> for WorkerService {
    async fn handle(&self, _cx: &Cx, message: RefreshZone) -> Result<(), Fault> {
        if let Some(from) = message.from {
            self.core.inbound.hint(message.zone, from);
        }
        self.look_after(message.zone)
    }
}

impl Handle<RefreshShards> for WorkerService {
    async fn handle(&self, _cx: &Cx, message: RefreshShards) -> Result<Recovered, Fault> {
        let taken = self.take_refreshes(&message).await.map_err(|error| match error {
            StoreError::Fenced { .. } => Fault::conflict("fenced", error.to_string()),
            error => Fault::unavailable("database_unavailable", error.to_string()),
        })?;
        Ok(Recovered { zones: u32::try_from(taken).unwrap_or(u32::MAX) })
    }
}

impl WorkerService {
    fn look_after(&self, zone: ZoneId) -> Result<(), Fault> {
        match self.core.inbound.desk.ring(zone) {
            Rung::Begins(turn) => {
                self.core.tools.tasks.spawn(look_after_in_turn(Arc::clone(&self.core), turn));
                Ok(())
            }
            Rung::Heard | Rung::Waits => Ok(()),
            Rung::Full => Err(Fault::overloaded(Worker::NAME)),
        }
    }

    /// Takes up the zones that are due, under the tokens of their shards. Answers how many.
    async fn take_refreshes(&self, message: &RefreshShards) -> Result<usize, StoreError> {
        let RefreshShards { leases, limit, tick } = message;
        let ranges: Vec<_> = leases.iter().map(ShardLease::range).collect();
        let (core, ranges, limit) = (&self.core, &ranges, *limit);
        let now = core.clock.now();
        let found = core
            .store
            .read(|tx| Box::pin(async move { refreshes::due(tx, ranges, now, limit).await }))
            .await?;
        if found.is_empty() {
            return Ok(0);
        }
        let due = &found;
        let is_ours = core
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let shards = due.iter().map(|zone| Shard::of(*zone)).collect();
                    fences::claim_shards(tx, leases, shards).await?;
                    if !inbox::claim(tx, tick.as_str(), now).await? {
                        return Ok(false);
                    }
                    refreshes::hold(tx, due, now.plus(WAITING)).await?;
                    Ok::<_, StoreError>(true)
                })
            })
            .await?;
        if !is_ours {
            return Ok(0);
        }
        // Those that there is no room for are due again soon.
        Ok(found.iter().filter(|zone| self.look_after(**zone).is_ok()).count())
    }
}

/// Looks after a zone, then after those in line while there is room.
async fn look_after_in_turn(core: Arc<Core>, turn: Turn) {
    let mut next = Some(turn);
    while let Some(turn) = next {
        let span = tracing::info_span!("refresh", zone_id = %turn.zone());
        let looking = look_while_rung(&core, turn).instrument(span);
        next = match core.tools.stop.run_until_cancelled(looking).await {
            Some(()) => core.inbound.desk.next(),
            None => None,
        };
    }
}

async fn look_while_rung(core: &Arc<Core>, turn: Turn) {
    let mut turn = turn;
    loop {
        {
            let Ok(_permit) = core.inbound.permits.acquire().await else { return };
            turn.heed();
            let zone = turn.zone();
            let hint = core.inbound.hints.lock().remove(&zone);
            if let Err(error) = attempt::attempt(core, zone, hint).await {
                tracing::warn!(%error, "cannot look after a secondary zone");
            }
        }
        match turn.end() {
            Some(again) => turn = again,
            None => return,
        }
    }
}
