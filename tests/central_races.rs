//! Requests of central that meet: the same one twice because its answer was lost, and different ones at the same time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use ordain::actors::central::CentralService;
use ordain::actors::central::api::recordsets::{CreateRecordset, DeleteRecordset, UpdateRecordset};
use ordain::actors::central::api::zones::{CreateZone, DeleteZone, UpdateZone};
use ordain::actors::central::api::{self, Central};
use ordain::actors::worker::api::{PublishZone, Worker};
use ordain::clock::Clock;
use ordain::config::{CentralConfig, Config};
use ordain::domain::identity::Identity;
use ordain::domain::ids::{NsRecordId, PoolId, ProjectId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::policy::{Policy, PolicyInForce};
use ordain::domain::pool::{NsRecord, Pool};
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::RecordsetChanges;
use ordain::domain::time::Timestamp;
use ordain::domain::zone::{Zone, ZoneChanges, ZoneKind};
use ordain::store::driver::{Driver, SqliteDriver, Tx};
use ordain::store::repo::{pools, zones};
use ordain::store::{Connections, Mode, Store, StoreError};
use ordain::transport::{
    Chaos, ChaosPlan, Cx, Fake, Faked, Fault, Host, HostConfig, InProcess, OnceKey, Place, RetryPolicy,
    Service as _, ServiceRef, Serving, Transport, TransportExt as _, run_paused, run_threaded,
};
use support::postgres::Postgres;

const LIMIT: Duration = Duration::from_secs(120);

struct Rig {
    central: ServiceRef<Central>,
    store: Store,
    _mounted: (Serving, Faked),
}

async fn rig(store: Store, transport: Arc<dyn Transport>, config: CentralConfig) -> Rig {
    store.migrate().await.unwrap();
    let clock = Clock::following_tokio(Timestamp::from_micros(1_795_394_590_000_000));
    let (pool, now) = (&pool(clock.now()), clock.now());
    let made: Result<Pool, StoreError> =
        store.transact(|tx| Box::pin(async move { pools::put(tx, pool, now).await })).await;
    made.unwrap();
    let worker = Fake::<Worker>::on(|_: PublishZone| Ok(())).mount(&*transport).await.unwrap();
    let policy = PolicyInForce::new(Policy::defaults().unwrap());
    let state = CentralService::new(store.clone(), clock, policy, config, transport.service_ref());
    let inbox =
        Host::start(Arc::new(state), api::routes(), HostConfig::default(), &Place::current().unwrap());
    let serving = transport.serve(Central::endpoint(), inbox).await.unwrap();
    Rig { central: transport.service_ref(), store, _mounted: (serving, worker) }
}

fn pool(now: Timestamp) -> Pool {
    let hostname = name("ns1.example.net.");
    Pool {
        id: PoolId::DEFAULT,
        project_id: None,
        name: "default".to_owned(),
        description: None,
        attributes: BTreeMap::new(),
        ns_records: vec![NsRecord { id: NsRecordId::random(), hostname, priority: 1 }],
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        version: 0,
        created_at: now,
        updated_at: None,
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn member(project: &str) -> Cx {
    let roles = vec!["member".to_owned(), "reader".to_owned()];
    let identity = Identity { project: Some(ProjectId::new(project)), roles, ..Identity::default() };
    Cx::new(identity, LIMIT)
}

fn new_zone(zone: &str) -> CreateZone {
    CreateZone {
        name: name(zone),
        kind: ZoneKind::Primary,
        email: Some("admin@example.org".to_owned()),
        ttl: None,
        description: None,
        attributes: BTreeMap::new(),
        masters: Vec::new(),
    }
}

fn new_set(zone: &Zone, label: &str, records: usize) -> CreateRecordset {
    CreateRecordset {
        zone_id: zone.id,
        name: name(&format!("{label}.{}", zone.name)),
        kind: RecordType::A,
        ttl: None,
        description: None,
        records: (0..records).map(|n| format!("192.0.2.{n}")).collect(),
    }
}

async fn stored(store: &Store, id: ZoneId) -> Option<Zone> {
    let found: Result<_, StoreError> =
        store.read(|tx| Box::pin(async move { zones::get_any(tx, id).await })).await;
    found.unwrap()
}

#[test]
fn what_is_asked_for_again_because_its_answer_was_lost_is_done_once() {
    run_paused(async {
        let inner: Arc<dyn Transport> = Arc::new(InProcess::through_codec());
        let chaos = Chaos::over(inner, 7, ChaosPlan { break_off: 0.5, ..ChaosPlan::CALM });
        let mut config = Config::default().central;
        config.quotas.zones = 1000;
        let store = Store::open("sqlite::memory:").await.unwrap();
        let rig = rig(store, Arc::clone(&chaos) as Arc<dyn Transport>, config).await;
        let central = rig.central.retrying(RetryPolicy::PATIENT);
        let cx = member("p1");
        for n in 0..20 {
            let zone = central.call(&cx, new_zone(&format!("z{n}.example."))).await.unwrap();
            assert_eq!(
                stored(&rig.store, zone.id).await.as_ref(),
                Some(&zone),
                "the first outcome, as it was"
            );
            let set = central.call(&cx, new_set(&zone, "www", 2)).await.unwrap();
            let changes = RecordsetChanges {
                records: Some(vec!["192.0.2.9".to_owned()]),
                ..RecordsetChanges::default()
            };
            let update = UpdateRecordset { zone_id: zone.id, id: set.id, changes };
            let updated = central.call(&cx, update).await.unwrap();
            assert_eq!((set.version, updated.version), (1, 2));
            central.call(&cx, DeleteRecordset { zone_id: zone.id, id: set.id }).await.unwrap();
            let changes = ZoneChanges { ttl: None, ..ZoneChanges::default() };
            let changed = central.call(&cx, UpdateZone { id: zone.id, changes }).await.unwrap();
            assert_eq!(changed.progress.generation.number(), 5, "each change was one");
            let deleting = central.call(&cx, DeleteZone { id: zone.id }).await.unwrap();
            assert_eq!(stored(&rig.store, zone.id).await, Some(deleting));
        }
        assert!(chaos.counts().broken > 50, "{:?}", chaos.counts());
    });
}

#[test]
fn one_key_has_one_outcome_and_another_key_another() {
    run_paused(async {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let rig = rig(store, Arc::new(InProcess::through_codec()), Config::default().central).await;
        let cx = member("p1").with_once(OnceKey::random());
        let first = rig.central.call(&cx, new_zone("example.org.")).await.unwrap();
        assert_eq!(rig.central.call(&cx, new_zone("example.org.")).await, Ok(first.clone()));
        let other = rig.central.call(&member("p1"), new_zone("example.org.")).await.unwrap_err();
        assert_eq!(other.kind, "duplicate_zone");
        let set = rig.central.call(&cx, new_set(&first, "www", 1)).await.unwrap();
        assert_eq!(set.zone_id, first.id, "a key stands for one request of each kind");
    });
}

/// An engine that counts the transactions in which something is written.
#[derive(Debug)]
struct Counting(SqliteDriver, Arc<AtomicUsize>);

impl Driver for Counting {
    fn begin(&self, mode: Mode) -> BoxFuture<'_, Result<Box<dyn Tx>, StoreError>> {
        self.1.fetch_add(usize::from(matches!(mode, Mode::Write)), Ordering::SeqCst);
        self.0.begin(mode)
    }

    fn migrate(&self, token: Option<u64>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.0.migrate(token)
    }

    fn schema_version(&self) -> BoxFuture<'_, Result<Option<u32>, StoreError>> {
        self.0.schema_version()
    }
}

#[test]
fn changes_that_come_at_once_share_a_transaction_and_each_has_its_own_outcome() {
    run_paused(async {
        let driver = SqliteDriver::in_memory(Connections::default()).await.unwrap();
        let begun = Arc::new(AtomicUsize::new(0));
        let store = Store::new(Counting(driver, Arc::clone(&begun)));
        let rig = rig(store, Arc::new(InProcess::through_codec()), Config::default().central).await;
        let (cx, central) = (&member("p1"), &rig.central);
        let zone = &central.call(cx, new_zone("example.org.")).await.unwrap();
        let old = central.call(cx, new_set(zone, "old", 1)).await.unwrap();
        let generation = stored(&rig.store, zone.id).await.unwrap().progress.generation.number();
        let before = begun.load(Ordering::SeqCst);

        let changes =
            RecordsetChanges { records: Some(vec!["192.0.2.9".to_owned()]), ..RecordsetChanges::default() };
        let update = UpdateRecordset { zone_id: zone.id, id: old.id, changes };
        let (once, stranger) = (&cx.clone().with_once(OnceKey::random()), &member("p2"));
        let creates = (0..8).map(|n| central.call(cx, new_set(zone, &format!("w{n}"), 2)));
        let (created, again, twice, updated, theirs, deleted) = tokio::join!(
            futures::future::join_all(creates),
            central.call(cx, new_set(zone, "w0", 1)),
            futures::future::join_all([0, 1].map(|_| central.call(once, new_set(zone, "once", 2)))),
            central.call(cx, update),
            central.call(stranger, new_set(zone, "theirs", 1)),
            central.call(cx, DeleteRecordset { zone_id: zone.id, id: old.id }),
        );
        assert!(created.iter().all(Result::is_ok), "{created:?}");
        assert_eq!(again.unwrap_err().kind, "duplicate_recordset");
        assert_eq!(twice[0].as_ref().unwrap().id, twice[1].as_ref().unwrap().id);
        assert_eq!((updated.unwrap().version, deleted.unwrap().version), (2, 3));
        assert_eq!(theirs.unwrap_err().kind, "zone_not_found");

        let after = stored(&rig.store, zone.id).await.unwrap();
        assert_eq!((after.recordset_count, after.record_count), (2 + 9, 2 * 9));
        assert_eq!(after.progress.generation.number(), generation + 9 + 2, "each change is one");
        // Three are refused and looked at once more, each by itself; the first came alone.
        let transactions = begun.load(Ordering::SeqCst) - before;
        assert!((2..=6).contains(&transactions), "{transactions}");
    });
}

async fn on_postgres(postgres: &Postgres, config: CentralConfig) -> Rig {
    let store = Store::open(&postgres.database().await).await.unwrap();
    rig(store, Arc::new(InProcess::through_codec()), config).await
}

fn refused_as(kind: &str, outcomes: &[Result<(), Fault>]) -> usize {
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(refused.iter().all(|fault| fault.kind == kind), "{refused:?}");
    refused.len()
}

#[test]
fn creates_at_the_same_time_never_exceed_a_quota() {
    let Some(postgres) = Postgres::shared() else { return };
    run_threaded(async {
        let mut config = Config::default().central;
        config.quotas.zones = 5;
        config.quotas.zone_recordsets = 6;
        config.quotas.zone_records = 7;
        let rig = on_postgres(postgres, config).await;
        let cx = member("p1");
        let zones = (0..20).map(|n| {
            let (central, cx) = (&rig.central, &cx);
            async move { central.call(cx, new_zone(&format!("z{n}.example."))).await.map(drop) }
        });
        let outcomes = futures::future::join_all(zones).await;
        assert_eq!(refused_as("over_quota", &outcomes), 15);

        for (records, most) in [(0, 4), (2, 3)] {
            let cx = &member(&format!("q{records}"));
            let zone = &rig.central.call(cx, new_zone(&format!("q{records}.example."))).await.unwrap();
            let sets = (0..16).map(|n| {
                let central = &rig.central;
                async move { central.call(cx, new_set(zone, &format!("w{n}"), records)).await.map(drop) }
            });
            let outcomes = futures::future::join_all(sets).await;
            assert_eq!(refused_as("over_quota", &outcomes), 16 - most, "{records}");
        }
    });
}

#[test]
fn zones_above_and_below_each_other_have_one_owner_though_they_come_at_once() {
    let Some(postgres) = Postgres::shared() else { return };
    run_threaded(async {
        let mut config = Config::default().central;
        config.quotas.zones = 1000;
        let rig = on_postgres(postgres, config).await;
        for round in 0..20 {
            let creates =
                ["", "a.", "b.a.", "c.b.a.", "z.", "y.z."].into_iter().enumerate().map(|(n, below)| {
                    let central = &rig.central;
                    async move {
                        let zone = new_zone(&format!("{below}r{round}.example."));
                        central.call(&member(&format!("p{n}")), zone).await
                    }
                });
            let made = futures::future::join_all(creates).await;
            let made: Vec<Zone> = made.into_iter().filter_map(Result::ok).collect();
            assert!(!made.is_empty());
            for (one, other) in made.iter().flat_map(|one| made.iter().map(move |other| (one, other))) {
                assert!(!one.name.is_below(&other.name), "{} is below {}", one.name, other.name);
            }
        }
    });
}

#[test]
fn a_zone_is_never_deleted_while_one_is_created_below_it() {
    let Some(postgres) = Postgres::shared() else { return };
    run_threaded(async {
        let mut config = Config::default().central;
        config.quotas.zones = 1000;
        let rig = on_postgres(postgres, config).await;
        let mut outcomes = BTreeSet::new();
        for round in 0..20 {
            let cx = member("p1");
            let parent = rig.central.call(&cx, new_zone(&format!("r{round}.example."))).await.unwrap();
            let (child, deleted) = tokio::join!(
                rig.central.call(&cx, new_zone(&format!("a.r{round}.example."))),
                rig.central.call(&cx, DeleteZone { id: parent.id }),
            );
            let child = child.unwrap();
            match deleted {
                Ok(_) => assert_eq!(
                    child.parent_id,
                    Some(parent.id),
                    "the name of a zone that goes is still taken"
                ),
                Err(fault) => assert_eq!(fault.kind, "zone_has_sub_zone"),
            }
            let counted: Result<u64, StoreError> = rig
                .store
                .read(|tx| Box::pin(async move { zones::children_count(tx, parent.id).await }))
                .await;
            outcomes.insert(counted.unwrap());
        }
        assert_eq!(outcomes, BTreeSet::from([1]));
    });
}

#[test]
fn only_those_wait_whose_decisions_touch() {
    let Some(postgres) = Postgres::shared() else { return };
    run_threaded(async {
        let store = Store::open(&postgres.database().await).await.unwrap();
        store.migrate().await.unwrap();
        let hold = async |project: &str, zone: &str| {
            let mut tx = store.begin(Mode::Write).await.unwrap();
            zones::hold_for_create(&mut *tx, &ProjectId::new(project), &name(zone)).await.unwrap();
            tx
        };
        let first = hold("a", "x.example.org.").await;
        for (project, zone) in [("b", "y.example.org."), ("c", "example.com."), ("d", "x.example.net.")] {
            let goes_on = tokio::time::timeout(LIMIT, hold(project, zone)).await;
            goes_on.unwrap_or_else(|_| panic!("{project} waits for {zone}")).rollback().await;
        }
        let waiting =
            [("a", "other.test."), ("b", "x.example.org."), ("c", "example.org."), ("d", "w.x.example.org.")]
                .map(|(project, zone)| Box::pin(hold(project, zone)));
        let mut waiting = futures::future::join_all(waiting);
        let watcher = postgres.client("postgres").await;
        let sql = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        let all_wait = async {
            loop {
                assert!(futures::poll!(&mut waiting).is_pending(), "nobody gets on");
                let row = watcher.query_one(sql, &[]).await.unwrap();
                if row.get::<_, i64>(0) == 4 {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, all_wait).await.unwrap();
        first.rollback().await;
        drop(waiting);
    });
}
