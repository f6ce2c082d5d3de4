//! openraft's own suite for stores, on a folder and on a disk in memory.
use std::sync::Arc;

use openraft::{
    StorageError,
    testing::{StoreBuilder, Suite},
};
use tempfile::TempDir;

use crate::{
    Pace,
    cluster::{
        apply::Machine,
        disk::{Disk, Folder},
        log::Log,
        snapshot::SnapshotFile,
        types::{NodeId, TypeConfig},
    },
    testing::MemoryDisk,
};

fn open(disk: Arc<dyn Disk>) -> (Log, Machine) {
    (Log::open(&disk, 1).unwrap(), Machine::open(SnapshotFile::new(disk), Pace::default()).unwrap())
}

struct OnFolder;

impl StoreBuilder<TypeConfig, Log, Machine, TempDir> for OnFolder {
    async fn build(&self) -> Result<(TempDir, Log, Machine), StorageError<NodeId>> {
        let folder = tempfile::tempdir().unwrap();
        let (log, machine) = open(Arc::new(Folder::open(folder.path()).unwrap()));
        Ok((folder, log, machine))
    }
}

struct InMemory;

impl StoreBuilder<TypeConfig, Log, Machine, ()> for InMemory {
    async fn build(&self) -> Result<((), Log, Machine), StorageError<NodeId>> {
        let (log, machine) = open(MemoryDisk::default().attach());
        Ok(((), log, machine))
    }
}

#[test]
fn openrafts_suite_passes_on_a_folder() {
    Suite::test_all(OnFolder).unwrap();
}

#[test]
fn openrafts_suite_passes_in_memory() {
    Suite::test_all(InMemory).unwrap();
}
