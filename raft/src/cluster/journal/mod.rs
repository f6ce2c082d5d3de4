//! The log of one disk: numbered files of records, the newest of which is appended to.
//!
//! **Invariants**
//! - [`Journal::append`] with `sync` returns after the record is durable. What is appended without is durable with the next.
//! - A torn record is cut off only at the very end and only if it was never acknowledged, as far as the [`mark`] knows.
//!   Whatever else does not check is refused by [`JournalError::Corrupt`] and left as it is.
//! - Behind the last record a file may have zeros, which are no record.
//! - A failed append leaves nothing behind, so it can be repeated once there is room.
mod frame;
mod mark;
mod open;
mod record;

use std::{collections::VecDeque, io, sync::Arc};

use self::mark::Mark;
pub(crate) use self::{
    frame::{Frame, decode, encode, read as read_frame, write as write_frame},
    open::open,
    record::{Contents, LogEntry, Record, Summary},
};
use super::{
    disk::{Disk, DiskFile},
    types::SCHEMA,
};

/// Bytes after which a new file is begun.
const SEGMENT: u64 = 4 << 20;

/// The log on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// What is on disk is not what was written: data that was acknowledged is lost.
    #[error(
        "{file} is damaged at byte {offset} ({reason}); the node must be replaced by one with an empty disk"
    )]
    Corrupt {
        /// The file.
        file: String,
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: String,
    },
    /// It was written by a newer version.
    #[error("{file} was written by another version (schema {schema})")]
    OtherVersion {
        /// The file.
        file: String,
        /// The schema in it.
        schema: u16,
    },
    /// The disk cannot be read or written.
    #[error("cannot {action} the log")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl JournalError {
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// Whether it is worth trying again, once there is room.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if super::disk::is_full(source))
    }
}

/// The open log.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Arc<dyn Disk>,
    mark: Mark,
    /// Numbers of the files, and the last entry before each.
    segments: VecDeque<(u64, Option<u64>)>,
    file: Box<dyn DiskFile>,
    number: u64,
    length: u64,
    /// Bytes of the file with the zeros behind its records.
    filled: u64,
    sequence: u64,
    /// The frames at the end that were not synced yet: a failed sync may lose them, so they are written again.
    unsynced: Vec<u8>,
}

impl Journal {
    /// Appends a record; `summary` is what the log comes to with it.
    pub(crate) fn append(
        &mut self,
        record: &Record,
        summary: &Summary,
        sync: bool,
    ) -> Result<(), JournalError> {
        let frame = frame::write(SCHEMA, self.sequence, record)
            .map_err(|reason| JournalError::Io { action: "encode", source: io::Error::other(reason) })?;
        self.fill(self.length + frame.len() as u64);
        if sync {
            let durable = self.length - self.unsynced.len() as u64;
            self.unsynced.extend(&frame);
            if let Err(error) = self.file.write_at(durable, &self.unsynced).and_then(|()| self.file.sync()) {
                self.unsynced.truncate(self.unsynced.len() - frame.len());
                return self.take_back(error);
            }
            self.unsynced.clear();
        } else {
            if let Err(error) = self.file.write_at(self.length, &frame) {
                return self.take_back(error);
            }
            self.unsynced.extend(&frame);
        }
        self.length += frame.len() as u64;
        self.sequence += 1;
        if sync {
            self.note_durable();
        }
        if let Record::Purge(upto) = record {
            self.drop_segments(upto.index);
        }
        if self.length > SEGMENT && self.unsynced.is_empty() {
            // Not vital: the record above is durable already, so a full disk is left to the next append to find.
            if let Err(error) = self.rotate(summary) {
                tracing::warn!(%error, "cannot begin another log file");
            }
        }
        Ok(())
    }

    /// Writes zeros behind `end` if it lies behind all there are.
    fn fill(&mut self, end: u64) {
        let ahead = self.disk.ahead().min(SEGMENT.saturating_sub(end));
        if end <= self.filled || ahead == 0 {
            return;
        }
        let zeros = vec![0; usize::try_from(ahead).unwrap_or_default()];
        // It only saves time: whether there is room is for the record to find out.
        match self.file.write_at(end, &zeros) {
            Ok(()) => self.filled = end + ahead,
            Err(error) => tracing::debug!(%error, "cannot make the log longer ahead of time"),
        }
    }

    /// Removes what a failed append may have written.
    fn take_back(&mut self, error: io::Error) -> Result<(), JournalError> {
        self.file.set_len(self.length).map_err(JournalError::io("shorten"))?;
        self.filled = self.length;
        Err(JournalError::Io { action: "append to", source: error })
    }

    /// Begins a new file.
    fn rotate(&mut self, summary: &Summary) -> Result<(), JournalError> {
        let number = self.number + 1;
        let (file, length) = begin(&*self.disk, number, self.sequence, summary)?;
        (self.file, self.number, self.length, self.filled) = (file, number, length, length);
        self.sequence += 1;
        self.segments.push_back((number, summary.last.map(|last| last.index)));
        self.note_durable();
        Ok(())
    }

    fn note_durable(&mut self) {
        if let Err(error) = self.mark.set((self.number, self.length)) {
            tracing::debug!(%error, "cannot note how much of the log is durable");
        }
    }

    /// Removes files whose entries are all in a snapshot.
    fn drop_segments(&mut self, purged: u64) {
        while let (Some(&(number, _)), Some(&(_, before))) = (self.segments.front(), self.segments.get(1)) {
            if before.is_some_and(|before| before > purged) {
                return;
            }
            if let Err(error) = self.disk.remove(&name(number)) {
                tracing::warn!(%error, number, "cannot remove an old log file");
                return;
            }
            self.segments.pop_front();
        }
    }
}

fn name(number: u64) -> String {
    format!("log-{number:016}")
}

/// Makes the file of this number, durably.
fn begin(
    disk: &dyn Disk,
    number: u64,
    sequence: u64,
    summary: &Summary,
) -> Result<(Box<dyn DiskFile>, u64), JournalError> {
    let frame = frame::write(SCHEMA, sequence, &Record::Start(summary.clone()))
        .map_err(|reason| JournalError::Io { action: "encode", source: io::Error::other(reason) })?;
    let write = || {
        let mut file = disk.open(&name(number))?;
        file.set_len(0)?;
        file.write_at(0, &frame)?;
        file.sync()?;
        disk.sync()?;
        Ok(file)
    };
    let file = write().map_err(JournalError::io("begin a file of"))?;
    Ok((file, frame.len() as u64))
}
