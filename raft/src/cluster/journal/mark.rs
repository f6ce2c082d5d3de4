//! How much of the log was acknowledged, as far as is known: what tells a torn write from lost data.
//!
//! It is written after each sync of the log and not synced itself, so after a power cut it may be behind, but never ahead.
//!
//! **Invariant**: two places are written in turn, so that one of them is whole.
use std::io;

use super::frame;
use crate::cluster::{
    disk::{Disk, DiskFile},
    types::SCHEMA,
};

const NAME: &str = "acknowledged";
const SLOT: u64 = 64;

/// A place in the log: number of the file, bytes in it.
pub(super) type Place = (u64, u64);

/// The open file.
#[derive(Debug)]
pub(super) struct Mark {
    file: Box<dyn DiskFile>,
    turn: u64,
}

impl Mark {
    /// Opens or begins the file; says what it says.
    pub(super) fn open(disk: &dyn Disk) -> io::Result<(Self, Option<Place>)> {
        let bytes = disk.read(NAME)?.unwrap_or_default();
        let (first, second) = bytes.split_at_checked(SLOT as usize).unwrap_or((&bytes, &[]));
        let newest = [first, second].into_iter().filter_map(read).max();
        let mark = Self { file: disk.open(NAME)?, turn: newest.map_or(0, |(turn, _)| turn + 1) };
        Ok((mark, newest.map(|(_, place)| place)))
    }

    /// Everything before this place is durable.
    pub(super) fn set(&mut self, place: Place) -> io::Result<()> {
        let bytes = frame::write(SCHEMA, self.turn, &(place.0.to_le_bytes(), place.1.to_le_bytes()));
        self.file.write_at(self.turn % 2 * SLOT, &bytes.map_err(io::Error::other)?)?;
        self.turn += 1;
        Ok(())
    }
}

fn read(slot: &[u8]) -> Option<(u64, Place)> {
    let slot = slot.get(..frame::HEADER + 16)?;
    let frame = frame::read(slot).ok()??;
    let (segment, offset) = frame::decode(frame.record).ok()?;
    Some((frame.sequence, (u64::from_le_bytes(segment), u64::from_le_bytes(offset))))
}
