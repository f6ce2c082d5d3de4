//! Reads a log back, and decides what to believe of it.
use std::sync::Arc;

use super::{
    Contents, Journal, JournalError, Record, Summary, begin, frame,
    mark::{Mark, Place},
    name,
};
use crate::cluster::{
    disk::Disk,
    types::{NodeId, SCHEMA},
};

/// Opens the log, or begins one for the node `fresh`. Says what is in it.
pub(crate) fn open(disk: Arc<dyn Disk>, fresh: NodeId) -> Result<(Journal, Contents), JournalError> {
    let mut numbers: Vec<u64> = disk
        .list()
        .map_err(JournalError::io("list"))?
        .iter()
        .filter_map(|name| name.strip_prefix("log-")?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let (mark, acknowledged) = Mark::open(&*disk).map_err(JournalError::io("open the mark of"))?;
    let mut reader =
        Reader { disk: &*disk, acknowledged, contents: Contents::default(), sequence: None, end: (0, 0) };
    let mut segments = std::collections::VecDeque::new();
    for (at, &number) in numbers.iter().enumerate() {
        if at > 0 && number != reader.end.0 + 1 {
            return Err(corrupt(number, 0, "a file before it is missing"));
        }
        let before = reader.contents.summary.last.map(|last| last.index);
        if reader.segment(number, at + 1 == numbers.len())? {
            let before = if at == 0 { None } else { before };
            segments.push_back((number, before));
        }
    }
    let Reader { mut contents, sequence, end, .. } = reader;
    if acknowledged.is_some_and(|place| place > end) {
        return Err(corrupt(end.0, end.1, "what was acknowledged is missing from here"));
    }
    if segments.is_empty() {
        let summary = Summary { node: fresh, ..Summary::default() };
        let (file, length) = begin(&*disk, 1, 1, &summary)?;
        contents.summary = summary;
        segments.push_back((1, None));
        let mut journal = Journal {
            disk,
            mark,
            segments,
            file,
            number: 1,
            length,
            filled: length,
            sequence: 2,
            unsynced: Vec::new(),
        };
        journal.note_durable();
        return Ok((journal, contents));
    }
    let mut file = disk.open(&name(end.0)).map_err(JournalError::io("open"))?;
    file.set_len(end.1).map_err(JournalError::io("cut"))?;
    file.sync().map_err(JournalError::io("sync"))?;
    let sequence = sequence.unwrap_or(1);
    let (number, length) = end;
    let mut journal = Journal {
        disk,
        mark,
        segments,
        file,
        number,
        length,
        filled: length,
        sequence,
        unsynced: Vec::new(),
    };
    journal.note_durable();
    Ok((journal, contents))
}

struct Reader<'a> {
    disk: &'a dyn Disk,
    acknowledged: Option<Place>,
    contents: Contents,
    /// Of the next frame.
    sequence: Option<u64>,
    /// Where the last frame ends.
    end: Place,
}

impl Reader<'_> {
    /// Reads a file. Says whether there was anything in it; the last one may have been begun in vain.
    fn segment(&mut self, number: u64, last: bool) -> Result<bool, JournalError> {
        let bytes = self.disk.read(&name(number)).map_err(JournalError::io("read"))?.unwrap_or_default();
        let mut rest = bytes.as_slice();
        let mut offset = 0;
        loop {
            match frame::read(rest) {
                Ok(Some(frame)) => {
                    self.frame(number, offset, frame)?;
                    let length = frame.length();
                    rest = rest.get(length..).unwrap_or_default();
                    offset += length as u64;
                    self.end = (number, offset);
                }
                Ok(None) => break,
                // Filled ahead of what was written, and cut off when the file is opened.
                Err(_) if is_zero(rest) && !self.is_acknowledged(number, offset) => break,
                Err(reason) => {
                    let acknowledged = self.is_acknowledged(number, offset);
                    if !last || acknowledged || frame::is_any_behind(rest) {
                        return Err(corrupt(number, offset, reason));
                    }
                    tracing::warn!(number, offset, reason, "a write was cut off by a crash and is dropped");
                    break;
                }
            }
        }
        if offset == 0 && !last {
            return Err(corrupt(number, 0, "the file is empty"));
        }
        if offset == 0 {
            self.disk.remove(&name(number)).map_err(JournalError::io("remove a file of"))?;
        }
        Ok(offset > 0)
    }

    /// Whether something at this place was acknowledged, as far as is known. Of files before the last everything was.
    fn is_acknowledged(&self, number: u64, offset: u64) -> bool {
        self.acknowledged.is_some_and(|place| place.0 == number && offset < place.1)
    }

    fn frame(&mut self, number: u64, offset: u64, frame: frame::Frame<'_>) -> Result<(), JournalError> {
        if frame.schema != SCHEMA {
            return Err(JournalError::OtherVersion { file: name(number), schema: frame.schema });
        }
        if self.sequence.is_some_and(|expected| expected != frame.sequence) {
            return Err(corrupt(number, offset, "a record before it is missing"));
        }
        let record: Record =
            frame::decode(frame.record).map_err(|reason| corrupt(number, offset, &reason))?;
        if matches!(record, Record::Start(_)) != (offset == 0) {
            return Err(corrupt(number, offset, "the record does not belong here"));
        }
        self.contents.apply(record).map_err(|reason| corrupt(number, offset, reason))?;
        self.sequence = Some(frame.sequence + 1);
        Ok(())
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

fn corrupt(number: u64, offset: u64, reason: &str) -> JournalError {
    JournalError::Corrupt { file: name(number), offset, reason: reason.to_owned() }
}
