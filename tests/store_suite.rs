//! The store's contract on SQLite, in memory and in a file; and what only SQLite promises.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use ordain::domain::time::Timestamp;
use ordain::store::repo::inbox;
use ordain::store::suite::{Bench, Rig};
use ordain::store::{Connections, Mode, Store, StoreError};
use tokio::time::Instant;

async fn open(path: &Path) -> Store {
    Store::open(&format!("sqlite:{}", path.display())).await.unwrap()
}

async fn in_memory() -> Bench {
    Bench::new(Store::open("sqlite::memory:").await.unwrap())
}

async fn in_a_file() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/folder/ordain.db");
    let store = open(&path).await;
    Bench::new(store).lasting(
        move || {
            let path = path.clone();
            async move { open(&path).await }
        },
        folder,
    )
}

ordain::store_suite!(sqlite_in_memory, Rig::new(in_memory));
ordain::store_suite!(sqlite_in_a_file, Rig::new(in_a_file));

#[tokio::test]
async fn an_in_memory_database_is_one_per_store() {
    let (one, other) = (in_memory().await.store, in_memory().await.store);
    one.migrate().await.unwrap();
    assert_eq!(one.schema_version().await.unwrap(), Some(Store::latest_version()));
    assert_eq!(other.schema_version().await.unwrap(), None);
}

#[tokio::test]
async fn other_urls_are_refused_without_repeating_them() {
    for url in ["", "sqlite:", "postgresql://user:secret@/db", "mysql://user:secret@host/db", "/tmp/file.db"]
    {
        let error = Store::open(url).await.unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "not a database ".repeat(100)).unwrap();
    assert!(Store::open(&format!("sqlite:{}", path.display())).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_waits_for_the_database() {
    let store = in_memory().await.store;
    store.migrate().await.unwrap();
    let claims = async {
        for n in 0..50 {
            let key = &format!("{n}");
            let claimed: Result<bool, StoreError> =
                store.transact(|tx| Box::pin(inbox::settle(tx, key, "", Timestamp::from_micros(1)))).await;
            assert!(claimed.unwrap());
        }
    };
    tokio::time::timeout(Duration::from_millis(1), claims).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn readers_are_as_many_as_said_and_wait_as_long_as_said() {
    for (readers, mode) in [(1, Mode::Read), (3, Mode::Read), (3, Mode::Write)] {
        let patience = Duration::from_secs(7);
        let store =
            Store::open_with("sqlite::memory:", Connections { readers, patience, ..Connections::default() })
                .await
                .unwrap();
        let most = if mode == Mode::Read { readers } else { 1 };
        let mut taken = Vec::new();
        for _ in 0..most {
            taken.push(store.begin(mode).await.unwrap());
        }
        let begun = Instant::now();
        let refused = store.begin(mode).await.err().unwrap();
        assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused}");
        assert_eq!(begun.elapsed().as_secs(), 7);
        taken.pop();
        assert!(store.begin(mode).await.is_ok());
    }
}

/// What a killed process was told to be committed is there.
#[test]
fn a_commit_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ordain.db");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env("STORE_SUITE_FILE", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let told: Vec<_> = lines.filter(|l| l.starts_with("committed-")).take(200).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(told.len(), 200);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = open(&path).await;
        for key in &told {
            let again: Result<bool, StoreError> =
                store.transact(|tx| Box::pin(inbox::settle(tx, key, "", Timestamp::from_micros(1)))).await;
            assert!(!again.unwrap(), "{key} is lost");
        }
    });
}

/// The process that [`a_commit_survives_a_kill`] kills.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn writes_until_it_is_killed() {
    let store = open(Path::new(&std::env::var_os("STORE_SUITE_FILE").unwrap())).await;
    store.migrate().await.unwrap();
    for n in 0_u64.. {
        let key = &format!("committed-{n}");
        let claimed: Result<bool, StoreError> =
            store.transact(|tx| Box::pin(inbox::settle(tx, key, "", Timestamp::from_micros(1)))).await;
        assert!(claimed.unwrap());
        println!("\n{key}");
    }
}
