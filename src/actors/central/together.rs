//! Changes of recordsets that come at the same time share a transaction.
//!
//! Whoever finds nobody at work takes the turn. Those that come meanwhile line up, and when the turn is over up to [`MOST`] of them
//! go into the next transaction together, in the order in which they came. Where the database has one writer there is one line for
//! everybody, else one for each zone.
//!
//! Invariants: each change is decided on what those before it left behind, and kept under its own key; a refused one has
//! written nothing, so that the others stand; if anything else goes wrong nothing of it is done, and each is tried by itself.
//! A line that somebody stands in has somebody at work.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};

use super::CentralService;
use super::api::recordsets::{CreateRecordset, DeleteRecordset, UpdateRecordset};
use super::error::CentralError;
use super::lag::Lag;
use super::once;
use crate::domain::ids::{RecordsetId, ZoneId};
use crate::domain::recordset::Recordset;
use crate::domain::zone_status::Status;
use crate::store::{StoreError, Tx};
use crate::transport::{Cx, Fault, Message as _};

/// So many changes go into a transaction at most: others want to write, too.
const MOST: usize = 32;

/// A change of a recordset.
#[derive(Debug)]
pub(super) enum Change {
    Create(RecordsetId, CreateRecordset),
    Update(UpdateRecordset),
    Delete(DeleteRecordset),
}

impl Change {
    const fn zone(&self) -> ZoneId {
        match self {
            Self::Create(_, m) => m.zone_id,
            Self::Update(m) => m.zone_id,
            Self::Delete(m) => m.zone_id,
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Create(..) => CreateRecordset::NAME,
            Self::Update(_) => UpdateRecordset::NAME,
            Self::Delete(_) => DeleteRecordset::NAME,
        }
    }
}

/// A change that somebody asked for.
#[derive(Debug)]
struct Job {
    cx: Cx,
    change: Change,
    lag: Lag,
    span: Span,
}

/// A job in a line, and where its outcome goes.
type Waiting = (Arc<Job>, oneshot::Sender<Result<Recordset, Fault>>);

/// Whose turn it is: `None` where all share one.
type Key = Option<ZoneId>;

/// The lines of one central. There is one exactly while somebody is at work.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<Key, VecDeque<Waiting>>>);

/// The turn of one line. Its end passes it on to a task of its own if somebody stands in the line, and ends the line if not.
#[derive(Debug)]
struct Turn {
    central: CentralService,
    key: Key,
}

impl Turn {
    /// Lines up; the turn, if nobody has it.
    fn line_up(central: &CentralService, key: Key, waiting: Waiting) -> Option<Self> {
        let mut lines = central.lines.0.lock();
        let nobody = !lines.contains_key(&key);
        lines.entry(key).or_default().push_back(waiting);
        nobody.then(|| Self { central: central.clone(), key })
    }

    /// Those whose turn it is.
    fn next(&self) -> Vec<Waiting> {
        let mut lines = self.central.lines.0.lock();
        lines.get_mut(&self.key).map_or_else(Vec::new, |line| line.drain(..line.len().min(MOST)).collect())
    }

    /// Does the next changes.
    async fn work(self) {
        self.central.make_changes(self.next()).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = self.central.lines.0.lock();
        let is_wanted = lines.get(&self.key).is_some_and(|line| !line.is_empty());
        match Handle::try_current() {
            Ok(runtime) if is_wanted => {
                let next = Self { central: self.central.clone(), key: self.key };
                drop(runtime.spawn(next.work()));
            }
            // Whoever stands in it without a runtime is answered as lost.
            _ => drop(lines.remove(&self.key)),
        }
    }
}

