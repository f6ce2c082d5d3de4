//! Everything decided up to an entry, as one file.
//!
//! **Invariants**: the file is replaced as a whole and is durable before it counts. One that does not check is refused. What
//! is sent to another node is the same bytes as what is on disk, without the frame.
use std::{io, sync::Arc, time::Duration};

use openraft::SnapshotMeta;
use serde::{Deserialize, Serialize};

use super::{
    disk::{self, Disk},
    journal::{Frame, JournalError, decode, encode, read_frame, write_frame},
    types::{NodeId, Peer, SCHEMA},
};
use crate::machine;

pub(crate) const NAME: &str = "snapshot";
/// How long to wait for room.
const RETRY: Duration = Duration::from_millis(500);

pub(crate) type Meta = SnapshotMeta<NodeId, Peer>;

/// A snapshot as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) meta: Meta,
    /// A [`machine::Snapshot`].
    pub(crate) data: Vec<u8>,
}

/// A state as it is stored and sent.
pub(crate) fn to_bytes(state: machine::State) -> io::Result<Vec<u8>> {
    encode(&machine::Snapshot::from(state)).map_err(io::Error::other)
}

/// A state that was stored or sent.
pub(crate) fn from_bytes(bytes: &[u8]) -> io::Result<machine::State> {
    let invalid = |reason| io::Error::new(io::ErrorKind::InvalidData, reason);
    let snapshot: machine::Snapshot = decode(bytes).map_err(invalid)?;
    if snapshot.schema == machine::SCHEMA {
        Ok(snapshot.state)
    } else {
        Err(invalid(format!("the state was written by another version (schema {})", snapshot.schema)))
    }
}

/// The file; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotFile(Arc<dyn Disk>);

impl SnapshotFile {
    pub(crate) const fn new(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// Reads it. Blocks.
    pub(crate) fn read(&self) -> Result<Option<Stored>, JournalError> {
        let Some(bytes) = self.0.read(NAME).map_err(JournalError::io("read the snapshot of"))? else {
            return Ok(None);
        };
        parse(&bytes).map(Some)
    }

    /// Reads it beside other work.
    pub(crate) async fn load(&self) -> io::Result<Option<Stored>> {
        let file = self.clone();
        disk::beside(&*self.0, move || file.read().map_err(io::Error::other)).await
    }

    /// Replaces it beside other work, waiting for room if need be.
    pub(crate) async fn save(&self, stored: &Stored) -> io::Result<()> {
        let bytes: Arc<[u8]> = write_frame(SCHEMA, 0, stored).map_err(io::Error::other)?.into();
        loop {
            let (file, bytes) = (self.clone(), bytes.clone());
            match disk::beside(&*self.0, move || disk::replace(&*file.0, NAME, &bytes)).await {
                Err(error) if disk::is_full(&error) => {
                    tracing::error!("the disk is full: no snapshot can be written");
                    tokio::time::sleep(RETRY).await;
                }
                result => return result,
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Stored, JournalError> {
    let corrupt = |reason: String| JournalError::Corrupt { file: NAME.to_owned(), offset: 0, reason };
    let frame: Frame<'_> = read_frame(bytes)
        .map_err(|reason| corrupt(reason.to_owned()))?
        .filter(|frame| frame.length() == bytes.len())
        .ok_or_else(|| corrupt("its length does not fit".to_owned()))?;
    if frame.schema != SCHEMA {
        return Err(JournalError::OtherVersion { file: NAME.to_owned(), schema: frame.schema });
    }
    decode(frame.record).map_err(corrupt)
}
