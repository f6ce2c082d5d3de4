//! Opening what services stand on: the database, the coordinator, the transport.
//!
//! Invariants: opening reads files and nothing else of the world, so it fails only for what is wrong here; whether a
//! database or a broker is there is found out later, by those who can wait.

use std::path::Path;
use std::sync::Arc;

use coordinator::{Coordinator, Solo};

use super::StartError;
use super::cluster::Cluster;
use crate::config::{Config, CoordinatorKind, DatabaseUrl, TransportKind};
use crate::health::Health;
use crate::store::{Connections, Store, Vault};
use crate::transport::{Amqp, InProcess, Mixed, SchemaCeilings, Transport};

/// The file in which a process that decides alone keeps how far its tokens have got.
pub(super) const TOKENS: &str = "tokens";

/// Opens the configured database, as it is.
///
/// # Errors
/// If it cannot be opened. A PostgreSQL database need not be there yet.
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let url = match &config.database.url {
        DatabaseUrl::SqliteFile(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                make_folder(folder).await?;
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
    let keys = config.secrets.keys.iter().map(|key| (key.name.clone(), key.octets));
    Ok(Store::open_with(&url, connections).await?.with_vault(Vault::new(keys)))
}

/// Opens the configured coordinator; and this process's part in the cluster, if it is one.
pub(super) async fn open_coordinator(
    config: &Config,
) -> Result<(Arc<dyn Coordinator>, Option<Cluster>), StartError> {
    match (config.coordinator.kind, &config.coordinator.state_path) {
        (CoordinatorKind::Solo, None) => Ok((Arc::new(Solo::ephemeral()), None)),
        (CoordinatorKind::Solo, Some(folder)) => {
            make_folder(folder).await?;
            Ok((Arc::new(Solo::open(folder.join(TOKENS)).await?), None))
        }
        (CoordinatorKind::Raft, _) => {
            let cluster = Cluster::open(config).await?;
            Ok((cluster.coordinator(), Some(cluster)))
        }
    }
}

/// Opens the configured transport. A broker need not be there yet.
pub(super) async fn open_transport(
    config: &Config,
    health: &Health,
) -> Result<Arc<dyn Transport>, StartError> {
    let listed = config.transport.schema_ceilings.iter();
    let ceilings = listed.fold(SchemaCeilings::default(), |ceilings, one| {
        ceilings.with(&one.service, &one.message, one.ceiling)
    });
    Ok(match config.transport.kind {
        TransportKind::InProcess => Arc::new(InProcess::typed()),
        TransportKind::InProcessCodec => Arc::new(InProcess::through_codec_up_to(ceilings)),
        TransportKind::Amqp => {
            let (amqp, broker) = (config.transport.amqp.clone(), health.condition("broker"));
            let amqp = Amqp::start_up_to(amqp, ceilings, broker).await?;
            if config.transport.local { Arc::new(Mixed::over(amqp)) } else { Arc::new(amqp) }
        }
    })
}

async fn make_folder(folder: &Path) -> Result<(), StartError> {
    let made = tokio::fs::create_dir_all(folder).await;
    made.map_err(|source| StartError::DataFolder { path: folder.display().to_string(), source })
}
