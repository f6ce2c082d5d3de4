//! What is written to the log of a disk, and what all of it adds up to.
//!
//! **Invariants**: [`Contents::apply`] is the only reading of a record: a running node and a restarted one agree. The
//! indexes of entries only grow; that none is missing is for the frames around the records to tell.
use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::cluster::types::{ClusterId, LogId, NodeId, TypeConfig, Vote};

pub(crate) type LogEntry = openraft::Entry<TypeConfig>;

/// One step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Record {
    /// The first of each file: what all earlier files came to.
    Start(Summary),
    /// The node belongs to another cluster, or to none.
    Cluster(Option<ClusterId>),
    /// The node has voted.
    Vote(Vote),
    /// Entries were appended, and what was known to be committed by then.
    Entries { committed: Option<LogId>, entries: Vec<LogEntry> },
    /// Entries from this index on were overruled.
    Truncate(u64),
    /// Entries up to this one are in a snapshot.
    Purge(LogId),
}

/// Everything but the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) node: NodeId,
    pub(crate) cluster: Option<ClusterId>,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    pub(crate) last: Option<LogId>,
}

/// What a log holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) summary: Summary,
    entries: VecDeque<LogEntry>,
}

impl Contents {
    /// Takes a step; `Err` says what cannot be.
    pub(crate) fn apply(&mut self, record: Record) -> Result<(), &'static str> {
        match record {
            Record::Start(summary) if self.summary == Summary::default() => {
                self.summary = summary;
                self.summary.purged = self.summary.purged.max(self.summary.last);
            }
            Record::Start(summary) => {
                let fits = |one: &Summary| (one.node, one.cluster, one.vote, one.last);
                if fits(&summary) != fits(&self.summary) {
                    return Err("the file does not continue the one before");
                }
                self.summary.committed = self.summary.committed.max(summary.committed);
            }
            Record::Cluster(cluster) => self.summary.cluster = cluster,
            Record::Vote(vote) => self.summary.vote = Some(vote),
            Record::Entries { committed, entries } => {
                self.summary.committed = self.summary.committed.max(committed);
                for entry in entries {
                    self.append(entry)?;
                }
            }
            Record::Truncate(since) => {
                self.entries.truncate(self.place(since));
                self.summary.last = self.entries.back().map(|entry| entry.log_id).or(self.summary.purged);
            }
            Record::Purge(upto) => {
                while self.entries.front().is_some_and(|entry| entry.log_id.index <= upto.index) {
                    self.entries.pop_front();
                }
                self.summary.purged = self.summary.purged.max(Some(upto));
                self.summary.last = self.summary.last.max(self.summary.purged);
                if self.entries.is_empty() {
                    self.summary.last = self.summary.purged;
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: LogEntry) -> Result<(), &'static str> {
        if self.summary.purged.is_some_and(|purged| entry.log_id.index <= purged.index) {
            return Ok(()); // It is in a snapshot.
        }
        if self.summary.last.is_some_and(|last| entry.log_id.index <= last.index) {
            return Err("an entry is there twice");
        }
        self.summary.last = Some(entry.log_id);
        self.entries.push_back(entry);
        Ok(())
    }

    /// Place of the first entry with this index or a greater one.
    fn place(&self, index: u64) -> usize {
        self.entries.partition_point(|entry| entry.log_id.index < index)
    }

    /// The entries with these indexes, as far as they are here.
    pub(crate) fn range(&self, from: u64, until: u64) -> Vec<LogEntry> {
        let (from, until) = (self.place(from), self.place(until));
        self.entries.iter().skip(from).take(until.saturating_sub(from)).cloned().collect()
    }
}
