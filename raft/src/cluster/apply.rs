//! The state machine as openraft sees it: a [`Ledger`] in memory, made durable by snapshots and the log behind them.
//!
//! **Invariants**: an entry is applied once, in order. A command's index is its place among all commands, whatever entry it
//! came in, so tokens do not depend on how commands were gathered. Nothing is applied before it is durable here. A snapshot that was received is on disk before it counts.
use std::{
    io::{self, Cursor},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, StorageError, StorageIOError,
    StoredMembership, storage::RaftStateMachine,
};

use super::{
    feed::Feed,
    journal::{JournalError, LogEntry},
    log::Log,
    snapshot::{self, Meta, SnapshotFile, Stored},
    types::{Answer, LogId, NodeId, Peer, TypeConfig},
    writer::Durable,
};
use crate::{Ledger, Pace, machine::State};

/// Applies what was committed.
#[derive(Debug)]
pub(crate) struct Machine {
    ledger: Ledger,
    file: SnapshotFile,
    applied: Option<LogId>,
    membership: StoredMembership<NodeId, Peer>,
    /// Commands applied since the last snapshot.
    since: Arc<AtomicUsize>,
    feed: Feed,
    /// What of the log is durable; none if there is no log beside it.
    durable: Option<Durable>,
}

impl Machine {
    /// Continues from the snapshot, if there is one. Blocks.
    pub(crate) fn open(file: SnapshotFile, pace: Pace) -> Result<Self, JournalError> {
        let (mut applied, mut membership, mut state) = (None, StoredMembership::default(), State::default());
        if let Some(stored) = file.read()? {
            state = snapshot::from_bytes(&stored.data).map_err(JournalError::io("read the snapshot of"))?;
            (applied, membership) = (stored.meta.last_log_id, stored.meta.last_membership);
        }
        Ok(Self {
            ledger: Ledger::paced(state, pace),
            file,
            applied,
            membership,
            since: Arc::default(),
            feed: Feed::default(),
            durable: None,
        })
    }

    /// Applies only what is durable in this log.
    pub(crate) fn behind(self, log: &Log) -> Self {
        Self { durable: Some(log.durable().clone()), ..self }
    }

    /// The copy that is applied to.
    pub(crate) const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The entry that the snapshot ends with.
    pub(crate) const fn applied(&self) -> Option<LogId> {
        self.applied
    }

    /// What was applied last.
    pub(crate) fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// How many commands were applied since the last snapshot was begun.
    pub(crate) fn since_snapshot(&self) -> Arc<AtomicUsize> {
        self.since.clone()
    }
}

fn failed(error: &io::Error) -> StorageError<NodeId> {
    StorageIOError::write_snapshot(None, error).into()
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(
        &mut self,
    ) -> Result<(Option<LogId>, StoredMembership<NodeId, Peer>), StorageError<NodeId>> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Answer>, StorageError<NodeId>>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = Vec::from_iter(entries);
        if let (Some(durable), Some(last)) = (&self.durable, entries.last()) {
            durable.reached(last.log_id.index).await.map_err(|error| StorageIOError::write_logs(&error))?;
        }
        let mut answers = Vec::with_capacity(entries.len());
        for entry in entries {
            // A command's index is its place, so one that is missing would shift all that follow: better no node than
            // another truth. Without a log beside it (the engine's own suite) entries come as they please.
            let follows = |last: LogId| entry.log_id.index == last.index + 1;
            if self.durable.is_some() && !self.applied.is_none_or(follows) {
                let gap = io::Error::other("entries before it are missing");
                return Err(StorageIOError::apply(entry.log_id, &gap).into());
            }
            self.applied = Some(entry.log_id);
            answers.push(match entry.payload {
                EntryPayload::Blank => Answer::default(),
                EntryPayload::Normal(batch) => {
                    self.since.fetch_add(batch.entries().len(), Ordering::Relaxed);
                    let (first, outcomes) = self.ledger.apply_next(batch.entries());
                    self.feed.commands.add(first, batch);
                    self.feed.add(first, &outcomes);
                    Answer { first, replies: outcomes.into_iter().map(|outcome| outcome.reply).collect() }
                }
                EntryPayload::Membership(membership) => {
                    self.membership = StoredMembership::new(Some(entry.log_id), membership);
                    Answer::default()
                }
            });
        }
        Ok(answers)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        self.since.store(0, Ordering::Relaxed);
        Builder {
            file: self.file.clone(),
            state: self.ledger.look(State::clone),
            meta: Meta {
                last_log_id: self.applied,
                last_membership: self.membership.clone(),
                snapshot_id: self.applied.map_or_else(String::new, |last| last.to_string()),
            },
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError<NodeId>> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError<NodeId>> {
        let stored = Stored { meta: meta.clone(), data: snapshot.into_inner() };
        let state = snapshot::from_bytes(&stored.data).map_err(|error| failed(&error))?;
        self.file.save(&stored).await.map_err(|error| failed(&error))?;
        self.ledger.install(state);
        (self.applied, self.membership) = (meta.last_log_id, meta.last_membership.clone());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError<NodeId>> {
        let stored = self.file.load().await.map_err(|error| failed(&error))?;
        Ok(stored.map(|Stored { meta, data }| Snapshot { meta, snapshot: Box::new(Cursor::new(data)) }))
    }
}

/// Writes one snapshot while entries go on being applied.
#[derive(Debug)]
pub(crate) struct Builder {
    file: SnapshotFile,
    state: State,
    meta: Meta,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError<NodeId>> {
        let state = std::mem::take(&mut self.state);
        let data = snapshot::to_bytes(state).map_err(|error| failed(&error))?;
        let stored = Stored { meta: self.meta.clone(), data };
        self.file.save(&stored).await.map_err(|error| failed(&error))?;
        let Stored { meta, data } = stored;
        Ok(Snapshot { meta, snapshot: Box::new(Cursor::new(data)) })
    }
}
