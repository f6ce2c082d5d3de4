//! The composition root: the only place that knows every concrete type, and what starts and ends in which order.
//!
//! Invariants: a deployment is ready when [`Deployment::start`] returns; nothing of it is process-global, so several may
//! live in one process; it ends in the reverse of the order it was started in, so whoever is called outlives its callers.

mod error;
mod native_pool;
mod policy;
mod services;

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;

use coordinator::{Coordinator, Solo};
use tokio_util::sync::CancellationToken;

pub use self::error::StartError;
use self::services::Builder;
use crate::actors::central::pools::{self, Change, Options};
use crate::actors::lifecycle::Lifecycle;
use crate::actors::worker::backends::Backends;
use crate::clock::Clock;
use crate::config::pool_file::{self, PoolSpec};
use crate::config::{Config, CoordinatorKind, DatabaseUrl, TransportKind};
use crate::dns::client::{Exchange, SocketExchange};
use crate::dns::server::Responder;
use crate::http::Api;
use crate::store::{Connections, Store};
use crate::transport::{Amqp, InProcess, Transport};

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
        Self { clock, exchange, backends: Backends::standard(clock), coordinator: None, store: None }
    }
}

/// Running services.
#[derive(Debug)]
#[must_use = "dropping it stops the services without draining them"]
pub struct Deployment {
    config: Config,
    store: Store,
    clock: Clock,
    transport: Arc<dyn Transport>,
    lifecycle: Lifecycle,
    api: Option<Arc<Api>>,
    responder: Option<Arc<Responder>>,
    api_addresses: Vec<SocketAddr>,
    dns_addresses: Vec<SocketAddr>,
}

impl Deployment {
    /// Starts `services` in this process, inside an actix system.
    ///
    /// # Errors
    /// The first thing that could not be had: the database, an address, a file of the configuration.
    pub async fn start(config: Config, services: &[ServiceKind], edges: Edges) -> Result<Self, StartError> {
        let store = match edges.store.clone() {
            Some(store) => store,
            None => open_store(&config).await?,
        };
        store.migrate().await?;
        let coordinator = match edges.coordinator.clone() {
            Some(coordinator) => coordinator,
            None => open_coordinator(&config).await?,
        };
        let transport: Arc<dyn Transport> = match config.transport.kind {
            TransportKind::InProcess => Arc::new(InProcess::typed()),
            TransportKind::InProcessCodec => Arc::new(InProcess::through_codec()),
            TransportKind::Amqp => Arc::new(Amqp::start(config.transport.amqp.clone()).await?),
        };
        let mut builder = Builder::new(config.clone(), store.clone(), Arc::clone(&transport), edges.clone())?;
        // Whoever is called first: what is started last ends first.
        for kind in [ServiceKind::Central, ServiceKind::Mdns, ServiceKind::Worker, ServiceKind::Producer] {
            if services.contains(&kind) {
                builder.start(kind, &coordinator).await?;
            }
        }
        let mut deployment = Self {
            dns_addresses: builder.dns_addresses.clone(),
            responder: builder.responder.clone(),
            config,
            store,
            clock: edges.clock,
            transport,
            lifecycle: Lifecycle::new(),
            api: None,
            api_addresses: Vec::new(),
        };
        deployment.settle_pools().await?;
        if services.contains(&ServiceKind::Api) {
            builder.start(ServiceKind::Api, &coordinator).await?;
        }
        builder.start_hearts();
        deployment.api = builder.api.take();
        deployment.api_addresses = std::mem::take(&mut builder.api_addresses);
        deployment.lifecycle = builder.lifecycle;
        Ok(deployment)
    }

    /// Where the API listens, if it does.
    #[must_use]
    pub fn api_address(&self) -> Option<SocketAddr> {
        self.api_addresses.first().copied()
    }

    /// Where the name server listens, if it does.
    #[must_use]
    pub fn dns_address(&self) -> Option<SocketAddr> {
        self.dns_addresses.first().copied()
    }

    /// The API, to be called without a socket.
    #[must_use]
    pub const fn api(&self) -> Option<&Arc<Api>> {
        self.api.as_ref()
    }

    /// The name server, to be asked without a socket.
    #[must_use]
    pub const fn responder(&self) -> Option<&Arc<Responder>> {
        self.responder.as_ref()
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// What the services talk over.
    #[must_use]
    pub fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// Reads again what can be read again: the pool file.
    ///
    /// # Errors
    /// If it cannot be used; then the pools stay as they are.
    pub async fn reload(&self) -> Result<(), StartError> {
        self.settle_pools().await
    }

    /// Stops taking work, lets what was accepted finish for the configured time, and ends.
    pub async fn drain(self) {
        let ended = self.lifecycle.drain(self.config.node.graceful_shutdown_timeout).await;
        for part in ended.iter().filter(|part| !part.complete) {
            tracing::warn!(part = part.part, "did not finish in time");
        }
    }

    /// Makes the pools what the pool file says; without one, sees to it that there is a pool of our own name server.
    async fn settle_pools(&self) -> Result<(), StartError> {
        let specs = match pool_specs(&self.config)? {
            Some(specs) => specs,
            None => native_pool::wanted(&self.store, &self.config, &self.dns_addresses).await?,
        };
        let options = Options { default_pool: self.config.central.default_pool_id, ..Options::default() };
        for change in pools::apply(&self.store, self.clock, &specs, options).await? {
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
}

/// Reads the files that the configuration names, so that their mistakes are told before anything is started.
///
/// # Errors
/// The first file that cannot be used.
pub fn check_files(config: &Config) -> Result<(), StartError> {
    policy::load(config)?;
    pool_specs(config)?;
    Ok(())
}

/// What the pool file wants, if one is configured.
fn pool_specs(config: &Config) -> Result<Option<Vec<PoolSpec>>, StartError> {
    let Some(path) = &config.pools_file else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|source| StartError::PoolFile { path: path.display().to_string(), source })?;
    Ok(Some(pool_file::parse(&text)?))
}

/// Opens the configured database, as it is.
///
/// # Errors
/// If it cannot be opened.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let url = match &config.database.url {
        DatabaseUrl::SqliteFile(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                let made = tokio::fs::create_dir_all(folder).await;
                made.map_err(|source| StartError::DataFolder { path: folder.display().to_string(), source })?;
            }
            format!("sqlite:{}", path.display())
        }
        DatabaseUrl::SqliteMemory => String::from("sqlite::memory:"),
        DatabaseUrl::Postgres(url) => url.secret().to_owned(),
    };
    let database = &config.database;
    let connections = Connections {
        readers: database.readers,
        pool: database.pool_size,
        patience: database.acquire_timeout,
        connect: database.connect_timeout,
        statement: database.statement_timeout,
        lock: database.lock_timeout,
        idle_in_transaction: database.idle_in_transaction_timeout,
    };
    Ok(Store::open_with(&url, connections).await?)
}

async fn open_coordinator(config: &Config) -> Result<Arc<dyn Coordinator>, StartError> {
    match (config.coordinator.kind, &config.coordinator.state_path) {
        (CoordinatorKind::Solo, None) => Ok(Arc::new(Solo::ephemeral())),
        (CoordinatorKind::Solo, Some(folder)) => {
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|source| StartError::DataFolder { path: folder.display().to_string(), source })?;
            Ok(Arc::new(Solo::open(folder.join("tokens")).await?))
        }
    }
}

/// A token that stops with the deployment's draining.
fn child(lifecycle: &Lifecycle) -> CancellationToken {
    lifecycle.draining().child_token()
}
