//! The composition root: the only place that knows every concrete type, and what starts and ends in which order.
//!
//! Invariants: a deployment is ready when [`Deployment::start`] returns; one that is launched waits for what is missing,
//! says so in its health, and serves once it is there, in whatever order that comes. A service opens only what it needs:
//! the API and the producer no database, all but the producer no coordinator. Nothing is process-global, so several
//! deployments may live in one process; whoever is called outlives its callers.

pub mod cluster;
mod emission;
mod error;
mod estate;
mod front;
mod native_pool;
mod opening;
pub mod operator;
mod patience;
pub mod policy;
mod pooling;
mod services;
pub mod singleton;
mod watch;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use std::time::Duration;

use coordinator::Coordinator;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

pub use self::error::StartError;
pub use self::opening::open_store;
use self::services::Assembly;
use crate::actors::worker::backends::Backends;
use crate::clock::Clock;
use crate::config::Config;
use crate::dns::client::{Exchange, SocketExchange, Transfers};
use crate::dns::server::Responder;
use crate::health::Health;
use crate::http::Api;
use crate::store::Store;
use crate::transport::Transport;

/// How long the API's listener waits for what is beside and behind it before it opens all the same.
const HEAD_START: Duration = Duration::from_secs(2);

/// One of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServiceKind {
    /// The REST API.
    Api,
    /// Business rules and writes.
    Central,
    /// The name server.
    Mdns,
    /// Propagation.
    Worker,
    /// Periodic tasks.
    Producer,
}

impl ServiceKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Api, Self::Central, Self::Mdns, Self::Worker, Self::Producer];

    /// The name in command lines and service statuses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Central => "central",
            Self::Mdns => "mdns",
            Self::Worker => "worker",
            Self::Producer => "producer",
        }
    }
}

/// A name that is no service's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown service {name}; known: api, central, mdns, worker, producer")]
pub struct UnknownService {
    /// The name.
    pub name: String,
}

impl FromStr for ServiceKind {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| UnknownService { name: name.to_owned() })
    }
}

/// What a deployment touches of the world outside: real by default, exchanged in tests.
#[derive(Debug, Clone)]
pub struct Edges {
    /// Wall time.
    pub clock: Clock,
    /// The way to name servers.
    pub exchange: Arc<dyn Exchange>,
    /// The way to the masters of secondary zones.
    pub transfers: Arc<dyn Transfers>,
    /// The drivers of pool targets.
    pub backends: Backends,
    /// Who gives out leases; as configured if absent.
    pub coordinator: Option<Arc<dyn Coordinator>>,
    /// The database; as configured if absent.
    pub store: Option<Store>,
}

impl Edges {
    /// The machine's clock, sockets, and the drivers that come with the program.
    #[must_use]
    pub fn real() -> Self {
        let clock = Clock::system();
        let exchange = Arc::new(SocketExchange::default());
        Self {
            clock,
            exchange: Arc::clone(&exchange) as _,
            transfers: exchange,
            backends: Backends::standard(clock),
            coordinator: None,
            store: None,
        }
    }
}

/// Running services, and those that wait for what they need.
#[derive(Debug)]
#[must_use = "dropping it stops the services without draining them"]
pub struct Deployment {
    assembly: Arc<Assembly>,
    starting: Option<AbortOnDropHandle<Result<(), StartError>>>,
    api: Option<Arc<Api>>,
    api_addresses: Vec<SocketAddr>,
    health_addresses: Vec<SocketAddr>,
}

impl Deployment {
    /// Starts `services` in this process, inside an actix system, and waits until all of them serve.
    ///
    /// # Errors
    /// As [`Self::launch`] and [`Self::ready`].
    pub async fn start(config: Config, services: &[ServiceKind], edges: Edges) -> Result<Self, StartError> {
        let mut deployment = Self::launch(config, services, edges).await?;
        deployment.ready().await?;
        Ok(deployment)
    }

