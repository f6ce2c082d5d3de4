//! Starting each service.
//!
//! Invariants: a service is mounted only when it is ready to work; whatever runs is registered with the lifecycle, so
//! that nothing outlives a drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coordinator::{Coordinator, LockName, Member, MemberId};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::patience::patiently;
use super::{Edges, ServiceKind, StartError, emission, opening, pooling, singleton, watch};
use crate::actors::api::{self, ApiService};
use crate::actors::central::api::Central;
use crate::actors::central::{self, CentralService};
use crate::actors::heartbeat::{Heartbeat, Tell};
use crate::actors::lifecycle::{Ended, Lifecycle, Tier};
use crate::actors::mdns::api::Mdns;
use crate::actors::mdns::{self, MdnsService};
use crate::actors::producer::{self, Peers, ProducerService, SERVICES};
use crate::actors::reconcile::{Cadence, Reconciler};
use crate::actors::worker::api::Worker;
use crate::actors::worker::{self, WorkerParts, WorkerService};
use crate::config::{Config, CoordinatorKind};
use crate::dns::server::Responder;
use crate::domain::policy::PolicyInForce;
use crate::health::{Condition, Health};
use crate::http::Api;
use crate::store::Store;
use crate::transport::{
    Cx, Endpoint, Host, HostConfig, Place, QueueLimits, Routes, Service, Transport, TransportExt,
};

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// The pause before a lease is asked for again.
const LEASE_PAUSE: Duration = Duration::from_millis(500);

/// The services of a deployment, as far as they are there.
#[derive(Debug)]
pub(super) struct Assembly {
    pub(super) config: Config,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) edges: Edges,
    pub(super) policy: PolicyInForce,
    place: Place,
    health: Health,
    coordinator: Arc<OnceCell<Arc<dyn Coordinator>>>,
    /// Cancelled at the start of a drain.
    draining: CancellationToken,
    /// Cancelled as soon as central can be reached, if it is to be in this process; at once otherwise.
    central_reachable: CancellationToken,
    pub(super) state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) lifecycle: Lifecycle,
    store: Option<Store>,
    /// Whether central can be reached, where it is not in this process.
    central: Option<Condition>,
    responder: Option<Arc<Responder>>,
    dns_addresses: Vec<SocketAddr>,
    /// Whether this process asks a coordinator whose tokens outlive it.
    arbitrated: bool,
}

impl Assembly {
    pub(super) fn new(
        config: Config,
        transport: Arc<dyn Transport>,
        edges: Edges,
        health: Health,
    ) -> Result<Self, StartError> {
        let state = State::default();
        Ok(Self {
            policy: PolicyInForce::new(super::policy::load(&config)?),
            config,
            transport,
            edges,
            place: Place::current()?,
            health,
            coordinator: Arc::default(),
            draining: state.lifecycle.draining().clone(),
            central_reachable: CancellationToken::new(),
            state: Mutex::new(state),
        })
    }

    pub(super) const fn runtime(&self) -> &Handle {
        self.place.runtime()
    }

    pub(super) const fn health(&self) -> &Health {
        &self.health
    }

    pub(super) const fn drain_delay(&self) -> Duration {
        self.config.api.drain_delay
    }

    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    pub(super) fn responder(&self) -> Option<Arc<Responder>> {
        self.state.lock().responder.clone()
    }

    pub(super) fn dns_addresses(&self) -> Vec<SocketAddr> {
        self.state.lock().dns_addresses.clone()
    }

