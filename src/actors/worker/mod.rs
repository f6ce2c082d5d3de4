//! The worker: brings zones to the name servers of their pool and finds out whether they arrived.
//!
//! A message only says which zone to look at; what is to be done stands in the database.
//!
//! Invariants: one task per zone at a time; a thousand zones may wait for their name servers without a thread or a
//! transaction between them; everything begun here is found again by recovery if it is cut short.

mod announcer;
pub mod api;
mod attendance;
pub mod backends;
mod backoff;
mod core;
mod desk;
mod inbound;
mod kit;
mod look;
mod pace;
mod propagation;
mod push;
mod recover;
mod removal;
mod signers;
mod tools;
mod wants;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use self::api::{PublishZone, Worker};
use self::attendance::Attendance;
use self::backends::Backends;
use self::core::Core;
use self::desk::{Desk, Rung, Turn};
use self::inbound::Inbound;
use self::kit::PoolKits;
use self::pace::Pace;
use self::signers::Signers;
use self::tools::Tools;
use crate::actors::central::api::{Central, Emitter};
use crate::actors::mdns::api::Mdns;
use crate::clock::Clock;
use crate::config::{NotificationsConfig, RecoveryConfig, WorkerConfig};
use crate::dns::client::{Exchange, Transfers};
use crate::domain::ids::{InstanceId, ZoneId};
use crate::store::Store;
use crate::transport::{Cx, Fault, Handle, RetryPolicy, Service as _, ServiceRef};

/// Zones attended to for each one that may be propagated at the same time; the others publish and wait.
const DESK_FACTOR: usize = 16;

/// What a worker is made of.
#[derive(Debug)]
pub struct WorkerParts {
    /// The instance that it is mounted as.
    pub instance: InstanceId,
    /// The database.
    pub store: Store,
    /// Wall time.
    pub clock: Clock,
    /// Its settings.
    pub config: WorkerConfig,
    /// When what lags is taken up again.
    pub recovery: RecoveryConfig,
    /// The way to the name servers.
    pub exchange: Arc<dyn Exchange>,
    /// The way to the masters of secondary zones.
    pub transfers: Arc<dyn Transfers>,
    /// How others are told what came from there, and the name of this host.
    pub notifications: (NotificationsConfig, String),
    /// The drivers of targets.
    pub backends: Backends,
    /// Takes reports.
    pub central: ServiceRef<Central>,
    /// Is told what was published.
    pub mdns: ServiceRef<Mdns>,
    /// The other workers.
    pub workers: ServiceRef<Worker>,
}

/// The state of one worker.
#[derive(Debug)]
pub struct WorkerService {
    core: Arc<Core>,
}

impl WorkerService {
    /// A worker that attends to nothing yet.
    #[must_use]
    pub fn new(parts: WorkerParts) -> Self {
        let most = parts.config.max_propagations.clamp(1, Semaphore::MAX_PERMITS);
        let pace = Pace::new(parts.config.batch_window, parts.config.batch_window_max);
        let (notifications, host) = &parts.notifications;
        let emitter = Emitter::new(notifications, host);
        let inbound = Inbound::new(parts.transfers, emitter, parts.config.xfr.max_running);
        let tools = Arc::new(Tools {
            store: parts.store.clone(),
            exchange: parts.exchange,
            signers: Signers::new(parts.store.clone(), parts.clock),
            config: parts.config,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let core = Core {
            instance: parts.instance,
            store: parts.store,
            clock: parts.clock,
            tools,
            recovery: parts.recovery,
            kits: PoolKits::new(parts.backends),
            pace,
            desk: Desk::new(most.saturating_mul(DESK_FACTOR)),
            permits: Arc::new(Semaphore::new(most)),
            inbound,
            central: parts.central,
            mdns: parts.mdns,
            workers: parts.workers.retrying(RetryPolicy::NEVER),
        };
        Self { core: Arc::new(core) }
    }

    /// Stops attending to zones, in the midst of it: the database knows how far each is. Resolves when all is quiet.
    pub async fn stop(&self) {
        self.core.tools.stop.cancel();
        self.core.tools.tasks.close();
        self.core.tools.tasks.wait().await;
    }

    fn attend(&self, zone: ZoneId) -> Result<(), Fault> {
        attend(&self.core, zone)
    }
}

/// Sees to it that somebody attends to the zone.
fn attend(core: &Arc<Core>, zone: ZoneId) -> Result<(), Fault> {
    match core.desk.ring(zone) {
        Rung::Begins(turn) => {
            core.tools.tasks.spawn(attend_in_turn(Arc::clone(core), turn));
            Ok(())
        }
        Rung::Heard | Rung::Waits => Ok(()),
        Rung::Full => Err(Fault::overloaded(Worker::NAME)),
    }
}

/// Attends to a zone, then to those in line while there is room.
async fn attend_in_turn(core: Arc<Core>, turn: Turn) {
    let mut next = Some(turn);
    while let Some(turn) = next {
        let span = tracing::info_span!("attendance", zone_id = %turn.zone());
        Attendance::new(Arc::clone(&core), turn).run().instrument(span).await;
        next = if core.tools.stop.is_cancelled() { None } else { core.desk.next() };
    }
}

impl Drop for WorkerService {
    /// A worker that is gone attends to nothing.
    fn drop(&mut self) {
        self.core.tools.stop.cancel();
    }
}

impl Handle<PublishZone> for WorkerService {
    async fn handle(&self, _cx: &Cx, message: PublishZone) -> Result<(), Fault> {
        self.attend(message.zone)
    }
}

#[cfg(test)]
mod tests;
