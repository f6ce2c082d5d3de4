//! The store's contract on a real PostgreSQL, and what only PostgreSQL promises.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use ordain::domain::ids::ZoneId;
use ordain::domain::time::Timestamp;
use ordain::domain::zone::Zone;
use ordain::store::repo::zones;
use ordain::store::suite::fixtures::zone;
use ordain::store::suite::{Bench, Rig};
use ordain::store::{Connections, Mode, Store, StoreError};
use support::postgres::Postgres;

async fn open(url: &str) -> Store {
    Store::open(url).await.unwrap()
}

/// A database of its own on the shared server; without PostgreSQL, SQLite in its stead.
async fn bench() -> Bench {
    let Some(postgres) = Postgres::shared() else { return Bench::new(open("sqlite::memory:").await) };
    let url = postgres.database().await;
    let again = url.clone();
    Bench::new(open(&url).await).lasting(
        move || {
            let url = again.clone();
            async move { open(&url).await }
        },
        (),
    )
}

ordain::store_suite!(postgres, Rig::new(bench));

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

async fn migrated(url: &str, connections: Connections) -> Store {
    let store = Store::open_with(url, connections).await.unwrap();
    store.migrate().await.unwrap();
    store
}

async fn create(store: &Store, zone: &Zone) -> Result<(), StoreError> {
    store.transact(|tx| Box::pin(zones::insert(tx, zone, at(1)))).await
}

async fn exists(store: &Store, zone: &Zone) -> Result<bool, StoreError> {
    store.read(|tx| Box::pin(async { Ok(zones::get_any(tx, zone.id).await?.is_some()) })).await
}

async fn run(store: &Store, sql: &'static str) -> Result<u64, StoreError> {
    store.transact(|tx| tx.execute(sql.into(), Vec::new())).await
}

/// Looks until it is so.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(60), looking).await.is_ok(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_programs_may_migrate_at_once() {
    let Some(postgres) = Postgres::shared() else { return };
    let url = postgres.database().await;
    let stores = futures::future::join_all((0..4).map(|_| open(&url))).await;
    assert_eq!(stores[0].schema_version().await, Ok(None));
    let migrated = futures::future::join_all(stores.iter().map(Store::migrate)).await;
    assert_eq!(migrated, vec![Ok(()); 4]);
    assert_eq!(stores[3].schema_version().await, Ok(Some(Store::latest_version())));
}

