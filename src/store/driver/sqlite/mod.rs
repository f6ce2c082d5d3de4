//! SQLite: one writer and several readers on one file in WAL mode, for a single process or a few on one host.
//!
//! Invariants: a commit to a durable file is on the disk when it is answered; every statement that may take long runs
//! on tokio's blocking pool, never on a thread of our own, so a paused clock waits for it; an in-memory database is a
//! private directory that goes with its driver, so that readers and the writer are as independent as in a file.

mod failure;
mod flush;
mod shelf;
mod tx;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use self::flush::Flush;
use self::shelf::{File, Shelf};
use self::tx::SqliteTx;
use super::{Driver, Mode, Tx};
use crate::store::connections::Connections;
use crate::store::error::StoreError;
use crate::store::migrate;

/// SQLite in one file.
#[derive(Debug)]
pub struct SqliteDriver {
    writer: Arc<Shelf>,
    readers: Arc<Shelf>,
}

impl SqliteDriver {
    /// Opens a file, made if it is not there.
    ///
    /// # Errors
    /// If the file cannot be opened or is no database.
    pub async fn open(path: impl Into<PathBuf>, connections: Connections) -> Result<Self, StoreError> {
        Self::start(path.into(), connections, None).await
    }

    /// A database that is gone once its driver is.
    ///
    /// # Errors
    /// If no temporary directory can be made.
    pub async fn in_memory(connections: Connections) -> Result<Self, StoreError> {
        let made = spawn_blocking(|| tempfile::Builder::new().prefix("ordain-").tempdir()).await;
        let directory = made.map_err(|e| unavailable(&e))?.map_err(|e| unavailable(&e))?;
        Self::start(directory.path().join("memory.db"), connections, Some(directory)).await
    }

    async fn start(
        path: PathBuf,
        connections: Connections,
        directory: Option<TempDir>,
    ) -> Result<Self, StoreError> {
        let directory = directory.map(Arc::new);
        let flush = directory.is_none().then(|| Arc::new(Flush::of(&path)));
        let shelf = |mode, size| {
            let file = File { path: path.clone(), flush: flush.clone(), _directory: directory.clone() };
            Arc::new(Shelf::new(file, mode, size, connections.patience))
        };
        let driver = Self { writer: shelf(Mode::Write, 1), readers: shelf(Mode::Read, connections.readers) };
        // Also leaves the file in WAL mode, before any reader comes.
        driver.with_writer(|_| Ok(())).await?;
        Ok(driver)
    }

    /// Runs blocking work on the writing connection, outside of any transaction.
    async fn with_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut lease = Arc::clone(&self.writer).lease().await?;
        let done = spawn_blocking(move || {
            let done = work(lease.connection().map_err(|e| failure::read(&e))?)?;
            Ok((done, lease.give_back()))
        });
        let (done, kept) = done.await.map_err(|e| unavailable(&e))??;
        kept.wait().await?;
        Ok(done)
    }
}

impl Driver for SqliteDriver {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Tx>, StoreError>> {
        let shelf = match mode {
            Mode::Read => Arc::clone(&self.readers),
            Mode::Write => Arc::clone(&self.writer),
        };
        Box::pin(async move { Ok(Box::new(SqliteTx::new(shelf.lease().await?, mode)) as Box<dyn Tx>) })
    }

    fn migrate(&self, token: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.with_writer(move |connection| migrate::sqlite(connection, token)))
    }

    fn has_one_writer(&self) -> bool {
        true
    }

    fn schema_version(&self) -> BoxFuture<'_, Result<Option<u32>, StoreError>> {
        Box::pin(self.with_writer(migrate::sqlite_version))
    }
}

fn unavailable(error: &impl ToString) -> StoreError {
    StoreError::Unavailable { reason: error.to_string() }
}

/// The folder of a database file, if it names one.
fn folder(path: &Path) -> Option<&Path> {
    path.parent().filter(|p| !p.as_os_str().is_empty())
}
