//! A transaction on one SQLite connection.
//!
//! Invariants: BEGIN goes with the first statement (IMMEDIATE for writers, so that no lock is ever upgraded); whatever
//! may wait for the disk, for another process's lock or for many rows runs on the blocking pool, where the connection
//! travels and whence it comes back, so a caller that goes away in between leaves it to the lease, which rolls back.
//!
//! The short statements of a writing transaction, its BEGIN if no other process writes, and its COMMIT if it wrote little
//! run in place: they take some ten microseconds, a way to the pool and back takes longer than that, and on a busy machine
//! much longer, while every other writer waits.

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::BoxFuture;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};
use tokio::task::spawn_blocking;

use super::failure;
use super::shelf::Lease;
use crate::store::driver::{Dialect, Mode, Tx};
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::value::Value;
use crate::store::vault::Vault;

/// Statements longer than this insert many rows: they are not kept, since each is large and seldom comes again.
const LONG: usize = 16 * 1024;

/// What a statement counts for whose rows take others with them.
const HEAVY: usize = 100;

/// A transaction.
pub(super) struct SqliteTx {
    /// `None` after a statement whose caller went away.
    lease: Option<Lease>,
    mode: Mode,
    begun: bool,
    /// About how many rows it wrote.
    rows: usize,
    doomed: Option<StoreError>,
    vault: Vault,
}

impl SqliteTx {
    pub(super) fn new(lease: Lease, mode: Mode) -> Self {
        Self { lease: Some(lease), mode, begun: false, rows: 0, doomed: None, vault: Vault::default() }
    }

    /// Runs a statement.
    async fn statement<T: Send + 'static>(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
        run: fn(&mut Connection, &str, &[Value]) -> Result<T, rusqlite::Error>,
    ) -> Result<T, StoreError> {
        if self.doomed.is_none()
            && self.mode == Mode::Write
            && is_short(&sql)
            && let Some(lease) = &mut self.lease
            && (self.begun || lease.begins_at_once())
        {
            self.begun = true;
            let done = lease.connection().and_then(|connection| run(connection, &sql, &args));
            let done = done.map_err(|e| failure::read(&e));
            if let Err(error) = &done {
                self.doomed = Some(error.clone());
            }
            return done;
        }
        self.run(move |connection| run(connection, &sql, &args)).await
    }

    /// Runs `work` on the connection, inside the transaction, on the blocking pool.
    async fn run<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    ) -> Result<T, StoreError> {
        if self.doomed.is_some() {
            return Err(StoreError::Statement { reason: "the transaction failed before".into() });
        }
        let Some(mut lease) = self.lease.take() else {
            return Err(cut_off());
        };
        let begin = match (self.begun, self.mode) {
            (true, _) => None,
            (false, Mode::Read) => Some("BEGIN DEFERRED"),
            (false, Mode::Write) => Some("BEGIN IMMEDIATE"),
        };
        let hop = spawn_blocking(move || {
            let done = lease.connection().and_then(|connection| {
                if let Some(begin) = begin {
                    connection.prepare_cached(begin)?.raw_execute()?;
                }
                work(connection)
            });
            (lease, done)
        });
        let outcome = match hop.await {
            Ok((lease, done)) => {
                self.lease = Some(lease);
                self.begun = true;
                done.map_err(|e| failure::read(&e))
            }
            Err(cut) => Err(StoreError::Unavailable { reason: cut.to_string() }),
        };
        if let Err(error) = &outcome {
            self.doomed = Some(error.clone());
        }
        outcome
    }
}

impl Tx for SqliteTx {
    fn entrust(&mut self, vault: Vault) {
        self.vault = vault;
    }

    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn query(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(self.statement(sql, args, query))
    }

