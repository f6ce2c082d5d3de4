//! A transaction on one PostgreSQL connection.
//!
//! Invariants: BEGIN travels with the first statement; a connection's messages are answered in order, so a ROLLBACK that
//! was sent is as good as done for whoever uses the connection next, and nobody waits for it; a connection whose
//! statement was cut off is closed, since nobody knows when that statement ends.

use std::borrow::Cow;
use std::sync::Arc;

use deadpool_postgres::Object;
use futures::FutureExt as _;
use futures::future::{BoxFuture, try_join};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::failure;
use crate::store::driver::{Dialect, Mode, Tx};
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::value::Value;

/// Statements longer than this insert many rows: they are not kept, since each is large and seldom comes again.
const LONG: usize = 8 * 1024;
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;

/// A transaction.
pub(super) struct PostgresTx {
    /// `None` once it has ended.
    connection: Option<Object>,
    mode: Mode,
    begun: bool,
    /// A statement is under way; if that is so between statements, its caller went away.
    busy: bool,
    doomed: Option<StoreError>,
}

impl PostgresTx {
    pub(super) const fn new(connection: Object, mode: Mode) -> Self {
        Self { connection: Some(connection), mode, begun: false, busy: false, doomed: None }
    }

    /// Runs a statement inside the transaction.
    async fn run<T>(
        &mut self,
        sql: &str,
        args: &[Value],
        work: impl for<'w> FnOnce(
            &'w Object,
            Statement,
            Vec<&'w (dyn ToSql + Sync)>,
        ) -> BoxFuture<'w, Result<T, Error>>,
    ) -> Result<T, StoreError> {
        if self.doomed.is_some() {
            return Err(StoreError::Statement { reason: "the transaction failed before".into() });
        }
        let Some(connection) = self.connection.as_ref().filter(|_| !self.busy) else {
            return Err(StoreError::Statement {
                reason: "a statement of the transaction was cut off".into(),
            });
        };
        let begin = (!self.begun).then_some(match self.mode {
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        });
        self.busy = true;
        self.begun = true;
        // A first statement that leaves no trace need not wait for the answer to BEGIN.
        let harmless = self.mode == Mode::Read || sql.starts_with("SELECT");
        let outcome = async {
            let begin = async {
                match begin {
                    Some(begin) => connection.batch_execute(begin).await,
                    None => Ok(()),
                }
            };
            let args: Vec<_> = args.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            if harmless {
                let statement = async { work(connection, prepared(connection, sql).await?, args).await };
                try_join(begin, statement).await.map(|((), done)| done)
            } else {
                let ((), statement) = try_join(begin, prepared(connection, sql)).await?;
                work(connection, statement, args).await
            }
        }
        .await;
        self.busy = false;
        let outcome = outcome.map_err(|error| failure::read(&error, self.mode));
        if let Err(error) = &outcome {
            self.doomed = Some(error.clone());
        }
        outcome
    }

    /// Ends the transaction if it has not ended, and gives the connection back.
    fn end(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.busy {
            // Closes it: the database undoes what was not committed.
            drop(Object::take(connection));
        } else if self.begun {
            // The first poll sends it; the connection's task reads the answer away.
            let _answer = connection.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

/// The statement, from the connection's cache if it was used before.
async fn prepared(connection: &Object, sql: &str) -> Result<Statement, Error> {
    if sql.len() > LONG {
        return connection.prepare(sql).await;
    }
    if connection.statement_cache.size() >= STATEMENTS {
        connection.statement_cache.clear();
    }
    connection.prepare_cached(sql).await
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        self.end();
    }
}

impl Tx for PostgresTx {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let (columns, rows) = self
                .run(&sql, &args, |connection, statement, args| {
                    Box::pin(async move {
                        let columns: Arc<[String]> =
                            statement.columns().iter().map(|column| column.name().to_owned()).collect();
                        Ok((columns, connection.query(&statement, &args).await?))
                    })
                })
                .await?;
            let read = |row: &tokio_postgres::Row| {
                let values = (0..columns.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>();
                values.map(|values| Row::new(Arc::clone(&columns), values))
            };
            let rows: Result<Vec<Row>, Error> = rows.iter().map(read).collect();
            rows.map_err(|error| {
                let error = StoreError::Statement { reason: error.to_string() };
                self.doom(error.clone());
                error
            })
        })
    }

    fn execute(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move {
            self.run(&sql, &args, |connection, statement, args| {
                Box::pin(async move { connection.execute(&statement, &args).await })
            })
            .await
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
            if let Some(why) = &self.doomed {
                return Err(why.clone());
            }
            if self.busy {
                return Err(StoreError::Statement { reason: "a statement was cut off".into() });
            }
            if self.mode == Mode::Read || !self.begun {
                return Ok(());
            }
            let Some(connection) = &self.connection else { return Ok(()) };
            // Until it is answered, nobody knows: a caller that goes away leaves a connection that is closed.
            self.busy = true;
            let committed = connection.batch_execute("COMMIT").await;
            self.busy = false;
            self.begun = committed.is_err();
            committed.map_err(|error| match failure::read(&error, self.mode) {
                StoreError::Unavailable { reason } => StoreError::Unsettled { reason },
                other => other,
            })
        })
    }

    fn rollback(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.end() })
    }
}
