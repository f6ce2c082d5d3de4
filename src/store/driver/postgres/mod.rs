//! PostgreSQL: one database for every process of a deployment.
//!
//! Invariants: a writing transaction is READ COMMITTED, so a row lock that was waited for shows the newest row, and what
//! must not interleave takes a lock (`FOR UPDATE`, [`Dialect::alone`](super::Dialect::alone)) or checks the row's
//! version; a reading one is REPEATABLE READ and READ ONLY; a connection serves the next transaction only after the
//! ROLLBACK or COMMIT of the last one; connections live on the runtime that opened the driver, whoever uses them.

mod batch;
mod connect;
mod failure;
mod tls;
mod tx;
mod url;
mod value;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use futures::future::BoxFuture;

use self::connect::Connector;
use self::tx::PostgresTx;
use self::url::Target;
use super::{Driver, Mode, Tx};
use crate::store::connections::Connections;
use crate::store::error::StoreError;
use crate::store::migrate;

/// PostgreSQL behind a pool of connections.
#[derive(Debug)]
pub struct PostgresDriver {
    pool: Pool,
    connector: Connector,
}

impl PostgresDriver {
    /// A driver for a URL as libpq has them, `postgresql://user:password@host/database?sslmode=…`. Connects when the
    /// first transaction begins; to be called inside the runtime that is to keep the connections.
    ///
    /// # Errors
    /// If the URL is not understood, or the certificates that it wants to trust cannot be read.
    pub fn open(url: &str, connections: Connections) -> Result<Self, StoreError> {
        let target = Target::parse(url)?;
        let connector = Connector::new(target, connections)?;
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(connector.config(), connector.clone(), config);
        let pool = Pool::builder(manager)
            .max_size(connections.pool.max(1))
            .timeouts(Timeouts {
                wait: Some(connections.patience),
                create: Some(connections.connect),
                recycle: None,
            })
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| StoreError::Unavailable { reason: error.to_string() })?;
        Ok(Self { pool, connector })
    }

    async fn lease(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| failure::pool(&error))
    }
}

/// What a failure of PostgreSQL means, outside of transactions.
pub(in crate::store) fn failure(error: &tokio_postgres::Error) -> StoreError {
    failure::read(error, Mode::Write)
}

impl Driver for PostgresDriver {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Tx>, StoreError>> {
        Box::pin(async move { Ok(Box::new(PostgresTx::new(self.lease().await?, mode)) as Box<dyn Tx>) })
    }

    fn migrate(&self, token: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            // A connection of its own: the lock ends with it, however this ends.
            let (mut client, _task) = self.connector.open().await?;
            migrate::postgres(&mut client, token).await
        })
    }

    fn schema_version(&self) -> BoxFuture<'_, Result<Option<u32>, StoreError>> {
        Box::pin(async move {
            let connection = self.lease().await?;
            migrate::postgres_version(&connection).await
        })
    }
}