    fn execute(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            // More may depend on a row than is counted.
            let least = if is_short(&sql) { 0 } else { HEAVY };
            let rows = self.statement(sql, args, execute).await?;
            let counted = usize::try_from(rows).unwrap_or(usize::MAX).max(least);
            self.rows = self.rows.saturating_add(counted);
            Ok(rows)
        })
    }

    fn doomed(&self) -> Option<&StoreError> {
        self.doomed.as_ref()
    }

    fn doom(&mut self, why: StoreError) {
        self.doomed.get_or_insert(why);
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move {
            match &self.doomed {
                Some(why) => Err(why.clone()),
                None if self.begun && self.mode == Mode::Write => match self.lease.take() {
                    Some(lease) => commit(lease, self.rows).await,
                    None => Err(cut_off()),
                },
                None => Ok(()),
            }
        })
    }

    fn rollback(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { drop(self) })
    }
}

/// Commits; the next writer may go on while the disk is waited for.
async fn commit(lease: Lease, rows: usize) -> Result<(), StoreError> {
    let committed = if lease.is_light(rows) {
        lease.commit(rows)
    } else {
        let hop = spawn_blocking(move || lease.commit(rows)).await;
        hop.map_err(|cut| StoreError::Unavailable { reason: cut.to_string() })?
    };
    committed.map_err(|e| failure::read(&e))?.wait().await
}

fn cut_off() -> StoreError {
    StoreError::Statement { reason: "a statement of the transaction was cut off".into() }
}

/// True for statements that touch a few rows: a DELETE may take all that depends on a row with it, a long one inserts
/// many.
fn is_short(sql: &str) -> bool {
    sql.len() <= LONG && !sql.starts_with("DELETE")
}

fn query(connection: &mut Connection, sql: &str, args: &[Value]) -> Result<Vec<Row>, rusqlite::Error> {
    let mut statement = prepared(connection, sql, args)?;
    let columns: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns.len()).map(|at| row.get_ref(at).and_then(|value| owned(at, value)));
        found.push(Row::new(Arc::clone(&columns), values.collect::<Result<_, _>>()?));
    }
    Ok(found)
}

fn execute(connection: &mut Connection, sql: &str, args: &[Value]) -> Result<u64, rusqlite::Error> {
    let mut statement = prepared(connection, sql, args)?;
    let changed = statement.raw_execute()?;
    if sql.len() > LONG {
        statement.discard();
    }
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

/// The statement with its arguments bound, from the connection's cache if it was used before.
fn prepared<'c>(
    connection: &'c Connection,
    sql: &str,
    args: &[Value],
) -> Result<rusqlite::CachedStatement<'c>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(&numbered(sql))?;
    bind(&mut statement, args)?;
    Ok(statement)
}

fn bind(statement: &mut Statement<'_>, args: &[Value]) -> Result<(), rusqlite::Error> {
    if statement.parameter_count() != args.len() {
        return Err(rusqlite::Error::InvalidParameterCount(args.len(), statement.parameter_count()));
    }
    for (at, value) in args.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value)?;
    }
    Ok(())
}

/// `$n` as `?n`: SQLite takes `$n` for a name, numbered by its first appearance. Text in quotes stays as it is.
fn numbered(sql: &str) -> String {
    let mut quoted = false;
    sql.chars()
        .map(|c| {
            quoted ^= c == '\'';
            if c == '$' && !quoted { '?' } else { c }
        })
        .collect()
}

impl ToSql for Value {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(truth) => ValueRef::Integer(i64::from(*truth)),
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Uuid(uuid) => ValueRef::Blob(uuid.as_bytes()),
            Self::Bytes(octets) => ValueRef::Blob(octets),
        }))
    }
}

fn owned(at: usize, value: ValueRef<'_>) -> Result<Value, rusqlite::Error> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(octets) => Value::Bytes(octets.to_vec()),
        ValueRef::Real(_) => {
            return Err(rusqlite::Error::InvalidColumnType(at, String::new(), rusqlite::types::Type::Real));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_keep_their_number_and_quoted_text_its_dollar() {
        assert_eq!(numbered("a = $2 AND b = '$1''$' AND c = $10"), "a = ?2 AND b = '$1''$' AND c = ?10");
    }
}