    /// Starts the services, each as soon as what it needs is there.
    pub(super) async fn start(
        self: Arc<Self>,
        services: Vec<ServiceKind>,
        front: Option<Arc<Api>>,
    ) -> Result<(), StartError> {
        let wanted =
            |kind: ServiceKind| services.contains(&kind).then(|| self.health.condition(kind.as_str()));
        let (central, mdns, worker) =
            (wanted(ServiceKind::Central), wanted(ServiceKind::Mdns), wanted(ServiceKind::Worker));
        let (producer, api) = (wanted(ServiceKind::Producer), wanted(ServiceKind::Api));
        if central.is_none() {
            self.state.lock().central = Some(self.health.condition(ServiceKind::Central.as_str()));
            self.central_reachable.cancel();
        }
        let coordinator = &self.config.coordinator;
        let lasting = coordinator.state_path.is_some() || self.edges.coordinator.is_some();
        let arbitrated = coordinator.kind == CoordinatorKind::Raft || (producer.is_some() && lasting);
        self.state.lock().arbitrated = arbitrated;
        let on_the_database = async {
            if central.is_none() && mdns.is_none() && worker.is_none() {
                return Ok(());
            }
            let store = self.store().await?;
            if let Some(condition) = &central {
                self.central(&store).await?;
                condition.fine();
                self.central_reachable.cancel();
            }
            if let Some(condition) = &mdns {
                self.mdns(&store, condition).await?;
                condition.fine();
            }
            if let Some(condition) = &worker {
                self.worker(&store).await?;
                condition.fine();
            }
            if central.is_some() {
                let condition = self.health.condition("pools");
                patiently(&condition, || self.settle_pools()).await?;
                condition.over();
            }
            Ok(())
        };
        let on_the_coordinator = async {
            let Some(condition) = &producer else { return Ok(()) };
            self.producer(condition).await?;
            condition.fine();
            Ok(())
        };
        let before_the_rest = async {
            if let (Some(condition), Some(front)) = (&api, &front) {
                let heart = self.api(front).await?;
                condition.fine();
                self.central_reachable.cancelled().await;
                self.beat(heart);
            }
            Ok(())
        };
        let alone = producer.is_none() && self.config.coordinator.kind == CoordinatorKind::Raft;
        let leases = async {
            if alone {
                let condition = self.health.condition("coordinator");
                self.coordinator(&condition).await?;
                condition.over();
            }
            Ok(())
        };
        tokio::try_join!(on_the_database, on_the_coordinator, before_the_rest, leases).map(drop)
    }

    /// Reads the policy files again.
    pub(super) fn reload_policy(&self) -> Result<(), StartError> {
        self.policy.replace(super::policy::load(&self.config)?);
        Ok(())
    }

    /// Makes the pools what they should be, where that is for this process to do.
    pub(super) async fn settle_pools(&self) -> Result<(), StartError> {
        let (store, listening) = {
            let state = self.state.lock();
            (state.store.clone(), state.dns_addresses.clone())
        };
        let Some(store) = store else { return Ok(()) };
        let (clock, config) = (self.edges.clock, &self.config);
        let settle = |token| pooling::settle(&store, clock, config, &listening, token);
        self.alone(&singleton::POOLS, settle).await
    }

    /// Does what one process of the deployment does at a time.
    async fn alone<T, W: Future<Output = Result<T, StartError>>>(
        &self,
        lock: &LockName,
        work: impl Fn(Option<u64>) -> W,
    ) -> Result<T, StartError> {
        let arbiter = if self.state.lock().arbitrated {
            Some(self.coordinator(&self.health.condition("coordinator")).await?)
        } else {
            None
        };
        singleton::alone(arbiter.as_deref(), lock, self.config.coordinator.lease_ttl, work).await
    }

    /// Ends everything within the configured time.
    pub(super) async fn drain(&self) -> Vec<Ended> {
        let lifecycle = std::mem::take(&mut self.state.lock().lifecycle);
        lifecycle.drain(self.config.node.graceful_shutdown_timeout).await
    }

    /// The database with its schema, once it is there.
    async fn store(&self) -> Result<Store, StartError> {
        let condition = self.health.condition("database");
        let store = match self.edges.store.clone() {
            Some(store) => store,
            None => opening::open_store(&self.config).await?,
        };
        let migrate = self.config.database.migrate;
        patiently(&condition, || async {
            if !migrate || store.schema_version().await? == Some(Store::latest_version()) {
                return Ok(store.expect_schema().await?);
            }
            self.alone(&singleton::SCHEMA, |token| singleton::migrate(&store, token)).await
        })
        .await?;
        condition.fine();
        self.state.lock().store = Some(store.clone());
        let stop = CancellationToken::new();
        let watching = self.runtime().spawn(watch::database(store.clone(), condition, stop.clone()));
        self.state.lock().lifecycle.task(Tier::Ground, "database watch", stop, watching);
        Ok(store)
    }

    async fn central(&self, store: &Store) -> Result<(), StartError> {
        let service = CentralService::new(
            store.clone(),
            self.edges.clock,
            self.policy.clone(),
            self.config.central.clone(),
            self.transport.service_ref(),
        )
        .notifying(&self.config.notifications, &self.config.node.host);
        self.mount(Tier::Central, Central::endpoint(), Arc::new(service), central::api::routes()).await
    }