    /// Starts `services` in this process, inside an actix system. What is missing is waited for behind; meanwhile the API
    /// listens, refuses what it cannot do and tells what is missing.
    ///
    /// # Errors
    /// What nobody else can set right: a file of the configuration, an address that cannot be had.
    pub async fn launch(config: Config, services: &[ServiceKind], edges: Edges) -> Result<Self, StartError> {
        check_files(&config)?;
        let health = Health::new();
        let transport = opening::open_transport(&config, &health).await?;
        let assembly = Arc::new(Assembly::new(config, transport, edges, health)?);
        let health_addresses = assembly.tell_health()?;
        let api = services.contains(&ServiceKind::Api).then(|| assembly.make_api()).transpose()?;
        let starting = assembly.runtime().spawn(Arc::clone(&assembly).start(services.to_vec(), api.clone()));
        let mut deployment = Self {
            assembly,
            starting: Some(AbortOnDropHandle::new(starting)),
            api,
            api_addresses: Vec::new(),
            health_addresses,
        };
        if let Ok(ended) = tokio::time::timeout(HEAD_START, deployment.ready()).await {
            ended?;
        }
        if let Some(api) = &deployment.api {
            deployment.api_addresses = deployment.assembly.listen(api)?;
        }
        Ok(deployment)
    }

    /// Resolves once all services serve, at once if they do already. May be dropped and called again.
    ///
    /// # Errors
    /// What nobody else can set right, and shows only now: a database of a newer program, an address for DNS.
    pub async fn ready(&mut self) -> Result<(), StartError> {
        let Some(starting) = &mut self.starting else { return Ok(()) };
        let ended = starting.await;
        self.starting = None;
        ended.unwrap_or_else(|error: JoinError| Err(StartError::Interrupted { reason: error.to_string() }))
    }

    /// How things stand.
    #[must_use]
    pub fn health(&self) -> &Health {
        self.assembly.health()
    }

    /// Where the API listens, if it does.
    #[must_use]
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api_addresses.first().copied()
    }

    /// Where questions about health are answered besides the API, if that is so.
    #[must_use]
    pub fn health_address(&self) -> Option<SocketAddr> {
        self.health_addresses.first().copied()
    }

    /// Where the name server listens, if it does by now.
    #[must_use]
    pub fn dns_address(&self) -> Option<SocketAddr> {
        self.assembly.dns_addresses().first().copied()
    }

    /// The API, to be called without a socket.
    #[must_use]
    pub const fn api(&self) -> Option<&Arc<Api>> {
        self.api.as_ref()
    }

    /// The name server, to be asked without a socket.
    #[must_use]
    pub fn responder(&self) -> Option<Arc<Responder>> {
        self.assembly.responder()
    }

    /// What the services talk over.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        self.assembly.transport()
    }

    /// Reads again what can be read again: the policy and pool files.
    ///
    /// # Errors
    /// If one cannot be used; then what it governs stays as it is.
    pub async fn reload(&self) -> Result<(), StartError> {
        self.assembly.reload_policy()?;
        self.assembly.settle_pools().await
    }

    /// Asks clients of the API to go elsewhere and gives them time to, then stops taking work, lets what was accepted
    /// finish for the configured time, and ends.
    pub async fn drain(mut self) {
        self.assembly.health().drain();
        if !self.api_addresses.is_empty() {
            tokio::time::sleep(self.assembly.drain_delay()).await;
        }
        if let Some(starting) = self.starting.take() {
            starting.abort();
            drop(starting.await);
        }
        for part in self.assembly.drain().await.iter().filter(|part| !part.complete) {
            tracing::warn!(part = part.part, "did not finish in time");
        }
    }
}

/// Reads the files that the configuration names, so that their mistakes are told before anything is started.
///
/// # Errors
/// The first file that cannot be used.
pub fn check_files(config: &Config) -> Result<(), StartError> {
    policy::load(config)?;
    pooling::specs(config)?;
    Ok(())
}
