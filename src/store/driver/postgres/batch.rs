//! Statements that travel together, and COMMIT behind them.
//!
//! Each is answered by itself, in order. After one has failed the database refuses those behind it, and takes COMMIT for
//! ROLLBACK; so all of it happens or nothing does, as long as everything is sent.
//!
//! Invariants: nothing is sent before every statement is known to the database and every value fits it; what must change a
//! row fails in the database if it does not; whether a COMMIT arrived is never guessed.

use std::borrow::Cow;
use std::sync::Arc;

use deadpool_postgres::Object;
use futures::future::{BoxFuture, join, join_all, try_join_all};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Statement};

use super::failure;
use crate::store::driver::Mode;
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::value::Value;

/// Statements longer than this insert many rows: they are not kept, since each is large and seldom comes again.
const LONG: usize = 8 * 1024;
/// Prepared statements kept by a connection.
const STATEMENTS: usize = 256;

/// A statement with its arguments.
#[derive(Debug)]
pub(super) struct Step {
    sql: Cow<'static, str>,
    args: Vec<Value>,
    has_rows: bool,
    /// What it means if no row is changed.
    otherwise: Option<StoreError>,
}

impl Step {
    /// Its rows are wanted.
    pub(super) const fn query(sql: Cow<'static, str>, args: Vec<Value>) -> Self {
        Self { sql, args, has_rows: true, otherwise: None }
    }

    /// The number of rows that it changes is wanted.
    pub(super) const fn execute(sql: Cow<'static, str>, args: Vec<Value>) -> Self {
        Self { sql, args, has_rows: false, otherwise: None }
    }

    /// With an `otherwise`, a division by zero is made of a change of no row.
    pub(super) fn later(sql: Cow<'static, str>, args: Vec<Value>, otherwise: Option<StoreError>) -> Self {
        let sql = match &otherwise {
            Some(_) => format!("WITH changed AS ({sql} RETURNING 1) SELECT 1 / count(*) FROM changed").into(),
            None => sql,
        };
        Self { sql, args, has_rows: false, otherwise }
    }

    /// True if it leaves no trace.
    pub(super) fn only_reads(&self) -> bool {
        self.sql.starts_with("SELECT")
    }
}

/// What came of a statement.
#[derive(Debug)]
pub(super) enum Answer {
    /// Rows were changed.
    Changed(u64),
    /// Rows were found.
    Found(Arc<[String]>, Vec<tokio_postgres::Row>),
}

impl Answer {
    pub(super) const fn changed(&self) -> u64 {
        match self {
            Self::Changed(count) => *count,
            Self::Found(..) => 0,
        }
    }

    pub(super) fn rows(self) -> Result<Vec<Row>, Error> {
        let Self::Found(columns, rows) = self else { return Ok(Vec::new()) };
        let read = |row: &tokio_postgres::Row| {
            let values = (0..columns.len()).map(|at| row.try_get(at)).collect::<Result<_, _>>();
            values.map(|values| Row::new(Arc::clone(&columns), values))
        };
        rows.iter().map(read).collect()
    }
}

/// Why it did not work.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no transaction.
    Begin(Error),
    /// Nothing was sent.
    Prepare(Error),
    /// Nothing was sent: the statement wants other values.
    Misfit(String),
    /// The statement of this number failed.
    Step(usize, Error),
    /// It is not known whether the transaction was committed.
    Unsettled(Error),
    /// COMMIT was refused.
    Commit(Error),
}

impl Failed {
    /// What it means.
    pub(super) fn read(self, steps: &[Step], mode: Mode) -> StoreError {
        match self {
            Self::Begin(error) | Self::Prepare(error) => failure::read(&error, mode),
            Self::Misfit(reason) => StoreError::Statement { reason },
            Self::Step(at, error) => {
                let otherwise = steps.get(at).and_then(|step| step.otherwise.clone());
                match otherwise {
                    Some(otherwise) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => otherwise,
                    _ => failure::read(&error, mode),
                }
            }
            Self::Unsettled(error) => {
                StoreError::Unsettled { reason: failure::read(&error, mode).to_string() }
            }
            Self::Commit(error) => match failure::read(&error, mode) {
                StoreError::Unavailable { reason } => StoreError::Unsettled { reason },
                other => other,
            },
        }
    }
}

/// A statement that can be sent.
pub(super) struct Prepared<'s> {
    statement: Statement,
    step: &'s Step,
}

/// Makes the statements known to the database, and sees to it that their values can be sent.
pub(super) async fn prepare<'s>(connection: &Object, steps: &'s [Step]) -> Result<Vec<Prepared<'s>>, Failed> {
    let statements = try_join_all(steps.iter().map(|step| known(connection, &step.sql))).await;
    let statements = statements.map_err(Failed::Prepare)?;
    let prepared = steps.iter().zip(statements).map(|(step, statement)| {
        let wanted = statement.params();
        let fits =
            wanted.len() == step.args.len() && step.args.iter().zip(wanted).all(|(value, ty)| value.fits(ty));
        if fits {
            Ok(Prepared { statement, step })
        } else {
            Err(Failed::Misfit(format!("the statement wants {wanted:?}: {}", step.sql)))
        }
    });
    prepared.collect()
}

/// The statement, from the connection's cache if it was used before.
async fn known(connection: &Object, sql: &str) -> Result<Statement, Error> {
    if sql.len() > LONG {
        return connection.prepare(sql).await;
    }
    if connection.statement_cache.size() >= STATEMENTS {
        connection.statement_cache.clear();
    }
    connection.prepare_cached(sql).await
}

/// Sends all of it, and waits for every answer.
pub(super) async fn run(connection: &Object, prepared: Vec<Prepared<'_>>) -> Result<Vec<Answer>, Failed> {
    let answers = join_all(send(connection, &prepared)).await;
    answers
        .into_iter()
        .enumerate()
        .map(|(at, answer)| answer.map_err(|error| Failed::Step(at, error)))
        .collect()
}

/// Sends all of it and COMMIT.
pub(super) async fn commit(connection: &Object, prepared: Vec<Prepared<'_>>) -> Result<(), Failed> {
    let steps = join_all(send(connection, &prepared));
    // Polled in this order, and so sent.
    let (answers, committed) = join(steps, connection.batch_execute("COMMIT")).await;
    for (at, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(_) => {}
            // The database said no: it took COMMIT for ROLLBACK.
            Err(error) if error.as_db_error().is_some() => return Err(Failed::Step(at, error)),
            Err(error) => return Err(Failed::Unsettled(error)),
        }
    }
    committed.map_err(Failed::Commit)
}

/// Futures that send their statements when they are polled first.
fn send<'c>(
    connection: &'c Object,
    prepared: &'c [Prepared<'_>],
) -> impl Iterator<Item = BoxFuture<'c, Result<Answer, Error>>> {
    prepared.iter().map(move |Prepared { statement, step }| -> BoxFuture<'c, _> {
        Box::pin(async move {
            let args: Vec<_> = step.args.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
            if step.has_rows {
                let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
                Ok(Answer::Found(columns, connection.query(statement, &args).await?))
            } else {
                connection.execute(statement, &args).await.map(Answer::Changed)
            }
        })
    })
}
