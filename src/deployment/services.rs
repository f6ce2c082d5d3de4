//! Starting each service.
//!
//! Invariants: a service is mounted only when it is ready to work; whatever runs is registered with the lifecycle, so
//! that nothing outlives a drain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use coordinator::{Coordinator, Member, MemberId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Edges, ServiceKind, StartError, child};
use crate::actors::api::{self, ApiService};
use crate::actors::central::api::Central;
use crate::actors::central::{self, CentralService};
use crate::actors::heartbeat::Heartbeat;
use crate::actors::lifecycle::Lifecycle;
use crate::actors::mdns::api::Mdns;
use crate::actors::mdns::{self, MdnsService};
use crate::actors::producer::{self, Peers, ProducerService};
use crate::actors::reconcile::{Cadence, Reconciler};
use crate::actors::worker::api::Worker;
use crate::actors::worker::{self, WorkerParts, WorkerService};
use crate::config::Config;
use crate::dns::server::Responder;
use crate::domain::policy::Policy;
use crate::http::{Api, ApiServer, ApiSettings};
use crate::store::Store;
use crate::transport::{
    Cx, Endpoint, Host, HostConfig, Place, QueueLimits, Routes, Service, Transport, TransportExt,
};

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// A deployment in the making.
pub(super) struct Builder {
    config: Config,
    store: Store,
    transport: Arc<dyn Transport>,
    edges: Edges,
    policy: Arc<Policy>,
    place: Place,
    hearts: Vec<Heartbeat>,
    pub(super) lifecycle: Lifecycle,
    pub(super) api: Option<Arc<Api>>,
    pub(super) responder: Option<Arc<Responder>>,
    pub(super) api_addresses: Vec<SocketAddr>,
    pub(super) dns_addresses: Vec<SocketAddr>,
}

impl Builder {
    pub(super) fn new(
        config: Config,
        store: Store,
        transport: Arc<dyn Transport>,
        edges: Edges,
    ) -> Result<Self, StartError> {
        Ok(Self {
            policy: Arc::new(super::policy::load(&config)?),
            config,
            store,
            transport,
            edges,
            place: Place::current()?,
            hearts: Vec::new(),
            lifecycle: Lifecycle::new(),
            api: None,
            responder: None,
            api_addresses: Vec::new(),
            dns_addresses: Vec::new(),
        })
    }

    pub(super) async fn start(
        &mut self,
        kind: ServiceKind,
        coordinator: &Arc<dyn Coordinator>,
    ) -> Result<(), StartError> {
        match kind {
            ServiceKind::Central => self.central().await,
            ServiceKind::Mdns => self.mdns().await,
            ServiceKind::Worker => self.worker().await,
            ServiceKind::Producer => self.producer(coordinator).await,
            ServiceKind::Api => self.api().await,
        }
    }

    async fn central(&mut self) -> Result<(), StartError> {
        let service = CentralService::new(
            self.store.clone(),
            self.edges.clock,
            Arc::clone(&self.policy),
            self.config.central.clone(),
            self.transport.service_ref(),
        );
        self.mount(Central::endpoint(), Arc::new(service), central::api::routes()).await
    }

    async fn mdns(&mut self) -> Result<(), StartError> {
        let service = Arc::new(MdnsService::new(self.store.clone(), self.config.mdns.clone()));
        let zones = service.load().await?;
        tracing::info!(zones, "published zones are loaded");
        self.responder = Some(Arc::clone(service.responder()));
        if !self.config.mdns.listen.is_empty() {
            let server = service.listen().await?;
            self.dns_addresses = server.addresses().to_vec();
            let grace = self.config.node.graceful_shutdown_timeout;
            self.at_the_end("dns listeners", async move {
                server.drain(Instant::now() + grace).await;
            });
        }
        let follower = Arc::clone(service.follower());
        self.mount(Mdns::endpoint(), service, mdns::api::routes()).await?;
        let stop = child(&self.lifecycle);
        let cadence = Cadence::every(self.config.mdns.follow_interval);
        self.lifecycle.reconcile(Reconciler::start(follower, cadence, &stop, self.place.runtime()));
        Ok(())
    }

    async fn worker(&mut self) -> Result<(), StartError> {
        let at = Worker::endpoint();
        let service = Arc::new(WorkerService::new(WorkerParts {
            instance: at.instance,
            store: self.store.clone(),
            clock: self.edges.clock,
            config: self.config.worker.clone(),
            recovery: self.config.producer.recovery,
            exchange: Arc::clone(&self.edges.exchange),
            backends: self.edges.backends.clone(),
            central: self.transport.service_ref(),
            mdns: self.transport.service_ref(),
            workers: self.transport.service_ref(),
        }));
        // Registered before its mount, so that it goes on propagating until no more messages come.
        let stopped = Arc::clone(&service);
        self.at_the_end("worker propagations", async move { stopped.stop().await });
        self.mount(at, service, worker::api::routes()).await
    }

