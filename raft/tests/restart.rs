//! What one process keeps over restarts, and what it does when it cannot keep it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use coordinator::{
    CoordError, Coordinator, CounterError, Group, GroupName, Index, Lease, LockName, Lost, Member, MemberId,
    Solo, Terms, Token,
};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

const LOCK: LockName = LockName::literal("migration");

async fn acquire(solo: &Solo) -> Lease {
    solo.acquire(&LOCK, Terms::at_once()).await.unwrap()
}

/// Waits until nothing of a coordinator runs any more.
async fn stopped() {
    let gone = async {
        while Handle::current().metrics().num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.unwrap();
}

/// What storage does with the tokens of guarded writes.
#[derive(Default)]
struct Fence(i64);

impl Fence {
    fn claim(&mut self, token: Token) -> bool {
        let fits = token.as_i64() >= self.0;
        if fits {
            self.0 = token.as_i64();
        }
        fits
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_grow_over_restarts_and_stale_ones_are_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counter");
    let mut fence = Fence::default();
    let (mut solo, mut stale) = (Solo::open(&path).await.unwrap(), Token::ZERO);
    for run in 0..5 {
        let lease = acquire(&solo).await;
        assert!(lease.token() > stale);
        assert!(fence.claim(lease.token()) && !fence.claim(stale) && fence.claim(lease.token()));
        stale = lease.token();

        // What a crash at this moment would leave on disk, while the old process still believes in its lease.
        let crashed = folder.path().join(format!("counter-{run}"));
        std::fs::copy(&path, &crashed).unwrap();
        let successor = Solo::open(&crashed).await.unwrap();
        let next = acquire(&successor).await;
        assert!(lease.is_safe(Instant::now()) && next.token() > stale);
        assert!(fence.claim(next.token()) && !fence.claim(stale));
        stale = next.token();
        drop((lease, next, successor, solo));
        stopped().await;
        std::fs::rename(&crashed, &path).unwrap();
        solo = Solo::open(&path).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_grow_over_many_blocks_and_the_disk_is_asked_rarely() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counter");
    let solo = Solo::open(&path).await.unwrap();
    let (mut last, mut writes, mut seen) = (Token::ZERO, 0, Vec::new());
    for _ in 0..1600 {
        let lease = acquire(&solo).await;
        assert!(lease.token() > last);
        last = lease.token();
        lease.release().await.unwrap();
        let file = std::fs::read(&path).unwrap();
        writes += usize::from(file != seen);
        seen = file;
    }
    assert_eq!(last.index(), Index(3199), "two commands for each lock, and no index left out");
    assert_eq!(writes, 4);
    drop(solo);
    stopped().await;
    assert!(acquire(&Solo::open(&path).await.unwrap()).await.token() > last);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_reservation_and_no_index() {
    let folder = tempfile::tempdir().unwrap();
    let solo = std::sync::Arc::new(Solo::open(folder.path().join("counter")).await.unwrap());
    let tasks: Vec<_> = (0..3000)
        .map(|n| {
            let solo = solo.clone();
            tokio::spawn(async move {
                let lock = LockName::new(format!("lock-{n}")).unwrap();
                let lease = solo.acquire(&lock, Terms::at_once()).await.unwrap();
                let token = lease.token();
                lease.release().await.unwrap();
                token
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for task in tasks {
        tokens.push(task.await.unwrap());
    }
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 3000);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counter");
    drop(Solo::open(&path).await.unwrap());
    stopped().await;
    let good = std::fs::read(&path).unwrap();
    let half = good.len() / 2;
    for bad in [&b""[..], b"\0\0\0\0", &good[..half], b"coordinator-counter 1 7 0000000000000000\n"] {
        std::fs::write(&path, bad).unwrap();
        let refused = Solo::open(&path).await;
        assert!(matches!(refused, Err(CounterError::Corrupt { .. })), "{refused:?}");
        assert_eq!(std::fs::read(&path).unwrap(), bad);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counter");
    let first = Solo::open(&path).await.unwrap();
    assert!(matches!(Solo::open(&path).await, Err(CounterError::InUse { .. })));
    drop(first);
    stopped().await;
    assert!(Solo::open(&path).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_not_there_is_an_error() {
    let refused = Solo::open(Path::new("/nowhere/at/all/counter")).await;
    assert!(matches!(refused, Err(CounterError::Io { .. })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_floor_lifts_tokens_above_those_of_a_lost_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counter");
    let floor = Token::new(2, Index(5_000_000));
    let solo = Solo::open_after(&path, floor).await.unwrap();
    let lease = acquire(&solo).await;
    let token = lease.token();
    assert!(token > floor && token.incarnation() == 2);
    drop((lease, solo));
    stopped().await;
    let solo = Solo::open_after(&path, Token::ZERO).await.unwrap();
    assert!(acquire(&solo).await.token() > token, "a lower floor lowers nothing");
}

#[tokio::test(start_paused = true)]
async fn without_its_disk_nothing_is_granted_and_leases_lapse() {
    let folder = tempfile::tempdir().unwrap();
    let solo = Solo::open(folder.path().join("counter")).await.unwrap();
    let lease = acquire(&solo).await;
    drop(folder);
    let other = LockName::literal("other");
    let refused = loop {
        match solo.acquire(&other, Terms::at_once()).await {
            Ok(lease) => lease.release().await.unwrap_or(()),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, CoordError::Counter { source: CounterError::Io { .. } }), "{refused:?}");
    assert_eq!(timeout(Duration::from_secs(9), lease.lost()).await.unwrap(), Lost::Lapsed);
    assert!(!lease.is_safe(Instant::now()));
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_on_after_the_last_handle_is_gone() {
    let solo = Solo::ephemeral();
    let group = Group::sharded(GroupName::literal("group"), 16);
    let member = solo.join(&group, Member::new(MemberId::literal("me"), "here")).await.unwrap();
    let lease = acquire(&solo).await;
    let watch = solo.watch(&group);
    drop(solo);
    assert!(
        timeout(Duration::from_secs(60), lease.lost()).await.is_err(),
        "kept as long as somebody holds it"
    );
    drop((lease, member));
    stopped().await;
    assert!(watch.has_changed().is_err());
    assert!(watch.borrow().members.is_empty());
}
