//! Crashes and damage: what was acknowledged is there or the log is refused.
use openraft::{RaftLogReader as _, storage::RaftLogStorage as _};

use super::*;

async fn indexes(log: &mut Log) -> Vec<u64> {
    log.try_get_log_entries(..).await.unwrap().iter().map(|entry| entry.log_id.index).collect()
}

/// A disk with a vote and a few entries, and what they are.
async fn written() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let mut log = open(&disk).unwrap();
    log.save_vote(&vote(3)).await.unwrap();
    append(&mut log, 3, 0..=4).await;
    append(&mut log, 3, 5..=9).await;
    disk
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_power_cut() {
    let disk = written().await;
    disk.crash(0);
    let mut log = open(&disk).unwrap();
    assert_eq!((log.node(), log.summary().vote), (NODE, Some(vote(3))));
    assert_eq!(indexes(&mut log).await, (0..=9).collect::<Vec<_>>());
    append(&mut log, 4, 10..=10).await;
    log.truncate(id(4, 10)).await.unwrap();
    log.purge(id(3, 6)).await.unwrap();
    append(&mut log, 5, 10..=11).await;
    disk.crash(0);
    let mut log = open(&disk).unwrap();
    assert_eq!(indexes(&mut log).await, (7..=11).collect::<Vec<_>>());
    assert_eq!((log.summary().purged, log.summary().last), (Some(id(3, 6)), Some(id(5, 11))));
}

#[tokio::test]
async fn a_write_torn_at_any_byte_is_dropped_and_nothing_before_it() {
    let disk = written().await;
    disk.crash(0);
    let before = disk.content(&newest(&disk)).len();
    let mut log = open(&disk).unwrap();
    append(&mut log, 3, 10..=12).await;
    let file = newest(&disk);
    let (whole, mark) = (disk.content(&file), disk.content("acknowledged"));
    for cut in before..whole.len() {
        // The power went while the last record was being written: neither it nor the mark behind it got to the disk.
        for rubbish in [0, 100] {
            let torn = written().await;
            torn.crash(0);
            let mut bytes = whole.get(..cut).unwrap().to_vec();
            bytes.resize(bytes.len() + if cut > before { rubbish } else { 0 }, 0);
            torn.overwrite(&file, bytes);
            let mut log = open(&torn).unwrap();
            assert_eq!(indexes(&mut log).await, (0..=9).collect::<Vec<_>>(), "cut at {cut}");
            assert_eq!(log.summary().vote, Some(vote(3)));
            append(&mut log, 4, 10..=10).await;
            torn.crash(0);
            assert_eq!(indexes(&mut open(&torn).unwrap()).await.len(), 11, "cut at {cut}");
        }
        // The same file with a mark that says that it was longer: acknowledged data is gone.
        let lost = disk.copy();
        lost.overwrite(&file, whole.get(..cut).unwrap().to_vec());
        lost.overwrite("acknowledged", mark.clone());
        let refused = open(&lost).unwrap_err();
        assert!(matches!(refused, JournalError::Corrupt { .. }), "cut at {cut}: {refused}");
    }
}

#[tokio::test]
async fn zeros_ahead_of_what_is_written_are_no_records() {
    let disk = MemoryDisk::default();
    disk.set_ahead(700);
    let mut log = open(&disk).unwrap();
    append(&mut log, 3, 0..=4).await;
    let file = newest(&disk);
    let records = |content: &[u8]| content.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let before = disk.content(&file);
    assert!(records(&before) + 600 < before.len(), "zeros come with the first");
    append(&mut log, 3, 5..=5).await;
    let after = disk.content(&file);
    assert_eq!(after.len(), before.len(), "another does not make the file longer");
    let mark = disk.content("acknowledged");
    disk.crash(0);
    let mut log = open(&disk).unwrap();
    assert_eq!(indexes(&mut log).await, (0..=5).collect::<Vec<_>>());
    append(&mut log, 3, 6..=6).await;
    disk.crash(0);
    assert_eq!(indexes(&mut open(&disk).unwrap()).await.len(), 7, "what was cut off is filled again");
    for cut in records(&before)..records(&after) {
        let torn = disk.copy();
        let mut bytes = after.get(..cut).unwrap().to_vec();
        bytes.resize(after.len(), 0);
        torn.overwrite(&file, bytes);
        torn.overwrite("acknowledged", mark.clone());
        assert!(matches!(open(&torn), Err(JournalError::Corrupt { .. })), "acknowledged, cut at {cut}");
        torn.delete("acknowledged");
        assert_eq!(indexes(&mut open(&torn).unwrap()).await.len(), 5, "cut at {cut}");
    }
}