    async fn producer(&mut self, coordinator: &Arc<dyn Coordinator>) -> Result<(), StartError> {
        let at = producer::api::Producer::endpoint();
        let name = MemberId::new(format!("{}:{}", self.config.node.host, at.instance));
        let name = name.unwrap_or_else(|_| MemberId::literal("producer"));
        let me = Member::new(name, self.config.node.host.clone()).with_ttl(self.config.coordinator.lease_ttl);
        let peers = Peers { central: self.transport.service_ref(), worker: self.transport.service_ref() };
        let stop = CancellationToken::new();
        let running = ProducerService::start(
            Arc::clone(coordinator),
            me,
            &peers,
            &self.config.producer,
            &stop,
            self.place.runtime(),
        );
        self.mount(at, running.service, producer::api::routes()).await?;
        for task in running.tasks {
            self.lifecycle.reconcile(task);
        }
        self.lifecycle.task("producer seat", stop, running.seat);
        Ok(())
    }

    async fn api(&mut self) -> Result<(), StartError> {
        let settings = ApiSettings::from(&self.config);
        let front = Api::new(self.transport.service_ref(), Arc::clone(&self.policy), settings);
        self.listen(&front)?;
        self.api = Some(Arc::clone(&front));
        let at = api::api::Api::endpoint();
        let service = Arc::new(ApiService::new(front));
        self.serve(at, Arc::clone(&service), api::api::routes()).await?;
        // Registered after its listeners, so that clients are asked to go before nobody answers any more.
        self.at_the_end("api withdrawal", async move { service.withdraw() });
        self.hearts.push(self.heart(at).describing(&self.transport.service_ref()));
        Ok(())
    }

    /// Answers requests on the configured addresses.
    fn listen(&mut self, api: &Arc<Api>) -> Result<(), StartError> {
        let listen = &self.config.api.listen;
        if listen.is_empty() {
            return Ok(());
        }
        let drain = self.config.node.graceful_shutdown_timeout;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let server = ApiServer::bind(api, listen, threads, drain).map_err(|source| {
            let addresses: Vec<_> = listen.iter().map(ToString::to_string).collect();
            StartError::Api { addresses: addresses.join(", "), source }
        })?;
        self.api_addresses = server.addresses().to_vec();
        let handle = server.handle();
        let running = self.place.runtime().spawn(server.run());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = self.place.runtime().spawn(async move {
            stopped.cancelled().await;
            handle.stop(true).await;
            if let Ok(Err(error)) = running.await {
                tracing::error!(%error, "the API's listener failed");
            }
        });
        self.lifecycle.task("api listeners", stop, task);
        Ok(())
    }

    /// Lets every service started so far tell central that it is there, and at the end that it goes.
    pub(super) fn start_hearts(&mut self) {
        let interval = self.config.heartbeat_interval;
        let hearts = std::mem::take(&mut self.hearts);
        let leaving = hearts.clone();
        self.at_the_end("goodbye", async move {
            for heart in leaving {
                if let Err(fault) = heart.stopped(&Cx::system(GOODBYE)).await {
                    tracing::debug!(%fault, "nobody took the goodbye");
                }
            }
        });
        for heart in hearts {
            let beating = heart.start(interval, &child(&self.lifecycle), self.place.runtime());
            self.lifecycle.reconcile(beating);
        }
    }

    /// Mounts an instance; it has a heart from here on.
    async fn mount<H: Send + Sync + 'static>(
        &mut self,
        at: Endpoint,
        state: Arc<H>,
        routes: Routes<H>,
    ) -> Result<(), StartError> {
        self.serve(at, state, routes).await?;
        self.hearts.push(self.heart(at));
        Ok(())
    }

    /// Puts an instance on the transport.
    async fn serve<H: Send + Sync + 'static>(
        &mut self,
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
        self.lifecycle.serve(at.service, serving);
        Ok(())
    }

    fn heart(&self, at: Endpoint) -> Heartbeat {
        let host = self.config.node.host.clone();
        Heartbeat::new(self.transport.service_ref(), at.service, host, at.instance)
    }

    /// Runs `work` when the lifecycle comes to this part.
    fn at_the_end(&mut self, part: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = self.place.runtime().spawn(async move {
            stopped.cancelled().await;
            work.await;
        });
        self.lifecycle.task(part, stop, task);
    }
}