impl CentralService {
    /// Makes a change of a recordset, with others if others come, and tells a worker of it.
    pub(super) async fn change_recordset(&self, cx: &Cx, change: Change) -> Result<Recordset, Fault> {
        let zone = change.zone();
        let job = Arc::new(Job { cx: cx.clone(), change, lag: Lag::default(), span: Span::current() });
        let (to, outcome) = oneshot::channel();
        let key = (!self.store.has_one_writer()).then_some(zone);
        if let Some(turn) = Turn::line_up(self, key, (Arc::clone(&job), to)) {
            // Those that came with it are in the line after this.
            tokio::task::yield_now().await;
            turn.work().await;
        }
        let lost = || Fault::unavailable("instance_lost", "the change was given up").and_maybe_done();
        let changed = outcome.await.unwrap_or_else(|_| Err(lost()))?;
        // A new set without records is no change of the zone.
        let is_news = !matches!(job.change, Change::Create(..)) || changed.status == Status::Pending;
        if is_news {
            self.nudge_for(cx, zone, &job.lag).await;
        }
        Ok(changed)
    }

    /// Does what is asked for and answers it.
    async fn make_changes(&self, waiting: Vec<Waiting>) {
        let jobs: Vec<_> = waiting.iter().map(|(job, _)| Arc::clone(job)).collect();
        let mut done = if jobs.len() > 1 { self.all_in_one(&jobs).await } else { Vec::new() }.into_iter();
        for (job, to) in waiting {
            let outcome = match done.next() {
                Some(Some(outcome)) => outcome,
                _ if job.cx.is_expired() => Err(Fault::expired()),
                _ => self.alone(&job).instrument(job.span.clone()).await,
            };
            // Whoever went away does not want it.
            drop(to.send(outcome));
        }
    }

    async fn alone(&self, job: &Job) -> Result<Recordset, Fault> {
        self.once_as(&job.cx, job.change.name(), |tx| Box::pin(self.make_change(tx, job))).await
    }

    /// What became of each in one transaction; `None` for those that are to be tried by themselves.
    async fn all_in_one(&self, jobs: &[Arc<Job>]) -> Vec<Option<Result<Recordset, Fault>>> {
        let done = self.store.transact(|tx| Box::pin(self.all_in(tx, jobs))).await;
        match done {
            Ok(done) => done.into_iter().map(|done| done.map(Ok)).collect(),
            Err(error @ (StoreError::Unavailable { .. } | StoreError::Unsettled { .. })) => {
                let fault = Fault::from(CentralError::Store(error));
                // Under a key it is known afterwards what came of it.
                let is_known = |job: &Arc<Job>| fault.maybe_done && job.cx.once.is_some();
                jobs.iter().map(|job| (!is_known(job)).then(|| Err(fault.clone()))).collect()
            }
            Err(error) => {
                tracing::debug!(%error, changes = jobs.len(), "each is done by itself");
                Vec::new()
            }
        }
    }

    async fn all_in(&self, tx: &mut dyn Tx, jobs: &[Arc<Job>]) -> Result<Vec<Option<Recordset>>, StoreError> {
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            if job.cx.is_expired() {
                done.push(None);
                continue;
            }
            let changed = async {
                let changed = self.make_change(tx, job).await?;
                once::keep(tx, &job.cx, job.change.name(), &changed, self.clock.now()).await?;
                Ok(changed)
            };
            match changed.instrument(job.span.clone()).await {
                Ok(changed) => done.push(Some(changed)),
                Err(CentralError::Refused(_)) => done.push(None),
                Err(CentralError::Store(error)) => return Err(error),
            }
        }
        Ok(done)
    }

    async fn make_change(&self, tx: &mut dyn Tx, job: &Job) -> Result<Recordset, CentralError> {
        let Job { cx, change, lag, .. } = job;
        match change {
            Change::Create(id, m) => self.create_recordset_in(tx, cx, *id, m, lag).await,
            Change::Update(m) => self.update_recordset_in(tx, cx, m, lag).await,
            Change::Delete(m) => self.delete_recordset_in(tx, cx, m, lag).await,
        }
    }
}
