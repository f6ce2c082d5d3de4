//! Propagations to name servers in memory, on a paused clock.

use std::collections::BTreeMap;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name as WireName, RData};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::actors::worker::backends::{Backends, FakeBackend, Script};
use crate::actors::worker::kit::PoolKits;
use crate::actors::worker::signers::Signers;
use crate::clock::Clock;
use crate::config::{Config, WorkerConfig};
use crate::dns::fake_server::{FakeNet, FakeServer, Manner, TransferSource};
use crate::domain::host_port::HostPort;
use crate::domain::ids::{AlsoNotifyId, NameserverId, PoolId, TargetId, ZoneId};
use crate::domain::name::Name;
use crate::domain::pool::{AlsoNotify, Nameserver, Pool, Target};
use crate::domain::time::Timestamp;
use crate::store::Store;

/// What the name servers transfer: zones with nothing but a serial.
#[derive(Default)]
struct Primary(Mutex<BTreeMap<Name, u32>>);

#[async_trait::async_trait]
impl TransferSource for Primary {
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>> {
        let serial = *self.0.lock().get(zone)?;
        let name = WireName::from_ascii(zone.as_str()).unwrap();
        let soa = SOA::new(name.clone(), name.clone(), serial, 1, 1, 1, 1);
        Some(vec![Record::from_rdata(name, 60, RData::SOA(soa))])
    }
}

/// A pool of name servers that are also its targets, and one zone.
struct Field {
    primary: Arc<Primary>,
    net: FakeNet,
    tools: Arc<Tools>,
    kits: PoolKits,
    pool: Pool,
    zone: ZoneSpec,
}

fn place(number: usize) -> HostPort {
    HostPort::new(format!("192.0.2.{number}"), 53)
}

fn zone(name: &str) -> ZoneSpec {
    ZoneSpec { id: ZoneId::random(), name: Name::parse(name).unwrap() }
}