#[tokio::test]
async fn a_database_that_is_not_utf8_is_refused() {
    let Some(postgres) = Postgres::shared() else { return };
    let admin = postgres.client("postgres").await;
    let sql = "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0";
    admin.batch_execute(sql).await.unwrap();
    let refused = open(&postgres.url("latin")).await.migrate().await;
    assert!(
        matches!(&refused, Err(StoreError::Migration { reason }) if reason.contains("LATIN1")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn statements_and_locks_are_waited_for_so_long_and_no_longer() {
    let Some(postgres) = Postgres::shared() else { return };
    let short = Duration::from_millis(200);
    let bounds = Connections { statement: short * 2, lock: short, pool: 2, ..Connections::default() };
    let store = migrated(&postgres.database().await, bounds).await;
    let one = zone("example.org.");
    create(&store, &one).await.unwrap();

    let slow = run(&store, "SELECT pg_sleep(60)::text").await;
    assert!(matches!(&slow, Err(StoreError::Unavailable { reason }) if reason.contains("57014")), "{slow:?}");

    let mut holder = store.begin(Mode::Write).await.unwrap();
    zones::lock(&mut *holder, one.id).await.unwrap();
    let locked: Result<_, StoreError> = store.transact(|tx| Box::pin(zones::lock(tx, one.id))).await;
    assert!(
        matches!(&locked, Err(StoreError::Unavailable { reason }) if reason.contains("55P03")),
        "{locked:?}"
    );
    drop(holder);
    let free: Result<_, StoreError> = store.transact(|tx| Box::pin(zones::lock(tx, one.id))).await;
    assert!(free.unwrap().is_some());
}

#[tokio::test]
async fn a_transaction_that_stands_still_is_ended_by_the_database() {
    let Some(postgres) = Postgres::shared() else { return };
    let bounds =
        Connections { idle_in_transaction: Duration::from_millis(100), pool: 1, ..Connections::default() };
    let url = postgres.database().await;
    let store = migrated(&url, bounds).await;
    let watch = postgres.client("postgres").await;
    let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
    let one = zone("example.org.");
    let mut tx = store.begin(Mode::Write).await.unwrap();
    zones::insert(&mut *tx, &one, at(1)).await.unwrap();
    let idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state = 'idle in transaction'";
    until("it goes on", || async { watch.query_one(idle, &[&name]).await.unwrap().get::<_, i64>(0) == 0 })
        .await;
    let refused = zones::get_any(&mut *tx, one.id).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    drop(tx);
    assert_eq!(exists(&store, &one).await, Ok(false));
}

#[tokio::test]
async fn a_full_pool_is_told_in_time_and_a_dropped_transaction_gives_its_place_back() {
    let Some(postgres) = Postgres::shared() else { return };
    let bounds = Connections { pool: 1, patience: Duration::from_millis(100), ..Connections::default() };
    let store = migrated(&postgres.database().await, bounds).await;
    let one = zone("example.org.");
    let mut tx = store.begin(Mode::Write).await.unwrap();
    zones::insert(&mut *tx, &one, at(1)).await.unwrap();
    assert!(matches!(exists(&store, &one).await, Err(StoreError::Unavailable { .. })));
    drop(tx);
    // The very connection: whatever the last transaction did is undone, and it is outside of any.
    assert_eq!(exists(&store, &one).await, Ok(false));
    create(&store, &one).await.unwrap();
}

#[tokio::test]
async fn a_deadlock_runs_again() {
    let Some(postgres) = Postgres::shared() else { return };
    let store = migrated(&postgres.database().await, Connections::default()).await;
    let (one, other) = (&zone("example.org."), &zone("example.net."));
    create(&store, one).await.unwrap();
    create(&store, other).await.unwrap();
    let (meeting, runs) = (tokio::sync::Barrier::new(2), AtomicU32::new(0));
    let both = async |first: ZoneId, second: ZoneId| -> Result<(), StoreError> {
        let met = AtomicU32::new(0);
        store
            .transact(|tx| {
                Box::pin(async {
                    runs.fetch_add(1, Ordering::SeqCst);
                    zones::lock(tx, first).await?;
                    if met.fetch_add(1, Ordering::SeqCst) == 0 {
                        meeting.wait().await;
                    }
                    zones::lock(tx, second).await.map(drop)
                })
            })
            .await
    };
    let done = tokio::join!(both(one.id, other.id), both(other.id, one.id));
    assert_eq!(done, (Ok(()), Ok(())));
    // Whoever runs again may be back before the other one took its locks, and meet it once more.
    assert!(runs.load(Ordering::SeqCst) > 2);
}

/// A reader that always goes on from the last position it saw misses nothing, although nobody looks back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_feed_shows_no_position_after_a_later_one() {
    let Some(postgres) = Postgres::shared() else { return };
    let store = migrated(&postgres.database().await, Connections::default()).await;
    let (writers, each) = (8_i64, 25_i64);
    let mut all = Vec::new();
    for writer in 0..writers {
        let store = store.clone();
        all.push(tokio::spawn(async move {
            for number in 0..each {
                let zone = &zone(&format!("z{number}.w{writer}.example."));
                // Clocks differ from writer to writer.
                let now = at(1_000_000 * writer + number);
                let created: Result<(), StoreError> = store
                    .transact(|tx| {
                        Box::pin(async move {
                            zones::insert(tx, zone, now).await?;
                            tx.execute("SELECT pg_sleep(0.002)::text".into(), Vec::new()).await.map(drop)
                        })
                    })
                    .await;
                created.unwrap();
            }
        }));
    }
    let (mut position, mut seen) = (i64::MIN, HashSet::new());
    let reading = async {
        while seen.len() < usize::try_from(writers * each).unwrap() {
            let page = store.read(|tx| Box::pin(zones::published_since(tx, position, 10))).await.unwrap();
            position = page.last().map_or(position, |step| step.position);
            seen.extend(page.into_iter().map(|step| step.id));
        }
    };
    let finished = tokio::time::timeout(Duration::from_secs(60), reading).await;
    futures::future::try_join_all(all).await.unwrap();
    assert!(finished.is_ok(), "{} zones were seen", seen.len());
}

/// Readers see all of a transaction or nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_never_sees_half_of_a_write() {
    let Some(postgres) = Postgres::shared() else { return };
    let store = migrated(&postgres.database().await, Connections::default()).await;
    let (one, other) = (zone("example.org."), zone("example.net."));
    create(&store, &one).await.unwrap();
    create(&store, &other).await.unwrap();
    let ids = [one.id, other.id];
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for count in 1..=100 {
                let both: Result<(), StoreError> = store
                    .transact(|tx| {
                        Box::pin(async move {
                            for id in ids {
                                let mut zone = zones::lock(tx, id).await?.unwrap();
                                zone.record_count = count;
                                zones::update(tx, &mut zone, at(2)).await?;
                            }
                            Ok(())
                        })
                    })
                    .await;
                both.unwrap();
            }
        }
    });
    let mut last = 0;
    while last < 100 {
        let counts: Result<Vec<u64>, StoreError> = store
            .read(|tx| {
                Box::pin(async move {
                    let mut counts = Vec::new();
                    for id in ids {
                        counts.push(zones::get_any(tx, id).await?.unwrap().record_count);
                    }
                    Ok(counts)
                })
            })
            .await;
        let counts = counts.unwrap();
        assert_eq!(counts[0], counts[1]);
        assert!(counts[0] >= last);
        last = counts[0];
    }
    writing.await.unwrap();
}