#[tokio::test]
async fn any_damage_to_what_was_acknowledged_is_refused() {
    let disk = written().await;
    let file = newest(&disk);
    let good = disk.content(&file);
    for at in 0..good.len() {
        let damaged = disk.copy();
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        damaged.overwrite(&file, bytes);
        let refused = open(&damaged).unwrap_err();
        assert!(
            matches!(refused, JournalError::Corrupt { .. } | JournalError::OtherVersion { .. }),
            "byte {at}: {refused}"
        );
        assert_eq!(damaged.content(&file).len(), good.len(), "a refused log is left alone");
    }
}

#[tokio::test]
async fn damage_in_the_middle_is_refused_even_if_nobody_knows_what_was_acknowledged() {
    let disk = written().await;
    let file = newest(&disk);
    let good = disk.content(&file);
    let last = good.len() - 150;
    for at in (0..last).step_by(7) {
        let damaged = disk.copy();
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        damaged.overwrite(&file, bytes);
        damaged.delete("acknowledged");
        assert!(open(&damaged).is_err(), "byte {at}");
    }
}

#[tokio::test]
async fn a_log_without_its_files_is_refused() {
    let disk = written().await;
    let damaged = disk.copy();
    damaged.delete(&newest(&disk));
    assert!(matches!(open(&damaged), Err(JournalError::Corrupt { .. })));
}

#[tokio::test]
async fn a_vote_that_was_not_synced_is_lost_here() {
    let disk = written().await;
    disk.crash(0);
    disk.set_lies(true);
    let mut log = open(&disk).unwrap();
    log.save_vote(&vote(9)).await.unwrap();
    disk.crash(0);
    assert_eq!(open(&disk).unwrap().summary().vote, Some(vote(3)), "the test disk can tell the difference");
}

#[tokio::test]
async fn old_files_go_and_the_rest_is_whole() {
    let disk = MemoryDisk::default();
    let mut log = open(&disk).unwrap();
    log.save_vote(&vote(3)).await.unwrap();
    let mut last = 0;
    while disk.names().iter().filter(|name| name.starts_with("log-")).count() < 4 {
        let entries = (last..last + 1000).map(|index| {
            let many = std::iter::repeat_n(Command::Renew { sessions: Vec::new() }.into(), 256);
            LogEntry { log_id: id(3, index), payload: EntryPayload::Normal(many.collect()) }
        });
        log.blocking_append(entries).await.unwrap();
        last += 1000;
    }
    log.purge(id(3, last - 10)).await.unwrap();
    // A vote is written after the purge, so that both are done when it is.
    log.save_vote(&vote(4)).await.unwrap();
    assert!(disk.names().iter().filter(|name| name.starts_with("log-")).count() <= 2, "{:?}", disk.names());
    disk.crash(0);
    let mut log = open(&disk).unwrap();
    assert_eq!(indexes(&mut log).await, (last - 9..last).collect::<Vec<_>>());
    assert_eq!((log.summary().vote, log.summary().purged), (Some(vote(4)), Some(id(3, last - 10))));

    let first = disk.names().into_iter().filter(|name| name.starts_with("log-")).min().unwrap();
    if first != newest(&disk) {
        let damaged = disk.copy();
        damaged.delete(&newest(&disk));
        assert!(open(&damaged).is_err(), "the newest file is missing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_waited_for_and_loses_nothing() {
    full_for_a_while(MemoryDisk::set_full).await;
    full_for_a_while(MemoryDisk::set_full_at_sync).await;
}

async fn full_for_a_while(set_full: fn(&MemoryDisk, bool)) {
    let disk = written().await;
    let mut log = open(&disk).unwrap();
    append(&mut log, 3, 10..=20).await;
    log.truncate(id(3, 10)).await.unwrap(); // Not synced before the next append is.
    set_full(&disk, true);
    let waiting = tokio::spawn({
        let mut log = log.clone();
        async move { append(&mut log, 3, 10..=10).await }
    });
    while log.trouble().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(!waiting.is_finished());
    set_full(&disk, false);
    waiting.await.unwrap();
    assert_eq!(log.trouble(), None);
    append(&mut log, 3, 11..=11).await;
    disk.crash(0);
    assert_eq!(indexes(&mut open(&disk).unwrap()).await, (0..=11).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_broken_disk_acknowledges_nothing_any_more() {
    let disk = written().await;
    let mut log = open(&disk).unwrap();
    disk.set_broken(true);
    assert!(log.save_vote(&vote(8)).await.is_err());
    assert!(log.trouble().is_some());
    disk.set_broken(false);
    assert!(log.save_vote(&vote(8)).await.is_err(), "nobody knows what is on it");
    disk.crash(0);
    assert_eq!(open(&disk).unwrap().summary().vote, Some(vote(3)));
}