    async fn mdns(&self, store: &Store, condition: &Condition) -> Result<(), StartError> {
        let service = Arc::new(MdnsService::new(
            store.clone(),
            self.edges.clock,
            self.config.mdns.clone(),
            Some(self.transport.service_ref()),
        ));
        let zones = patiently(condition, || async { Ok(service.load().await?) }).await?;
        tracing::info!(zones, "published zones are loaded");
        self.state.lock().responder = Some(Arc::clone(service.responder()));
        if !self.config.mdns.listen.is_empty() {
            let server = service.listen().await?;
            self.state.lock().dns_addresses = server.addresses().to_vec();
            let grace = self.config.node.graceful_shutdown_timeout;
            self.at_the_end(Tier::Mdns, "dns listeners", async move {
                server.drain(Instant::now() + grace).await;
            });
        }
        let follower = Arc::clone(service.follower());
        self.mount(Tier::Mdns, Mdns::endpoint(), service, mdns::api::routes()).await?;
        let cadence = Cadence::every(self.config.mdns.follow_interval);
        let following = Reconciler::start(follower, cadence, &self.draining, self.runtime());
        self.state.lock().lifecycle.reconcile(Tier::Mdns, following);
        Ok(())
    }

    async fn worker(&self, store: &Store) -> Result<(), StartError> {
        let at = Worker::endpoint();
        let service = Arc::new(WorkerService::new(WorkerParts {
            instance: at.instance,
            store: store.clone(),
            clock: self.edges.clock,
            config: self.config.worker.clone(),
            recovery: self.config.producer.recovery,
            exchange: Arc::clone(&self.edges.exchange),
            transfers: Arc::clone(&self.edges.transfers),
            notifications: (self.config.notifications.clone(), self.config.node.host.clone()),
            backends: self.edges.backends.clone(),
            central: self.transport.service_ref(),
            mdns: self.transport.service_ref(),
            workers: self.transport.service_ref(),
        }));
        // Registered before its mount, so that it goes on propagating until no more messages come.
        let stopped = Arc::clone(&service);
        self.at_the_end(Tier::Worker, "worker propagations", async move { stopped.stop().await });
        self.mount(Tier::Worker, at, service, worker::api::routes()).await
    }

    /// Who gives out leases, opened for whoever asks first.
    async fn coordinator(&self, condition: &Condition) -> Result<Arc<dyn Coordinator>, StartError> {
        let opened = self.coordinator.get_or_try_init(async || {
            if let Some(coordinator) = self.edges.coordinator.clone() {
                return Ok(coordinator);
            }
            let (coordinator, cluster) =
                patiently(condition, || opening::open_coordinator(&self.config)).await?;
            if let Some(cluster) = cluster {
                // Leases are given back before the one that they are kept with ends.
                self.at_the_end(Tier::Ground, "coordinator", cluster.leave());
            }
            Ok(coordinator)
        });
        opened.await.cloned()
    }

    async fn producer(&self, condition: &Condition) -> Result<(), StartError> {
        let seat = self.health.condition("coordinator");
        let coordinator = self.coordinator(condition).await?;
        self.central_reachable.cancelled().await;
        let at = producer::api::Producer::endpoint();
        let name = MemberId::new(format!("{}:{}", self.config.node.host, at.instance));
        let name = name.unwrap_or_else(|_| MemberId::literal("producer"));
        let me = Member::new(name, self.config.node.host.clone()).with_ttl(self.config.coordinator.lease_ttl);
        let peers = Peers {
            central: self.transport.service_ref(),
            worker: self.transport.service_ref(),
            seat,
            clock: self.edges.clock,
            emission: emission::open(&self.config),
        };
        // Its shards are given up as soon as a drain begins, while the rest says goodbye.
        let stop = self.draining.child_token();
        let running =
            ProducerService::start(coordinator, me, &peers, &self.config.producer, &stop, self.runtime());
        let told = Arc::clone(&running.service);
        self.serve(Tier::Producer, at, running.service, producer::api::routes()).await?;
        self.beat(self.heart(at).telling(Tell::new(move || told.stats())));
        let lifecycle = &mut self.state.lock().lifecycle;
        for task in running.tasks {
            lifecycle.reconcile(Tier::Producer, task);
        }
        lifecycle.task(Tier::Producer, "producer seat", stop, running.seat);
        Ok(())
    }

