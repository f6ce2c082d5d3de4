//! Opens connections.
//!
//! Invariants: a connection belongs to the runtime that made the connector, since that of a caller may end before it; a
//! session has its time-outs before anybody uses it.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::url::Target;
use super::{failure, tls};
use crate::store::connections::Connections;
use crate::store::driver::Mode;
use crate::store::error::StoreError;

/// How long an idle peer may stay silent before it is asked for a sign of life, and how long it may take to answer.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How to open a connection.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    bounds: Connections,
    runtime: Handle,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(target: Target, bounds: Connections) -> Result<Self, StoreError> {
        let mut config = target.config;
        config
            .connect_timeout(bounds.connect)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE)
            .tcp_user_timeout(KEEPALIVE);
        if config.get_application_name().is_none() {
            config.application_name("ordain");
        }
        let runtime =
            Handle::try_current().map_err(|error| StoreError::Unavailable { reason: error.to_string() })?;
        Ok(Self { config, tls: tls::connector(&target.trust)?, bounds, runtime })
    }

    pub(super) fn config(&self) -> Config {
        self.config.clone()
    }

    /// A connection outside of any pool, with its session set up, and the task that moves its data; it ends with either.
    pub(super) async fn open(&self) -> Result<(Client, AbortOnDropHandle<()>), StoreError> {
        let opened = timeout(self.bounds.connect, self.start()).await;
        let opened = opened.map_err(|_| StoreError::Unavailable { reason: "it does not answer".into() })?;
        let (client, task) = opened.map_err(|error| failure::read(&error, Mode::Write))?;
        Ok((client, AbortOnDropHandle::new(task)))
    }

    async fn start(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let Self { config, tls, bounds, runtime } = self.clone();
        let opening = runtime.clone().spawn(async move {
            let (client, task) = match tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    (client, runtime.spawn(carry(connection)))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, runtime.spawn(carry(connection)))
                }
            };
            client.batch_execute(&session(&bounds)).await?;
            Ok((client, task))
        });
        match AbortOnDropHandle::new(opening).await {
            Ok(opened) => opened,
            // The runtime is ending, and all who wait with it.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Connect for Connector {
    fn connect(
        &self,
        _config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.start())
    }
}

async fn carry(connection: impl Future<Output = Result<(), Error>> + Send) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a database connection ended");
    }
}

/// What a session begins with. The database looks after its end of the connection as this process does after its own.
fn session(bounds: &Connections) -> String {
    let millis = |duration: Duration| duration.as_millis().clamp(1, i32::MAX as u128);
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET tcp_keepalives_idle = {alive}; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
         SET tcp_user_timeout = '{alive}s'; SET client_min_messages = warning",
        millis(bounds.statement),
        millis(bounds.lock),
        millis(bounds.idle_in_transaction),
        alive = KEEPALIVE.as_secs(),
    )
}
