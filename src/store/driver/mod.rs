//! What a database engine must be able to do.
//!
//! Invariants: statements number their arguments `$1` to `$n`; a transaction that had a failure takes no more
//! statements and cannot be committed; one that is dropped, whenever that is, leaves no trace; a reading transaction
//! sees one state of the database from its first statement on; statements take effect in the order they were given in.

mod dialect;
mod postgres;
mod sqlite;

use std::borrow::Cow;
use std::fmt::Debug;

use futures::future::BoxFuture;

pub use self::dialect::Dialect;
pub use self::postgres::PostgresDriver;
pub(super) use self::postgres::failure;
pub use self::sqlite::SqliteDriver;
use super::error::StoreError;
use super::row::Row;
use super::value::Value;
use super::vault::Vault;

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads one unchanging state; statements that write are refused.
    Read,
    /// Reads and writes.
    Write,
}

/// A database engine.
pub trait Driver: Send + Sync + Debug + 'static {
    /// Opens a transaction. It takes hold of a connection; locks and snapshots start with the first statement.
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Tx>, StoreError>>;

    /// True if there is only ever one writing transaction, whatever it writes.
    fn has_one_writer(&self) -> bool {
        false
    }

    /// Brings the schema to this program's version; does nothing if it is there already. A token is kept, and refused if a
    /// greater one was kept before.
    fn migrate(&self, token: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The number of the last migration applied, `None` for an empty database.
    fn schema_version(&self) -> BoxFuture<'_, Result<Option<u32>, StoreError>>;
}

/// A transaction.
pub trait Tx: Send {
    /// How this engine spells what the engines spell differently.
    fn dialect(&self) -> Dialect;

    /// Gives it the keys of secrets.
    fn entrust(&mut self, vault: Vault);

    /// The keys of secrets.
    fn vault(&self) -> &Vault;

    /// Runs a statement and gives its rows.
    fn query(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>>;

    /// Runs a statement and gives the number of rows it changed.
    fn execute(&mut self, sql: Cow<'static, str>, args: Vec<Value>)
    -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Runs queries of which none needs what another one found, and gives the rows of each. Each sees what those before it
    /// see, or later: a row that one of them locks is the newest for those after it.
    fn query_all(
        &mut self,
        queries: Vec<(Cow<'static, str>, Vec<Value>)>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Row>>, StoreError>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(queries.len());
            for (sql, args) in queries {
                found.push(self.query(sql, args).await?);
            }
            Ok(found)
        })
    }

    /// Runs a statement that nobody waits for: now or later, before the next one that is waited for or with the commit. If
    /// it changes no row although there is an `otherwise`, then that is what went wrong, and nothing is committed.
    fn later(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
        otherwise: Option<StoreError>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            match (self.execute(sql, args).await?, otherwise) {
                (0, Some(error)) => {
                    self.doom(error.clone());
                    Err(error)
                }
                _ => Ok(()),
            }
        })
    }

    /// Why this transaction can only be rolled back, if it can.
    fn doomed(&self) -> Option<&StoreError>;

    /// Makes this transaction one that can only be rolled back.
    fn doom(&mut self, why: StoreError);

    /// Keeps what was done: once this is answered, it survives a crash.
    fn commit(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Undoes what was done.
    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Short forms for the repositories.
impl dyn Tx + '_ {
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        self.query(sql.into(), args).await
    }

    /// The first row, if there is one.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.query(sql.into(), args).await?.into_iter().next())
    }

    /// The number in column `n` of the only row.
    pub(crate) async fn count(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self.row(sql, args).await? {
            Some(mut row) => row.number("n"),
            None => Err(StoreError::corrupt("n", "no row")),
        }
    }

    pub(crate) async fn run(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
    ) -> Result<u64, StoreError> {
        self.execute(sql.into(), args).await
    }

    /// Runs a statement whose outcome nobody needs, at the latest with the commit.
    pub(crate) async fn soon(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
    ) -> Result<(), StoreError> {
        self.later(sql.into(), args, None).await
    }

    /// As [`Self::soon`], for a statement that changes nothing only if `what` is not as it was read.
    pub(crate) async fn soon_unless_stale(
        &mut self,
        sql: impl Into<Cow<'static, str>> + Send,
        args: Vec<Value>,
        what: &str,
    ) -> Result<(), StoreError> {
        self.later(sql.into(), args, Some(stale(what))).await
    }

    /// Dooms the transaction because a row is not as it was read, and says so.
    pub(crate) fn stale(&mut self, what: &str) -> StoreError {
        let error = stale(what);
        self.doom(error.clone());
        error
    }
}

fn stale(what: &str) -> StoreError {
    StoreError::Retry { reason: format!("{what} was changed meanwhile") }
}