    /// Mounts the API's actor, whose heart is yet to beat.
    async fn api(&self, front: &Arc<Api>) -> Result<Heartbeat, StartError> {
        let at = api::api::Api::endpoint();
        let service = Arc::new(ApiService::new(Arc::clone(front) as _));
        self.serve(Tier::Api, at, service, api::api::routes()).await?;
        Ok(self.heart(at).describing(&self.transport.service_ref()))
    }

    /// Mounts an instance; it has a heart from here on.
    async fn mount<H: Send + Sync + 'static>(
        &self,
        tier: Tier,
        at: Endpoint,
        state: Arc<H>,
        routes: Routes<H>,
    ) -> Result<(), StartError> {
        self.serve(tier, at, state, routes).await?;
        self.beat(self.heart(at));
        Ok(())
    }

    /// Puts an instance on the transport.
    async fn serve<H: Send + Sync + 'static>(
        &self,
        tier: Tier,
        at: Endpoint,
        state: Arc<H>,
        routes: Routes<H>,
    ) -> Result<(), StartError> {
        let transport = &self.config.transport;
        let queue = QueueLimits { capacity: transport.queue_capacity, patience: transport.queue_timeout };
        let config = HostConfig { permits: transport.permits, queue, ..HostConfig::default() };
        let inbox = Host::start(state, routes, config, &self.place);
        let serving = self
            .transport
            .serve(at, inbox)
            .await
            .map_err(|fault| StartError::Service { service: at.service, fault })?;
        tracing::info!(service = at.service, instance = %at.instance, "mounted");
        self.state.lock().lifecycle.serve(tier, at.service, serving);
        Ok(())
    }

    fn heart(&self, at: Endpoint) -> Heartbeat {
        let host = self.config.node.host.clone();
        let heart = Heartbeat::new(self.transport.service_ref(), at.service, host, at.instance);
        match &self.state.lock().central {
            Some(central) => heart.reaching(central.clone()),
            None => heart,
        }
    }

    /// Lets an instance tell central that it is there, and at the end that it goes.
    fn beat(&self, heart: Heartbeat) {
        if self.config.coordinator.kind == CoordinatorKind::Raft {
            self.hold_lease(&heart);
        }
        let beating = heart.start(self.config.heartbeat_interval, &self.draining, self.runtime());
        self.at_the_end(Tier::Hearts, "goodbye", async move {
            if let Err(fault) = heart.stopped(&Cx::system(GOODBYE)).await {
                tracing::debug!(%fault, "nobody took the goodbye");
            }
        });
        self.state.lock().lifecycle.reconcile(Tier::Hearts, beating);
    }

    /// Keeps a seat among the services for an instance, so that its end is noticed as soon as its lease is over.
    fn hold_lease(&self, heart: &Heartbeat) {
        let (leased, (service, instance)) = (heart.leased(), heart.instance());
        let name = MemberId::new(format!("{service}:{instance}"));
        let name = name.unwrap_or_else(|_| MemberId::literal("service"));
        let me = Member::new(name, self.config.node.host.clone()).with_ttl(self.config.coordinator.lease_ttl);
        let stop = CancellationToken::new();
        let (stopped, coordinator) = (stop.clone(), self.coordinator.clone());
        let task = self.runtime().spawn(async move {
            let keep = async {
                loop {
                    // Opened by whoever starts a service; until then there is nothing to hold.
                    if let Some(coordinator) = coordinator.get()
                        && let Ok(seat) = coordinator.join(&SERVICES, me.clone()).await
                    {
                        leased.store(true, Ordering::Relaxed);
                        let lost = seat.lost().await;
                        leased.store(false, Ordering::Relaxed);
                        tracing::info!(service, %lost, "the lease of a service is lost and will be taken anew");
                    }
                    tokio::time::sleep(LEASE_PAUSE).await;
                }
            };
            tokio::select! {
                () = keep => {}
                () = stopped.cancelled() => {}
            }
        });
        self.state.lock().lifecycle.task(Tier::Hearts, "lease", stop, task);
    }

    /// Runs `work` when the lifecycle comes to this part.
    pub(super) fn at_the_end(
        &self,
        tier: Tier,
        part: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = self.runtime().spawn(async move {
            stopped.cancelled().await;
            work.await;
        });
        self.state.lock().lifecycle.task(tier, part, stop, task);
    }
}
