//! What a node has written down before it makes a cluster: which, and of whom.
//!
//! **Invariant**: the file is there from before the first node is asked to give itself to the cluster until the cluster exists,
//! or all are free again.
use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{
    disk::{self, Disk},
    journal::{JournalError, decode, encode},
    types::{ClusterId, NodeId, Peer},
};

const NAME: &str = "founding";

/// A cluster in the making.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Founding {
    pub(super) cluster: ClusterId,
    /// The others who may have given themselves to it.
    pub(super) members: BTreeMap<NodeId, Peer>,
}

/// The file.
#[derive(Debug)]
pub(super) struct FoundingFile {
    disk: Arc<dyn Disk>,
    is_there: AtomicBool,
}

impl FoundingFile {
    /// Looks whether there is one. Blocks.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self, JournalError> {
        let is_there = read(&*disk).map_err(JournalError::io("read what was begun beside"))?.is_some();
        Ok(Self { disk, is_there: is_there.into() })
    }

    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    pub(super) async fn read(&self) -> io::Result<Option<Founding>> {
        if !self.is_there() {
            return Ok(None);
        }
        let disk = self.disk.clone();
        disk::beside(&*self.disk, move || read(&*disk)).await
    }

    /// Replaces or removes it, durably.
    pub(super) async fn save(&self, founding: Option<&Founding>) -> io::Result<()> {
        if founding.is_none() && !self.is_there() {
            return Ok(());
        }
        let bytes = founding.map(encode).transpose().map_err(io::Error::other)?;
        let (disk, there) = (self.disk.clone(), bytes.is_some());
        let write = move || match bytes {
            Some(bytes) => disk::replace(&*disk, NAME, &bytes),
            None => disk.remove(NAME).and_then(|()| disk.sync()),
        };
        disk::beside(&*self.disk, write).await?;
        self.is_there.store(there, Ordering::Relaxed);
        Ok(())
    }
}

fn read(disk: &dyn Disk) -> io::Result<Option<Founding>> {
    let Some(bytes) = disk.read(NAME)? else { return Ok(None) };
    decode(&bytes).map(Some).map_err(io::Error::other)
}
