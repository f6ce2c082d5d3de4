//! A transaction on one PostgreSQL connection.
//!
//! Invariants: BEGIN travels with the first statement unless that writes; what need not be waited for travels with the next
//! statement that is waited for, or with COMMIT, and a failure among it makes the database roll back; a connection's
//! messages are answered in order, so a ROLLBACK that was sent is as good as done for whoever uses the connection next, and
//! nobody waits for it; a connection whose statement was cut off is closed, since nobody knows when that statement ends.

use std::borrow::Cow;

use deadpool_postgres::Object;
use futures::FutureExt as _;
use futures::future::{BoxFuture, try_join};
use tokio_postgres::Error;

use super::batch::{self, Answer, Failed, Step};
use crate::store::driver::{Dialect, Mode, Tx};
use crate::store::error::StoreError;
use crate::store::row::Row;
use crate::store::value::Value;
use crate::store::vault::Vault;

/// Statements that may wait to be sent together.
const MOST_WAITING: usize = 16;

/// A transaction.
pub(super) struct PostgresTx {
    /// `None` once it has ended.
    connection: Option<Object>,
    mode: Mode,
    begun: bool,
    /// A statement is under way; if that is so between statements, its caller went away.
    busy: bool,
    doomed: Option<StoreError>,
    /// Not sent yet.
    waiting: Vec<Step>,
    vault: Vault,
}

impl PostgresTx {
    pub(super) fn new(connection: Object, mode: Mode) -> Self {
        Self {
            connection: Some(connection),
            mode,
            begun: false,
            busy: false,
            doomed: None,
            waiting: Vec::new(),
            vault: Vault::default(),
        }
    }

    /// Sends what waits and these statements, inside the transaction; the answers are those of the latter.
    async fn run(&mut self, steps: Vec<Step>) -> Result<Vec<Answer>, StoreError> {
        if self.doomed.is_some() {
            return Err(StoreError::Statement { reason: "the transaction failed before".into() });
        }
        let mut all = std::mem::take(&mut self.waiting);
        let before = all.len();
        all.extend(steps);
        let Some(connection) = self.connection.as_ref().filter(|_| !self.busy) else {
            return Err(cut_off());
        };
        let begin = (!self.begun).then_some(match self.mode {
            Mode::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Mode::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        });
        self.busy = true;
        self.begun = true;
        // First statements that leave no trace need not wait for the answer to BEGIN.
        let harmless = self.mode == Mode::Read || all.iter().all(Step::only_reads);
        let outcome = async {
            let begin = async {
                match begin {
                    Some(begin) => connection.batch_execute(begin).await.map_err(Failed::Begin),
                    None => Ok(()),
                }
            };
            if harmless {
                let run = async { batch::run(connection, batch::prepare(connection, &all).await?).await };
                try_join(begin, run).await.map(|((), answers)| answers)
            } else {
                let ((), prepared) = try_join(begin, batch::prepare(connection, &all)).await?;
                batch::run(connection, prepared).await
            }
        }
        .await;
        self.busy = false;
        match outcome {
            Ok(mut answers) => Ok(answers.split_off(before.min(answers.len()))),
            Err(failed) => {
                let error = failed.read(&all, self.mode);
                self.doomed = Some(error.clone());
                Err(error)
            }
        }
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

    /// Sends what waits, and COMMIT behind it.
    async fn finish(&mut self) -> Result<(), StoreError> {
        if let Some(why) = &self.doomed {
            return Err(why.clone());
        }
        if self.busy {
            return Err(cut_off());
        }
        if !self.begun && !self.waiting.is_empty() {
            // What writes does not travel with BEGIN.
            self.run(Vec::new()).await?;
        }
        if self.mode == Mode::Read || !self.begun {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let Some(connection) = &self.connection else { return Ok(()) };
        // Until it is answered, nobody knows: a caller that goes away leaves a connection that is closed.
        self.busy = true;
        let prepared = batch::prepare(connection, &waiting).await;
        let committed = match prepared {
            Ok(prepared) => batch::commit(connection, prepared).await,
            Err(failed) => Err(failed),
        };
        self.busy = false;
        self.begun = committed.is_err();
        committed.map_err(|failed| failed.read(&waiting, self.mode))
    }
}

fn cut_off() -> StoreError {
    StoreError::Statement { reason: "a statement of the transaction was cut off".into() }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        self.end();
    }
}

impl Tx for PostgresTx {
    fn entrust(&mut self, vault: Vault) {
        self.vault = vault;
    }

    fn vault(&self) -> &Vault {
        &self.vault
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn query(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
    ) -> BoxFuture<'_, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let mut found = self.query_all(vec![(sql, args)]).await?;
            Ok(found.pop().unwrap_or_default())
        })
    }

    fn query_all(
        &mut self,
        queries: Vec<(Cow<'static, str>, Vec<Value>)>,
    ) -> BoxFuture<'_, Result<Vec<Vec<Row>>, StoreError>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            let mut steps = queries.into_iter().map(|(sql, args)| Step::query(sql, args));
            loop {
                let some: Vec<Step> = steps.by_ref().take(MOST_WAITING / 2).collect();
                if some.is_empty() {
                    break;
                }
                answers.extend(self.run(some).await?);
            }
            let rows: Result<Vec<Vec<Row>>, Error> = answers.into_iter().map(Answer::rows).collect();
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
            let answers = self.run(vec![Step::execute(sql, args)]).await?;
            Ok(answers.first().map_or(0, Answer::changed))
        })
    }

    fn later(
        &mut self,
        sql: Cow<'static, str>,
        args: Vec<Value>,
        otherwise: Option<StoreError>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if self.doomed.is_some() {
                return Err(StoreError::Statement { reason: "the transaction failed before".into() });
            }
            self.waiting.push(Step::later(sql, args, otherwise));
            if self.waiting.len() >= MOST_WAITING {
                self.run(Vec::new()).await?;
            }
            Ok(())
        })
    }

    fn doomed(&self) -> Option<&StoreError> {
        self.doomed.as_ref()
    }

    fn doom(&mut self, why: StoreError) {
        self.doomed.get_or_insert(why);
    }

    fn commit(mut self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        Box::pin(async move { self.finish().await })
    }

    fn rollback(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.end() })
    }
}
