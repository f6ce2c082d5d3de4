//! What a node keeps on disk, and what it makes of a disk that failed.
mod appending;
mod damage;
mod electing;
mod suite;
mod writing;

use std::sync::Arc;

use openraft::{EntryPayload, storage::RaftLogStorageExt as _};

use super::{
    disk::Disk,
    journal::{JournalError, LogEntry},
    log::Log,
    types::{Batch, LogId, Vote},
};
use crate::{command::Command, testing::MemoryDisk};

const NODE: u64 = 7;

fn open(disk: &MemoryDisk) -> Result<Log, JournalError> {
    Log::open(&(disk.attach() as Arc<dyn Disk>), NODE)
}

fn id(term: u64, index: u64) -> LogId {
    LogId::new(openraft::CommittedLeaderId::new(term, NODE), index)
}

fn entry(term: u64, index: u64) -> LogEntry {
    let command = Command::Incarnate { incarnation: u16::try_from(index).unwrap() };
    let batch: Batch = std::iter::once(command.into()).collect();
    LogEntry { log_id: id(term, index), payload: EntryPayload::Normal(batch) }
}

async fn append(log: &mut Log, term: u64, indexes: std::ops::RangeInclusive<u64>) {
    log.blocking_append(indexes.map(|index| entry(term, index))).await.unwrap();
}

fn vote(term: u64) -> Vote {
    Vote::new(term, NODE)
}

/// The only log file, or the newest.
fn newest(disk: &MemoryDisk) -> String {
    disk.names().into_iter().filter(|name| name.starts_with("log-")).max().unwrap()
}
