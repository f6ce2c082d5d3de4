//! The log as openraft sees it: entries in memory for reading, every change on disk through the [`writer`](super::writer).
//!
//! What a leader appends counts at once for the engine, so that its followers write while it does. That nothing is decided by
//! an entry before it is durable here is seen to where it would show: it is not applied, and no follower hears that it is
//! committed, before [`Durable`] says so.
//!
//! **Invariant**: memory and disk take the same [`Record`]s in the same order.
use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openraft::{
    LogState, OptionalSend, RaftLogReader, StorageError, StorageIOError,
    storage::{LogFlushed, RaftLogStorage},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    disk::Disk,
    journal::{self, Contents, JournalError, LogEntry, Record, Summary},
    types::{ClusterId, LogId, NodeId, TypeConfig, Vote},
    writer::{self, Done, Durable, Health, Job},
};

/// The log of one node; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    contents: Arc<Mutex<Contents>>,
    jobs: mpsc::UnboundedSender<Job>,
    health: Health,
    durable: Durable,
    node: NodeId,
}

impl Log {
    /// Opens the log, or begins one for the node `fresh`. Blocks. Must be called within a tokio runtime.
    pub(crate) fn open(disk: &Arc<dyn Disk>, fresh: NodeId) -> Result<Self, JournalError> {
        let (journal, mut contents) = journal::open(disk.clone(), fresh)?;
        // A leader that was ended may have sent out entries that its disk has not. Were it to lead on in its term, others would
        // stand in their places under the same ids, so it has to be elected again.
        if let Some(vote) = contents
            .summary
            .vote
            .as_mut()
            .filter(|vote| vote.leader_id.voted_for() == Some(contents.summary.node))
        {
            vote.committed = false;
        }
        let (health, node) = (Health::default(), contents.summary.node);
        let durable = Durable::default();
        durable.set(contents.summary.last);
        let jobs = writer::start(disk, journal, health.clone(), durable.clone());
        let jobs = jobs.map_err(JournalError::io("start writing"))?;
        Ok(Self { contents: Arc::new(Mutex::new(contents)), jobs, health, durable, node })
    }

    /// The node whose log this is.
    pub(crate) const fn node(&self) -> NodeId {
        self.node
    }

    /// What is wrong with the disk, if anything.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.health.trouble()
    }

    /// How much of it is durable.
    pub(crate) const fn durable(&self) -> &Durable {
        &self.durable
    }

    /// All but the entries.
    pub(crate) fn summary(&self) -> Summary {
        self.lock().summary.clone()
    }

    /// Joins a cluster, or leaves it; durable on return.
    pub(crate) async fn set_cluster(&self, cluster: Option<ClusterId>) -> io::Result<()> {
        self.write(Record::Cluster(cluster)).await
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, record: Record, done: Done) -> io::Result<()> {
        if self.durable.has_failed() {
            return Err(io::Error::other("the log cannot be written"));
        }
        // The lock is held while queueing: the disk must see the order that memory saw.
        let mut contents = self.lock();
        contents.apply(record.clone()).map_err(io::Error::other)?;
        let job = Job { record, summary: contents.summary.clone(), done };
        self.jobs.send(job).map_err(|_| io::Error::other("the log is not being written any more"))
    }

    /// Whether these are entries of this node's own leadership: of others the answer says that they are durable.
    fn is_lead(&self, vote: Option<Vote>, entries: &[LogEntry]) -> bool {
        let own = vote.filter(|vote| vote.is_committed() && vote.leader_id().voted_for() == Some(self.node));
        own.is_some_and(|vote| entries.iter().all(|entry| entry.log_id.leader_id == *vote.leader_id()))
    }

    async fn write(&self, record: Record) -> io::Result<()> {
        let (done, written) = oneshot::channel();
        self.queue(record, Done::Told(done))?;
        written.await.unwrap_or_else(|_| Err(io::Error::other("the log is not being written any more")))
    }
}

fn write_failed(error: &io::Error) -> StorageError<NodeId> {
    StorageIOError::write_logs(error).into()
}

impl RaftLogReader<TypeConfig> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: R,
    ) -> Result<Vec<LogEntry>, StorageError<NodeId>> {
        let from = match range.start_bound() {
            Bound::Included(&from) => from,
            Bound::Excluded(&from) => from.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let until = match range.end_bound() {
            Bound::Included(&last) => last.saturating_add(1),
            Bound::Excluded(&until) => until,
            Bound::Unbounded => u64::MAX,
        };
        Ok(self.lock().range(from, until))
    }
}

impl RaftLogStorage<TypeConfig> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError<NodeId>> {
        let Summary { purged, last, .. } = self.summary();
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError<NodeId>> {
        self.write(Record::Vote(*vote)).await.map_err(|error| StorageIOError::write_vote(&error).into())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError<NodeId>> {
        Ok(self.summary().vote)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError<NodeId>> {
        // On disk it goes with the next entries: it saves work after a restart, and no promise rests on it.
        self.lock().summary.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError<NodeId>> {
        Ok(self.summary().committed)
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<TypeConfig>,
    ) -> Result<(), StorageError<NodeId>>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let (Summary { committed, vote, .. }, entries) = (self.summary(), Vec::from_iter(entries));
        if self.is_lead(vote, &entries) {
            let written = self.queue(Record::Entries { committed, entries }, Done::Soon);
            written.map_err(|error| write_failed(&error))?;
            callback.log_io_completed(Ok(()));
            return Ok(());
        }
        self.queue(Record::Entries { committed, entries }, Done::Flushed(callback))
            .map_err(|error| write_failed(&error))
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError<NodeId>> {
        self.queue(Record::Truncate(since.index), Done::Nobody).map_err(|error| write_failed(&error))
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError<NodeId>> {
        self.queue(Record::Purge(upto), Done::Nobody).map_err(|error| write_failed(&error))
    }
}
