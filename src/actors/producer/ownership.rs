//! Which shards this producer may work on.
//!
//! Invariants: work begins only under a seat that is safe and holds its shards until it ends ([`Working`]), for a moment: shards
//! are handed over when no work is under way, or when it takes too long, and then their next owner's token ends it. A lost seat
//! is taken anew by itself, as a new session.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coordinator::{CoordError, Coordinator, Group, GroupName, Member, Membership};
use parking_lot::RwLock;
use tokio::runtime::Handle;
use tokio::sync::OwnedRwLockReadGuard;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::actors::reconcile::Nudge;
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::domain::tick::Tick;
use crate::health::Condition;

/// The group of all producers of a deployment.
const GROUP: Group = Group::sharded(GroupName::literal("producer"), Shard::COUNT);
/// The pause before joining is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long work under way may keep shards from their next owner. It may wait for a database that somebody blocks.
const PATIENCE: Duration = Duration::from_millis(300);

/// The present seat, shared between the one who keeps it and those who work under it; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Ownership {
    seat: Arc<RwLock<Option<Arc<Membership>>>>,
    at_work: Arc<tokio::sync::RwLock<()>>,
    /// Runs of tasks so far.
    ticks: Arc<AtomicU64>,
}

/// Shards that work is being done on. While this exists they are handed over only if it takes long.
#[derive(Debug)]
pub(super) struct Working {
    leases: Vec<ShardLease>,
    epoch: u64,
    ticks: Arc<AtomicU64>,
    _at_work: OwnedRwLockReadGuard<()>,
}

impl Working {
    /// The shards and their tokens; empty if this producer has none at present.
    pub(super) fn leases(&self) -> &[ShardLease] {
        &self.leases
    }

    /// A name for the next thing to be done once.
    pub(super) fn tick(&self, task: &str) -> Tick {
        let number = self.ticks.fetch_add(1, Ordering::Relaxed);
        Tick::new(task, &self.leases, self.epoch, number)
    }
}

impl Default for Ownership {
    fn default() -> Self {
        // Runs of an earlier life are known by their numbers, too, and not only by tokens, which a coordinator without a folder
        // gives out again.
        let ticks = Arc::new(AtomicU64::new(u64::from(rand::random::<u32>()) << 31));
        Self { seat: Arc::default(), at_work: Arc::default(), ticks }
    }
}

impl Ownership {
    /// Joins the group and stays in it until `stop`, then leaves. Whenever the shards held may have changed, `tell` is
    /// nudged; `condition` tells whether there is a seat.
    pub(super) fn keep(
        &self,
        coordinator: Arc<dyn Coordinator>,
        me: Member,
        tell: Vec<Nudge>,
        condition: Condition,
        stop: CancellationToken,
        runtime: &Handle,
    ) -> JoinHandle<()> {
        let this = self.clone();
        runtime.spawn(async move {
            while !stop.is_cancelled() {
                match coordinator.join(&GROUP, me.clone()).await {
                    Ok(seat) => {
                        condition.fine();
                        this.sit(seat, &tell, &stop).await;
                        if !stop.is_cancelled() {
                            condition.wants("the seat among the producers was lost");
                        }
                    }
                    Err(error) => condition.wants(format!("no seat among the producers: {error}")),
                }
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        })
    }

    /// Begins work on whatever shards are held now.
    pub(super) async fn begin(&self) -> Working {
        let at_work = Arc::clone(&self.at_work).read_owned().await;
        let seat = self.seat.read().clone();
        let epoch = seat.as_ref().map_or(0, |seat| seat.view().epoch.as_i64().unsigned_abs());
        let holdings = seat.map(|seat| seat.holdings(Instant::now())).unwrap_or_default();
        let leases = holdings
            .into_iter()
            .filter_map(|held| {
                let (first, last) = (Shard::try_from(held.first).ok()?, Shard::try_from(held.last).ok()?);
                Some(ShardLease { first, last, token: held.token.as_i64().unsigned_abs() })
            })
            .collect();
        Working { leases, epoch, ticks: Arc::clone(&self.ticks), _at_work: at_work }
    }

    /// How many shards are held, which, and under which session.
    pub(super) fn stats(&self) -> BTreeMap<String, String> {
        let Some(seat) = self.seat.read().clone() else { return BTreeMap::new() };
        let held = seat.holdings(Instant::now());
        let count: usize = held.iter().map(|held| usize::from(held.last - held.first) + 1).sum();
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for held in held {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(held.first) => *last = held.last,
                _ => ranges.push((held.first, held.last)),
            }
        }
        let ranges: Vec<String> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        BTreeMap::from([
            (String::from("shards"), count.to_string()),
            (String::from("shard_ranges"), ranges.join(" ")),
            (String::from("session"), seat.session().to_string()),
        ])
    }

    /// Keeps one seat until it is lost or `stop`.
    async fn sit(&self, seat: Membership, tell: &[Nudge], stop: &CancellationToken) {
        let seat = Arc::new(seat);
        *self.seat.write() = Some(Arc::clone(&seat));
        let mut views = seat.watch();
        loop {
            if let Err(error) = self.hand_over(&seat).await {
                tracing::warn!(%error, "shards could not be handed over");
            }
            tell.iter().for_each(Nudge::nudge);
            tokio::select! {
                lost = seat.lost() => {
                    tracing::info!(%lost, "the seat among the producers is lost and will be taken anew");
                    break;
                }
                changed = views.changed() => {
                    if changed.is_err() {
                        break;
                    }
                }
                () = stop.cancelled() => break,
            }
        }
        *self.seat.write() = None;
        self.finish_work().await;
        if let Ok(seat) = Arc::try_unwrap(seat)
            && let Err(error) = seat.leave().await
        {
            tracing::debug!(%error, "the seat will expire by itself");
        }
    }

    /// Waits for the work under way and says that what was asked for is free.
    async fn hand_over(&self, seat: &Membership) -> Result<(), CoordError> {
        let view = seat.view();
        if !view.must_hand_over(seat.session()) {
            return Ok(());
        }
        self.finish_work().await;
        seat.hand_over(view.epoch).await
    }

    /// Waits for the work under way, but not for long.
    async fn finish_work(&self) {
        if tokio::time::timeout(PATIENCE, self.at_work.write()).await.is_err() {
            tracing::debug!("work under way is left to the tokens of its shards");
        }
    }
}
