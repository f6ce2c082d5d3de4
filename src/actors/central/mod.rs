//! Central: the owner of business rules, quotas and nearly all writes.
//!
//! Invariants: every change is one transaction that leaves a row behind before anybody is told; what follows a change
//! (the nudge to a worker) may be lost without harm, because the producer finds what lags. Any number of centrals run
//! side by side: only the database decides between them.

pub mod api;

mod admission;
mod authorize;
mod blacklists;
mod changes;
mod changeset;
mod error;
mod export;
mod floating_ips;
mod import;
mod imports;
mod lag;
mod notify;
mod once;
mod outbox;
mod placement;
mod pool_resource;
mod pool_work;
pub mod pools;
mod quotas;
mod recordset_writes;
mod recordsets;
mod refusals;
mod report;
mod reports;
mod rollback;
mod secondaries;
mod service_statuses;
mod shares;
mod static_tokens;
mod tasks;
mod tlds;
mod together;
mod transfer_accepts;
mod transfer_requests;
mod tsig_keys;
mod zone_moves;
mod zone_writes;
mod zones;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::Instrument as _;

use self::lag::Lag;
use self::notify::Emitter;
use crate::actors::worker::api::{PublishZone, Worker};
use crate::clock::Clock;
use crate::config::{CentralConfig, NotificationsConfig};
use crate::domain::ids::ZoneId;
use crate::domain::policy::PolicyInForce;
use crate::store::Store;
use crate::transport::{Cx, ServiceRef};

/// How long a worker may take to accept a nudge; nobody waits for the work itself.
const NUDGE_BUDGET: Duration = Duration::from_secs(5);

/// The state of one central; cheap to clone.
#[derive(Debug, Clone)]
pub struct CentralService {
    store: Store,
    clock: Clock,
    policy: PolicyInForce,
    config: Arc<CentralConfig>,
    worker: ServiceRef<Worker>,
    emitter: Option<Arc<Emitter>>,
    outbox_age: Duration,
    /// Imports and exports under way here.
    jobs: Arc<Semaphore>,
    /// Changes that wait for others of their kind.
    lines: Arc<together::Lines>,
}

impl CentralService {
    /// A central that works on `store` and nudges `worker`.
    #[must_use]
    pub fn new(
        store: Store,
        clock: Clock,
        policy: PolicyInForce,
        config: CentralConfig,
        worker: ServiceRef<Worker>,
    ) -> Self {
        Self {
            store,
            clock,
            policy,
            config: Arc::new(config),
            worker,
            emitter: None,
            outbox_age: Duration::from_secs(86_400),
            jobs: Arc::new(Semaphore::new(tasks::AT_ONCE)),
            lines: Arc::default(),
        }
    }

    /// The same, telling others what happens as `config` says; `host` is the name it does so under.
    #[must_use]
    pub fn notifying(self, config: &NotificationsConfig, host: &str) -> Self {
        let emitter = Emitter::new(config, host).map(Arc::new);
        Self { emitter, outbox_age: config.outbox_age, ..self }
    }

    /// Tells a worker that a zone has one more change, unless it has just been told of the changes before.
    async fn nudge_for(&self, cx: &Cx, zone: ZoneId, lag: &Lag) {
        if lag.is_worth_a_word() {
            self.nudge(cx, zone).await;
        }
    }

    /// Tells a worker that a zone has something new. Losing the nudge costs time, never the change: so it is on its way when
    /// this is answered, and whoever made the change does not wait for a broker to confirm it.
    async fn nudge(&self, cx: &Cx, zone: ZoneId) {
        let (worker, cx) = (self.worker.clone(), cx.detached(NUDGE_BUDGET));
        let mut telling = Box::pin(async move {
            if let Err(fault) = worker.cast(&cx, PublishZone { zone }).await {
                tracing::info!(%zone, %fault, "no worker took the nudge; the producer will find the zone");
            }
        });
        if futures::poll!(telling.as_mut()).is_pending() {
            drop(tokio::spawn(telling.in_current_span()));
        }
    }
}