impl Field {
    async fn new(servers: usize, change: impl FnOnce(&mut WorkerConfig)) -> Self {
        let primary = Arc::new(Primary::default());
        let net = FakeNet::new(Arc::clone(&primary) as Arc<dyn TransferSource>);
        let mut config = Config::default().worker;
        change(&mut config);
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        let tools = Arc::new(Tools {
            signers: Signers::new(store.clone(), Clock::system()),
            store,
            exchange: Arc::new(net.clone()),
            config,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let target = |number| Target {
            id: TargetId::random(),
            driver: "fake".to_owned(),
            description: None,
            masters: Vec::new(),
            options: [("host".to_owned(), place(number).host)].into(),
            tsigkey_id: None,
        };
        let nameserver =
            |number| Nameserver { id: NameserverId::random(), at: place(number), tsigkey_id: None };
        let pool = Pool {
            id: PoolId::DEFAULT,
            project_id: None,
            name: "default".to_owned(),
            description: None,
            attributes: BTreeMap::new(),
            ns_records: Vec::new(),
            nameservers: (0..servers).map(nameserver).collect(),
            targets: (0..servers).map(target).collect(),
            also_notifies: Vec::new(),
            version: 1,
            created_at: Timestamp::default(),
            updated_at: None,
        };
        let kits = PoolKits::new(Backends::default().with_fake_net(net.clone()));
        Self { primary, net, tools, kits, pool, zone: zone("example.org.") }
    }

    fn server(&self, number: usize) -> FakeServer {
        self.net.server(&place(number))
    }

    fn kit(&self) -> Arc<PoolKit> {
        self.kits.put(self.pool.clone())
    }

    fn publish(&self, serial: u32) {
        self.primary.0.lock().insert(self.zone.name.clone(), serial);
    }

    /// Publishes and begins the propagation.
    fn begin(&self, generation: u64, serial: u32) -> Propagation {
        self.publish(serial);
        let version = (Generation::new(generation), Serial::new(serial));
        Propagation::of_version(Arc::clone(&self.tools), self.kit(), self.zone.clone(), version, None)
    }

    fn begin_deletion(&self, generation: u64) -> Propagation {
        let (tools, zone) = (Arc::clone(&self.tools), self.zone.clone());
        Propagation::of_deletion(tools, self.kit(), zone, Generation::new(generation), false)
    }

    /// Brings a first version everywhere.
    async fn settled(&self) {
        assert_eq!(all(&mut self.begin(1, 10)).await, [(1, Outcome::Propagated)]);
    }
}

async fn all(propagation: &mut Propagation) -> Vec<(u64, Outcome)> {
    let mut reports = Vec::new();
    while let Some(report) = propagation.next_report().await {
        reports.push((report.generation.number(), report.outcome));
    }
    reports
}

#[tokio::test(start_paused = true)]
async fn a_new_zone_is_everywhere_within_milliseconds() {
    let field = Field::new(2, |_| {}).await;
    let begun = Instant::now();
    let mut propagation = field.begin(1, 10);
    assert_eq!(all(&mut propagation).await, [(1, Outcome::Propagated)]);
    assert!(begun.elapsed() < Duration::from_millis(20), "{:?}", begun.elapsed());
    assert_eq!(propagation.answers(), [Answer::Serial(Serial::new(10)); 2]);
}

#[tokio::test(start_paused = true)]
async fn a_version_goes_to_everybody_who_is_to_know() {
    let mut field = Field::new(1, |_| {}).await;
    field.settled().await;
    field.pool.nameservers.push(Nameserver { id: NameserverId::random(), at: place(7), tsigkey_id: None });
    field.pool.also_notifies.push(AlsoNotify { id: AlsoNotifyId::random(), at: place(8) });
    field.pool.version += 1;
    for number in [7, 8] {
        field.server(number).add_zone(&field.zone.name);
    }
    assert_eq!(all(&mut field.begin(2, 11)).await, [(2, Outcome::Propagated)]);
    for number in [0, 7, 8] {
        let told: Vec<Name> = field.server(number).notified().into_iter().map(|(zone, _)| zone).collect();
        assert!(told.contains(&field.zone.name), "server {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_makes_it_fail_when_its_time_is_over() {
    let field = Field::new(2, |_| {}).await;
    field.settled().await;
    field.server(1).behave(Manner::Silent);
    let begun = Instant::now();
    assert_eq!(all(&mut field.begin(2, 11)).await, [(2, Outcome::Failed)]);
    assert_eq!(begun.elapsed(), field.tools.config.propagation_timeout);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_in_time_is_told_again() {
    let field = Field::new(2, |_| {}).await;
    field.settled().await;
    // It answers NOTIFY but cannot transfer yet: only a second word makes it try again.
    field.server(1).lag(Duration::from_secs(3600));
    let mut propagation = field.begin(2, 11);
    assert!(timeout(Duration::from_secs(1), propagation.next_report()).await.is_err());
    field.server(1).lag(Duration::ZERO);
    assert_eq!(all(&mut propagation).await, [(2, Outcome::Propagated)]);
}

#[tokio::test(start_paused = true)]
async fn half_the_servers_suffice_if_the_threshold_says_so_and_the_rest_is_not_given_up() {
    let field = Field::new(2, |config| config.threshold_percentage = 50).await;
    field.server(1).behave(Manner::Silent);
    let mut propagation = field.begin(1, 10);
    let report = propagation.next_report().await.unwrap();
    assert_eq!(report.outcome, Outcome::Propagated);
    assert!(propagation.is_decided());
    assert!(!field.server(1).has_zone(&field.zone.name));

    field.server(1).behave(Manner::Normal);
    assert_eq!(propagation.next_report().await, None);
    assert!(field.server(1).has_zone(&field.zone.name));
}

#[tokio::test(start_paused = true)]
async fn versions_that_come_faster_than_they_arrive_are_each_reported_once() {
    let field = Field::new(1, |_| {}).await;
    field.settled().await;
    field.server(0).lag(Duration::from_secs(1));
    let mut propagation = field.begin(2, 11);
    assert!(timeout(Duration::from_millis(500), propagation.next_report()).await.is_err());
    field.publish(12);
    propagation.add_version((Generation::new(3), Serial::new(12)), None);
    // The transfer under way brings the newer version, so the older one needs no report of its own.
    assert_eq!(all(&mut propagation).await, [(3, Outcome::Propagated)]);

    field.server(0).behave(Manner::Silent);
    let mut propagation = field.begin(4, 13);
    assert!(timeout(Duration::from_secs(50), propagation.next_report()).await.is_err());
    propagation.add_version((Generation::new(5), Serial::new(14)), None);
    assert_eq!(all(&mut propagation).await, [(4, Outcome::Failed), (5, Outcome::Failed)]);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_zone_is_waited_for_until_no_server_has_it() {
    let field = Field::new(2, |_| {}).await;
    field.settled().await;
    assert_eq!(all(&mut field.begin_deletion(2)).await, [(2, Outcome::Propagated)]);
    assert!(!field.server(0).has_zone(&field.zone.name));

    field.settled().await;
    field.server(1).behave(Manner::Silent);
    assert_eq!(all(&mut field.begin_deletion(3)).await, [(3, Outcome::Failed)]);
    field.server(1).behave(Manner::Normal);
    assert_eq!(all(&mut field.begin_deletion(3)).await, [(3, Outcome::Propagated)]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_a_server_lost_is_pushed_again() {
    let field = Field::new(2, |_| {}).await;
    field.settled().await;
    field.server(1).remove_zone(&field.zone.name);
    assert_eq!(all(&mut field.begin(2, 11)).await, [(2, Outcome::Propagated)]);
    assert_eq!(field.server(1).serial(&field.zone.name), Some(Serial::new(11)));
}

#[tokio::test(start_paused = true)]
async fn servers_that_never_have_the_zone_are_told_apart_from_slow_ones() {
    let mut field = Field::new(1, |_| {}).await;
    field.pool.nameservers.first_mut().unwrap().at = place(9);
    field.server(9);
    assert_eq!(all(&mut field.begin(1, 10)).await, [(1, Outcome::NoZone)]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_succeed_fails_at_once() {
    let begun = Instant::now();
    let field = Field::new(0, |_| {}).await;
    assert_eq!(all(&mut field.begin(1, 10)).await, [(1, Outcome::Failed)]);
    assert_eq!(all(&mut field.begin_deletion(2)).await, [(2, Outcome::Propagated)]);

    let mut field = Field::new(2, |_| {}).await;
    field.pool.targets.first_mut().unwrap().driver = "unknown".to_owned();
    assert_eq!(all(&mut field.begin(1, 10)).await, [(1, Outcome::Failed)]);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_target_is_asked_once_and_then_known_until_its_definition_changes() {
    let mut field = Field::new(1, |_| {}).await;
    let fake = FakeBackend::default();
    let shared = fake.clone();
    field.kits = PoolKits::new(Backends::default().with("fake", move |_| Ok(Arc::new(shared.clone()))));
    let server = field.server(0);
    server.add_zone(&field.zone.name);
    field.settled().await;
    field.pool.version += 1;
    assert_eq!(all(&mut field.begin(2, 11)).await, [(2, Outcome::Propagated)]);
    assert_eq!(fake.calls(), 1);

    field.pool.targets.first_mut().unwrap().masters.push(place(3));
    field.pool.version += 1;
    assert_eq!(all(&mut field.begin(3, 12)).await, [(3, Outcome::Propagated)]);
    assert_eq!(fake.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_or_hangs_is_tried_again() {
    let mut field = Field::new(1, |_| {}).await;
    let fake = FakeBackend::default();
    let shared = fake.clone();
    field.kits = PoolKits::new(Backends::default().with("fake", move |_| Ok(Arc::new(shared.clone()))));
    field.server(0).add_zone(&field.zone.name);
    fake.follow(Script::Fail(BackendError::Refused { reason: "busy".to_owned() }));
    let mut propagation = field.begin(1, 10);
    assert!(timeout(Duration::from_secs(5), propagation.next_report()).await.is_err());
    assert!(fake.calls() > 3);
    fake.follow(Script::Hang);
    assert!(timeout(Duration::from_secs(10), propagation.next_report()).await.is_err());
    fake.follow(Script::Obey);
    assert_eq!(all(&mut propagation).await, [(1, Outcome::Propagated)]);
}

#[tokio::test(start_paused = true)]
async fn thousands_wait_at_the_same_time() {
    let field = Field::new(2, |_| {}).await;
    field.server(1).lag(Duration::from_secs(2));
    let kit = field.kit();
    let begun = Instant::now();
    let reports = futures::future::join_all((0..1000).map(|number| {
        let zone = zone(&format!("zone{number}.example."));
        field.primary.0.lock().insert(zone.name.clone(), 1);
        let version = (Generation::FIRST, Serial::new(1));
        let mut propagation =
            Propagation::of_version(Arc::clone(&field.tools), Arc::clone(&kit), zone, version, None);
        async move { propagation.next_report().await }
    }))
    .await;
    assert!(reports.iter().all(|report| report.is_some_and(|r| r.outcome == Outcome::Propagated)));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
