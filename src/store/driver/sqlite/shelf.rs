//! Connections that wait for the next transaction.
//!
//! Invariants: at most `size` connections are in use at a time, first come first served; a connection goes back outside
//! of any transaction, whatever became of the one it served; one that is lost on the way is opened anew.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::flush::{Commit, Flush};
use super::{folder, unavailable};
use crate::store::driver::Mode;
use crate::store::error::StoreError;

/// How long a statement waits for another process's lock on the file.
const BUSY: Duration = Duration::from_secs(5);
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;
/// After about so many rows the log is brought into the main file: some thousand pages.
const LOG: usize = 1000;
/// A transaction of at most so many rows is committed in place.
const LIGHT: usize = 64;

/// What is connected to.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// How commits get to the disk; they need not without.
    pub(super) flush: Option<Arc<Flush>>,
    /// Removed once the last connection is closed.
    pub(super) _directory: Option<Arc<TempDir>>,
}

/// Connections of one kind to one file.
#[derive(Debug)]
pub(super) struct Shelf {
    idle: Mutex<Vec<Connection>>,
    seats: Arc<Semaphore>,
    patience: Duration,
    mode: Mode,
    file: File,
    /// About how much was written since the log was last brought into the main file.
    logged: AtomicUsize,
}

impl Shelf {
    /// At most `size` connections; a transaction waits for one as long as `patience`.
    pub(super) fn new(file: File, mode: Mode, size: usize, patience: Duration) -> Self {
        let seats = Arc::new(Semaphore::new(size.clamp(1, Semaphore::MAX_PERMITS)));
        Self { idle: Mutex::default(), seats, patience, mode, file, logged: AtomicUsize::new(0) }
    }

    /// Waits for a connection to be free. It is opened, if need be, at its first use.
    pub(super) async fn lease(self: Arc<Self>) -> Result<Lease, StoreError> {
        let seat = timeout(self.patience, Arc::clone(&self.seats).acquire_owned()).await;
        let seat = seat.map_err(|_| unavailable(&"no connection came free"))?.map_err(|e| unavailable(&e))?;
        let connection = self.idle.lock().pop();
        Ok(Lease { connection, shelf: self, _seat: seat })
    }

    fn open(&self) -> Result<Connection, rusqlite::Error> {
        if let Some(folder) = folder(&self.file.path) {
            // If this fails, opening the file says why.
            let _opening_tells = std::fs::create_dir_all(folder);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Otherwise a kept statement is planned anew whenever an argument that an index looks for changes.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let synchronous = if self.file.flush.is_some() { "NORMAL" } else { "OFF" };
        let query_only = if self.mode == Mode::Read { "ON" } else { "OFF" };
        if self.mode == Mode::Write {
            connection.execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; \
                 PRAGMA wal_autocheckpoint = 0;",
            )?;
        }
        connection.execute_batch(&format!(
            "PRAGMA synchronous = {synchronous}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
             PRAGMA cache_size = -16384; PRAGMA query_only = {query_only};"
        ))?;
        Ok(connection)
    }
}

/// The right to a connection; gives it back when dropped, rolling back what was not committed.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Option<Connection>,
    shelf: Arc<Shelf>,
    /// Given back after `drop` has put the connection back.
    _seat: OwnedSemaphorePermit,
}

impl Lease {
    /// The connection, opened if it is not yet. Blocks.
    pub(super) fn connection(&mut self) -> Result<&mut Connection, rusqlite::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.shelf.open()?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Begins to write, if that takes no waiting: the connection is open and no other process writes.
    pub(super) fn begins_at_once(&mut self) -> bool {
        let Some(connection) = &self.connection else { return false };
        if connection.busy_timeout(Duration::ZERO).is_err() {
            return false;
        }
        let begun = connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.raw_execute());
        let patient = connection.busy_timeout(BUSY);
        begun.is_ok() && patient.is_ok()
    }

    /// True if a transaction of so many rows may be committed in place: it writes to the log, not to the disk.
    pub(super) fn is_light(&self, rows: usize) -> bool {
        rows <= LIGHT && self.shelf.logged.load(Ordering::Relaxed) + rows < LOG
    }

    /// Commits a transaction of about so many rows and gives the connection back. Blocks, unless it is a light one.
    pub(super) fn commit(mut self, rows: usize) -> Result<Kept, rusqlite::Error> {
        self.connection()?.prepare_cached("COMMIT")?.raw_execute()?;
        if self.shelf.logged.fetch_add(rows, Ordering::Relaxed) + rows >= LOG {
            self.shelf.logged.store(0, Ordering::Relaxed);
            // What readers are in the way of is brought there the next time.
            let checkpoint = self.connection()?.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = checkpoint {
                tracing::warn!(%error, "the log was not brought into the database file");
            }
        }
        Ok(self.give_back())
    }

    /// Gives the connection back after a commit.
    pub(super) fn give_back(self) -> Kept {
        // Noted before another may write.
        Kept(self.shelf.file.flush.clone().map(|flush| (flush.committed(), flush)))
    }
}

/// A commit on its way to the disk.
#[must_use]
#[derive(Debug)]
pub(super) struct Kept(Option<(Commit, Arc<Flush>)>);

impl Kept {
    /// Resolves when it is there.
    pub(super) async fn wait(self) -> Result<(), StoreError> {
        match self.0 {
            Some((commit, flush)) => flush.kept(commit).await.map_err(|e| unavailable(&e)),
            None => Ok(()),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A rollback only forgets pages in memory. A connection that cannot even do that is closed.
        if connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok() {
            self.shelf.idle.lock().push(connection);
        }
    }
}
