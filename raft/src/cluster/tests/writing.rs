//! When the log says that something is durable, and how often it syncs for it.
use std::time::Duration;

use openraft::storage::{RaftLogStorage as _, RaftStateMachine as _};
use tokio::time::{Instant, timeout};

use super::*;
use crate::{
    Coordinator as _, LockName, Pace, Terms,
    cluster::{apply::Machine, snapshot::SnapshotFile},
    testing::{LIMIT, Machines},
};

const WRITE: Duration = Duration::from_millis(10);
const LOCK: LockName = LockName::literal("writing");

/// The log of a leader, on a disk that takes its time.
async fn leading() -> (MemoryDisk, Log) {
    let disk = MemoryDisk::default();
    let mut log = open(&disk).unwrap();
    log.save_vote(&Vote::new_committed(3, NODE)).await.unwrap();
    disk.set_delay(WRITE);
    (disk, log)
}

#[tokio::test(start_paused = true)]
async fn what_waits_while_the_disk_is_busy_is_synced_together() {
    let (disk, mut log) = leading().await;
    let before = disk.syncs();
    append(&mut log, 3, 0..=0).await;
    tokio::task::yield_now().await;
    for index in 1..=20 {
        append(&mut log, 3, index..=index).await;
    }
    log.durable().reached(20).await.unwrap();
    assert_eq!(disk.syncs() - before, 2, "one for the first, one for all others");
    disk.crash(0);
    assert_eq!(open(&disk).unwrap().summary().last, Some(id(3, 20)));
}

#[tokio::test(start_paused = true)]
async fn only_a_leader_goes_on_before_its_entries_are_durable() {
    let (_, mut log) = leading().await;
    let begun = Instant::now();
    append(&mut log, 3, 0..=3).await;
    assert!(begun.elapsed().is_zero() && !log.durable().is(3));
    log.durable().reached(3).await.unwrap();
    assert_eq!(begun.elapsed(), WRITE);
    // Entries of another time, even its own, come from another leader now.
    append(&mut log, 2, 4..=4).await;
    assert!(log.durable().is(4));
    assert_eq!(begun.elapsed(), WRITE * 2);
    log.save_vote(&Vote::new_committed(4, NODE + 1)).await.unwrap();
    append(&mut log, 3, 5..=5).await;
    assert!(log.durable().is(5));
}

#[tokio::test(start_paused = true)]
async fn what_was_overruled_does_not_count_as_durable() {
    let (disk, mut log) = leading().await;
    append(&mut log, 3, 0..=5).await;
    log.durable().reached(5).await.unwrap();
    log.truncate(id(3, 2)).await.unwrap();
    append(&mut log, 3, 2..=3).await;
    tokio::time::sleep(WRITE * 3 / 2).await;
    assert!(log.durable().is(1) && !log.durable().is(2), "the disk has cut, and not yet written");
    log.durable().reached(3).await.unwrap();
    assert!(!log.durable().is(4));
    disk.crash(0);
    assert_eq!(open(&disk).unwrap().summary().last, Some(id(3, 3)));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_applied_before_it_is_durable() {
    let (disk, mut log) = leading().await;
    let file = SnapshotFile::new(disk.attach());
    let mut machine = Machine::open(file, Pace::default()).unwrap().behind(&log);
    append(&mut log, 3, 0..=0).await;
    assert!(timeout(WRITE / 2, machine.apply([entry(3, 0)])).await.is_err());
    assert_eq!(machine.apply([entry(3, 0)]).await.unwrap().len(), 1);
    disk.set_broken(true);
    append(&mut log, 3, 1..=1).await;
    assert!(machine.apply([entry(3, 1)]).await.is_err(), "nor ever, if it cannot be written");
    assert!(log.truncate(id(3, 1)).await.is_err(), "and the engine hears of it");
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_granted_once_a_quorum_with_its_leader_has_it_on_disk() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    let coordinator = machines.node(leader).coordinator();
    let (lock, slow) = (LOCK, Duration::from_millis(120));
    machines.machines[leader].disk.set_delay(slow);
    let begun = Instant::now();
    let acquiring = coordinator.acquire(&lock, Terms::at_once());
    let elsewhere = async {
        loop {
            let seen =
                machines.up().any(|(_, node)| node.ledger.look(|state| state.lock(&LOCK)).holder.is_some());
            if seen {
                return begun.elapsed();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let (lease, seen) = timeout(LIMIT, async { tokio::join!(acquiring, elsewhere) }).await.unwrap();
    drop(lease.unwrap());
    assert!(begun.elapsed() >= slow && seen >= slow, "{seen:?}: seen before its leader had it");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_write_is_silent() {
    let machines = Machines::cluster(3).await;
    let leader = machines.led().await;
    machines.machines[leader].disk.set_delay(Duration::from_secs(3600));
    let old = machines.node(leader).id();
    let coordinator = machines.node(leader).coordinator();
    let stuck = tokio::spawn(async move { coordinator.acquire(&LOCK, Terms::at_once()).await.is_ok() });
    timeout(LIMIT, async {
        let others = || machines.up().filter(|(number, _)| *number != leader);
        while !others().any(|(_, node)| node.leader().is_some_and(|(id, _)| id == node.id() && id != old)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    stuck.abort();
}