/// What was acknowledged before, during and after is there; whoever comes back later needs nothing but the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_heals_and_loses_nothing() {
    let Some(postgres) = Postgres::start(&["fsync=on"]) else { return };
    let store = migrated(&postgres.database().await, Connections::default()).await;
    let stop = Arc::new(AtomicBool::new(false));
    // Zones written, and attempts refused, by all writers together.
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let more = async |count: &AtomicUsize, what: &str| {
        let seen = count.load(Ordering::SeqCst);
        until(what, || async { count.load(Ordering::SeqCst) >= seen + 20 }).await;
    };
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (store, stop, counts) = (store.clone(), Arc::clone(&stop), Arc::clone(&counts));
            tokio::spawn(async move {
                let mut done = Vec::new();
                for number in 0.. {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let zone = zone(&format!("z{number}.w{writer}.example."));
                    match create(&store, &zone).await {
                        Ok(()) => {
                            counts.0.fetch_add(1, Ordering::SeqCst);
                            done.push(zone);
                        }
                        Err(StoreError::Unavailable { .. } | StoreError::Unsettled { .. }) => {
                            counts.1.fetch_add(1, Ordering::SeqCst);
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                done
            })
        })
        .collect();
    let postgres = Arc::new(postgres);
    for end in [Postgres::stop, Postgres::kill] {
        let probe = zone("probe.example.");
        until("it does not serve", || async { exists(&store, &probe).await.is_ok() }).await;
        more(&counts.0, "nothing is written before").await;
        let server = Arc::clone(&postgres);
        tokio::task::spawn_blocking(move || end(&server)).await.unwrap();
        more(&counts.1, "nobody notices").await;
        let server = Arc::clone(&postgres);
        tokio::task::spawn_blocking(move || server.start_again()).await.unwrap();
        until("it does not heal", || async { exists(&store, &probe).await.is_ok() }).await;
    }
    more(&counts.0, "nothing is written after").await;
    stop.store(true, Ordering::SeqCst);
    for done in futures::future::try_join_all(writers).await.unwrap() {
        assert!(!done.is_empty());
        for zone in &done {
            assert_eq!(exists(&store, zone).await, Ok(true), "{} is lost", zone.name);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_until_it_is() {
    let Some(postgres) = Postgres::start(&["fsync=off"]) else { return };
    let url = postgres.database().await;
    postgres.stop();
    let store = open(&url).await;
    let refused = store.migrate().await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    assert!(matches!(store.schema_version().await, Err(StoreError::Unavailable { .. })));
    postgres.start_again();
    store.migrate().await.unwrap();
}

#[tokio::test]
async fn encryption_and_trust_are_as_the_url_says() {
    let Some(postgres) = Postgres::shared() else { return };
    let encrypted = async |host: &str, parameters: &str| -> Result<bool, StoreError> {
        let url = format!("postgresql://ordain@{host}:{}/postgres?{parameters}", postgres.port());
        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let store = Store::open(&url).await?;
        let mut rows = store.read(|tx| tx.query(sql.into(), Vec::new())).await?;
        rows.remove(0).bool("ssl")
    };
    let authority = format!("sslrootcert={}", postgres.authority().display());
    assert_eq!(encrypted("127.0.0.1", "sslmode=disable").await, Ok(false));
    assert_eq!(encrypted("127.0.0.1", "").await, Ok(true));
    assert_eq!(encrypted("127.0.0.1", "sslmode=require").await, Ok(true));
    assert_eq!(encrypted("localhost", &format!("sslmode=verify-full&{authority}")).await, Ok(true));
    let misnamed = encrypted("127.0.0.1", &format!("sslmode=verify-full&{authority}")).await;
    assert!(matches!(misnamed, Err(StoreError::Unavailable { .. })), "{misnamed:?}");
    let absent = encrypted("localhost", "sslmode=verify-full&sslrootcert=/nonexistent/ca.pem").await;
    assert!(matches!(absent, Err(StoreError::Unavailable { .. })), "{absent:?}");
}

#[tokio::test]
async fn a_wrong_password_is_told_without_repeating_it() {
    let Some(postgres) = Postgres::shared() else { return };
    let url = |password: &str| {
        format!("postgresql://locked:{password}@127.0.0.1:{}/postgres?sslmode=disable", postgres.port())
    };
    assert_eq!(open(&url("se%3Acret")).await.schema_version().await, Ok(None));
    let refused = open(&url("wr0ng")).await.schema_version().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable { reason } if reason.contains("28P01")), "{refused}");
    assert!(!format!("{refused:?}").contains("wr0ng"));
}
