//! The database: one code path for every engine.
//!
//! Invariants: whatever `transact` answers with `Ok` is durable and was done exactly once; its closure runs only SQL,
//! since it runs again after a collision; what a `read` sees is one state.

mod connections;
pub mod driver;
mod error;
mod migrate;
pub mod repo;
mod row;
mod sql;
#[cfg(feature = "testing")]
pub mod suite;
mod value;
pub mod vault;

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::Rng as _;

pub use self::connections::Connections;
pub use self::driver::{Dialect, Driver, Mode, Tx};
pub use self::error::StoreError;
pub use self::row::Row;
pub use self::value::Value;
pub use self::vault::Vault;

/// Runs of one transaction before a collision is given to the caller.
const ATTEMPTS: u32 = 20;
/// The longest pause between two runs.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// The database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
    vault: Vault,
}

impl Store {
    /// Opens the database of a URL: `sqlite::memory:` (gone with the last clone), `sqlite:PATH` or
    /// `postgresql://USER:PASSWORD@HOST/DATABASE`. The schema is left as it is; see [`Self::migrate`].
    ///
    /// # Errors
    /// If the URL is not one of these or the database cannot be opened.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with(url, Connections::default()).await
    }

    /// As [`Self::open`], with such connections. A PostgreSQL database need not be there yet: it is connected to when it
    /// is used.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(url: &str, connections: Connections) -> Result<Self, StoreError> {
        if url.starts_with("postgresql://") || url.starts_with("postgres://") {
            return Ok(Self::new(driver::PostgresDriver::open(url, connections)?));
        }
        let path = url.strip_prefix("sqlite:").ok_or(StoreError::Url)?;
        let driver = match path.strip_prefix("//").unwrap_or(path) {
            "" => return Err(StoreError::Url),
            ":memory:" => driver::SqliteDriver::in_memory(connections).await?,
            path => driver::SqliteDriver::open(path, connections).await?,
        };
        Ok(Self::new(driver))
    }

    /// A store on any engine.
    pub fn new(driver: impl Driver) -> Self {
        Self { driver: Arc::new(driver), vault: Vault::default() }
    }

    /// The same, with secrets sealed and opened by these keys.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    /// Brings the schema to [`Self::latest_version`]; does nothing if it is there already.
    ///
    /// # Errors
    /// If a migration fails, or the database was migrated by a newer program.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.driver.migrate(None).await
    }

    /// As [`Self::migrate`], by whoever holds the coordinator's lock for it under this token.
    ///
    /// # Errors
    /// As [`Self::migrate`], and [`StoreError::Fenced`] if a later holder was there before.
    pub async fn migrate_under(&self, token: u64) -> Result<(), StoreError> {
        self.driver.migrate(Some(token)).await
    }

    /// Sees to it that the schema is at [`Self::latest_version`] without changing it.
    ///
    /// # Errors
    /// [`StoreError::Behind`] if it is older, [`StoreError::Migration`] if it is newer.
    pub async fn expect_schema(&self) -> Result<(), StoreError> {
        let (found, wanted) = (self.schema_version().await?.unwrap_or(0), Self::latest_version());
        match found.cmp(&wanted) {
            std::cmp::Ordering::Less => Err(StoreError::Behind { found, wanted }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => {
                let reason = format!("the schema's version is {found}, newer than this program's {wanted}");
                Err(StoreError::Migration { reason })
            }
        }
    }

    /// The schema's version, `None` before the first migration.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn schema_version(&self) -> Result<Option<u32>, StoreError> {
        self.driver.schema_version().await
    }

    /// The schema's version that this program was written for.
    #[must_use]
    pub fn latest_version() -> u32 {
        migrate::latest()
    }

    /// True if there is only ever one writing transaction, whatever it writes.
    #[must_use]
    pub fn has_one_writer(&self) -> bool {
        self.driver.has_one_writer()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// If it gives none.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.read(|tx| Box::pin(async move { tx.rows("SELECT 1 AS n", Vec::new()).await.map(drop) })).await
    }

    /// Opens a transaction by hand, for a reader that streams. Dropping it rolls back.
    ///
    /// # Errors
    /// If no connection comes free in time.
    pub async fn begin(&self, mode: Mode) -> Result<Box<dyn Tx>, StoreError> {
        let mut tx = self.driver.begin(mode).await?;
        tx.entrust(self.vault.clone());
        Ok(tx)
    }

    /// Runs `work` in a transaction and commits it if it answers `Ok`; rolls back otherwise. After a collision with
    /// another transaction all of it runs again, so it must do nothing but SQL. May borrow from its surroundings:
    ///
    /// ```ignore
    /// store.transact(|tx| Box::pin(async move { zones::insert(tx, zone, now).await })).await
    /// ```
    ///
    /// # Errors
    /// What `work` answered, or why the transaction could not be begun or committed.
    pub async fn transact<'a, T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + Send,
        F: for<'t> Fn(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, E>> + Send,
    {
        let mut attempt = 1;
        loop {
            let mut tx = self.begin(Mode::Write).await?;
            let outcome = work(&mut *tx).await;
            let mut collided = tx.doomed().is_some_and(StoreError::is_retry);
            let error = match outcome {
                Ok(value) => match tx.commit().await {
                    Ok(()) => return Ok(value),
                    Err(error) => {
                        collided = error.is_retry();
                        E::from(error)
                    }
                },
                Err(error) => {
                    tx.rollback().await;
                    error
                }
            };
            if !collided || attempt == ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    /// Runs `work` on one unchanging state of the database. May borrow from its surroundings.
    ///
    /// # Errors
    /// What `work` answered, or why the transaction could not be begun.
    pub async fn read<'a, T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + Send,
        F: for<'t> FnOnce(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, E>> + Send,
    {
        let mut tx = self.begin(Mode::Read).await?;
        let outcome = work(&mut *tx).await;
        tx.rollback().await;
        outcome
    }
}

/// A random pause that grows with the attempts, so that colliding transactions part.
fn pause(attempt: u32) -> Duration {
    let most = Duration::from_millis(1_u64 << attempt.min(7)).min(LONGEST_PAUSE);
    rand::rng().random_range(Duration::from_micros(100)..=most)
}
