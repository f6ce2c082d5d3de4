//! The ground that workers are tested on: a real database and transport, name servers in memory, central faked but for
//! what it does with reports.

use std::collections::BTreeMap;
use std::time::Duration;

use hickory_proto::rr::{RData, Record, RecordType as WireType};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use crate::actors::central::api::status::ReportZone;
use crate::actors::mdns::api::ZonePublished;
use crate::actors::worker::api::{self, RecoverShards};
use crate::actors::worker::*;
use crate::config::Config;
use crate::dns::client::SocketExchange;
use crate::dns::fake_server::{FakeNet, FakeServer, TransferSource};
use crate::domain::generation::Generation;
use crate::domain::host_port::HostPort;
use crate::domain::ids::{NameserverId, NsRecordId, PoolId, TargetId};
use crate::domain::name::Name;
use crate::domain::pool::{Nameserver, NsRecord, Pool, Target};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::shard::Shard;
use crate::domain::shard_lease::ShardLease;
use crate::domain::tick::Tick;
use crate::domain::time::Timestamp;
use crate::domain::ttl::Ttl;
use crate::domain::zone::{SoaTimers, Zone, ZoneKind};
use crate::domain::zone_status::{Outcome, Progress, Verdict};
use crate::store::StoreError;
use crate::store::repo::{pools, recordsets, versions, zones};
use crate::transport::fake::{Fake, Faked};
use crate::transport::{Host, HostConfig, InProcess, Place, Serving, Transport as _};

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);

/// A producer's request to take up whatever lags, like no other before.
pub(super) fn recover_all(limit: u32) -> RecoverShards {
    let leases = vec![ShardLease { first: Shard::FIRST, last: Shard::LAST, token: 1 }];
    let tick = Tick::new("recovery", &leases, 0, rand::random());
    RecoverShards { leases, limit, tick }
}

/// Name servers transfer what is published in the database.
struct Published(Store);

#[async_trait::async_trait]
impl TransferSource for Published {
    async fn transfer(&self, zone: &Name) -> Option<Vec<Record>> {
        let soa = self
            .0
            .read(|tx| {
                Box::pin(async move {
                    let Some(zone) = zones::by_name(tx, zone).await?.pop() else { return Ok(None) };
                    recordsets::by_name_type(tx, zone.id, &zone.name, RecordType::Soa).await
                })
            })
            .await;
        let text = Result::<_, StoreError>::ok(soa)??.records.pop()?;
        let name = hickory_proto::rr::Name::from_ascii(zone.as_str()).ok()?;
        Some(vec![Record::from_rdata(name, 60, RData::try_from_str(WireType::SOA, &text).ok()?)])
    }
}

/// A deployment without an API: two name servers, one pool.
pub(super) struct Ground {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) transport: InProcess,
    pub(super) net: FakeNet,
    pub(super) pool: Pool,
    pub(super) reports: Arc<Mutex<Vec<ReportZone>>>,
    pub(super) central: Faked,
    pub(super) mdns: Faked,
}

/// A mounted worker.
pub(super) struct Mounted {
    pub(super) service: Arc<WorkerService>,
    pub(super) serving: Serving,
}

pub(super) fn place(number: usize) -> HostPort {
    HostPort::new(format!("192.0.2.{number}"), 53)
}

pub(super) fn nameserver(number: usize) -> Nameserver {
    Nameserver { id: NameserverId::random(), at: place(number), tsigkey_id: None }
}

fn pool() -> Pool {
    let target = |number| Target {
        id: TargetId::random(),
        driver: "fake".to_owned(),
        description: None,
        masters: vec![HostPort::new("192.0.2.100", 5354)],
        options: [("host".to_owned(), place(number).host)].into(),
        tsigkey_id: None,
    };
    let hostname = Name::parse("ns1.example.net.").unwrap();
    Pool {
        id: PoolId::DEFAULT,
        project_id: None,
        name: "default".to_owned(),
        description: None,
        attributes: BTreeMap::new(),
        ns_records: vec![NsRecord { id: NsRecordId::random(), hostname, priority: 1 }],
        nameservers: (0..2).map(nameserver).collect(),
        targets: (0..2).map(target).collect(),
        also_notifies: Vec::new(),
        version: 0,
        created_at: START,
        updated_at: None,
    }
}

impl Ground {
    pub(super) async fn new() -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        let transport = InProcess::through_codec();
        let reports = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reports);
        let central = Fake::<Central>::on(move |m: ReportZone| {
            seen.lock().push(m);
            Ok(())
        });
        let mdns = Fake::<Mdns>::on(|_: ZonePublished| Ok(()));
        let ground = Self {
            net: FakeNet::new(Arc::new(Published(store.clone()))),
            clock: Clock::following_tokio(START),
            pool: pool(),
            reports,
            central: central.mount(&transport).await.unwrap(),
            mdns: mdns.mount(&transport).await.unwrap(),
            store,
            transport,
        };
        ground.put_pool().await;
        ground
    }

    pub(super) async fn put_pool(&self) {
        let (pool, now) = (&self.pool, self.clock.now());
        self.store
            .transact(|tx| Box::pin(async move { pools::put(tx, pool, now).await }))
            .await
            .map(drop)
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
    }

    pub(super) async fn worker(&self) -> Mounted {
        self.worker_with(Config::default().worker).await
    }

    pub(super) async fn worker_with(&self, config: WorkerConfig) -> Mounted {
        let endpoint = Worker::endpoint();
        let service = Arc::new(WorkerService::new(WorkerParts {
            instance: endpoint.instance,
            store: self.store.clone(),
            clock: self.clock,
            config,
            recovery: Config::default().producer.recovery,
            exchange: Arc::new(self.net.clone()),
            transfers: Arc::new(SocketExchange::default()),
            notifications: (Config::default().notifications, "here".to_owned()),
            backends: Backends::default().with_fake_net(self.net.clone()),
            central: self.transport.service_ref(),
            mdns: self.transport.service_ref(),
            workers: self.transport.service_ref(),
        }));
        let place = Place::current().unwrap();
        let inbox = Host::start(Arc::clone(&service), api::routes(), HostConfig::default(), &place);
        Mounted { service, serving: self.transport.serve(endpoint, inbox).await.unwrap() }
    }

    pub(super) fn server(&self, number: usize) -> FakeServer {
        self.net.server(&place(number))
    }

    /// A new zone as central makes it, nobody nudged.
    pub(super) async fn create(&self, name: &str) -> Zone {
        let now = self.clock.now();
        let zone = Zone {
            id: ZoneId::random(),
            pool_id: self.pool.id,
            project_id: None,
            name: Name::parse(name).unwrap(),
            kind: ZoneKind::Primary,
            email: "admin@example.org".to_owned(),
            description: None,
            ttl: Ttl::new(3600).unwrap(),
            timers: SoaTimers { refresh: 3600, retry: 600, expire: 86400, minimum: 3600 },
            serial: Serial::at(now.seconds()),
            progress: Progress::created(),
            shared: false,
            attributes: BTreeMap::new(),
            masters: Vec::new(),
            parent_id: None,
            recordset_count: 1,
            record_count: 0,
            hard_delete: false,
            version: 1,
            created_at: now,
            updated_at: None,
            transferred_at: None,
            published_at: Some(now),
        };
        let (stored, pool) = (&zone, &self.pool);
        self.store
            .transact(|tx| {
                Box::pin(async move {
                    zones::insert(tx, stored, now).await?;
                    let mname = &pool.ns_records.first().unwrap().hostname;
                    let text = crate::domain::soa::text(mname, &stored.email, stored.serial, stored.timers);
                    let first = Generation::FIRST;
                    recordsets::set_generated(tx, stored, RecordType::Soa, vec![text], first, now).await?;
                    versions::record(tx, stored.id, stored.serial, first, now).await
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
        zone
    }

    /// Changes a zone's progress as central does.
    pub(super) async fn alter(&self, zone: &Zone, change: impl Fn(Progress) -> Verdict + Send + Sync) {
        let (id, now, change) = (zone.id, self.clock.now(), &change);
        self.store
            .transact(|tx| {
                Box::pin(async move {
                    let Some(mut zone) = zones::lock(tx, id).await? else { return Ok(()) };
                    match change(zone.progress) {
                        Verdict::Unchanged => Ok(()),
                        Verdict::Stands(progress) => {
                            zone.progress = progress;
                            zones::update(tx, &mut zone, now).await
                        }
                        Verdict::Gone(progress) => {
                            zone.progress = progress;
                            zones::mark_gone(tx, &zone, now).await
                        }
                    }
                })
            })
            .await
            .unwrap_or_else(|error: StoreError| panic!("{error}"));
    }

    pub(super) async fn change(&self, zone: &Zone) {
        self.alter(zone, |progress| Verdict::Stands(progress.changed())).await;
    }

    pub(super) async fn delete(&self, zone: &Zone) {
        self.alter(zone, |progress| Verdict::Stands(progress.deleting())).await;
    }

    pub(super) async fn zone(&self, zone: &Zone) -> Option<Zone> {
        let id = zone.id;
        let found = self.store.read(|tx| Box::pin(async move { zones::get_any(tx, id).await })).await;
        found.unwrap_or_else(|error: StoreError| panic!("{error}"))
    }

    pub(super) async fn nudge(&self, zone: &Zone) {
        let worker = self.transport.service_ref::<Worker>();
        worker.cast(&Cx::system(PATIENCE), PublishZone { zone: zone.id }).await.unwrap();
    }

    pub(super) async fn recover(&self) -> u32 {
        let message = recover_all(100);
        let worker = self.transport.service_ref::<Worker>();
        worker.call(&Cx::system(PATIENCE), message).await.unwrap().zones
    }

    /// The next report, applied to the database as central does.
    pub(super) async fn report(&self, zone: &Zone) -> (u64, Outcome) {
        let at = self.reports.lock().len() + 1;
        self.reported(zone, at).await
    }

    /// The report number `count`, applied.
    pub(super) async fn reported(&self, zone: &Zone, count: usize) -> (u64, Outcome) {
        timeout(PATIENCE, self.central.answered::<ReportZone>(count)).await.unwrap();
        let report = self.reports.lock()[count - 1].clone();
        assert_eq!(report.zone_id, zone.id);
        self.alter(zone, |progress| progress.reported(report.generation, report.outcome)).await;
        (report.generation.number(), report.outcome)
    }

    /// A zone that is ACTIVE.
    pub(super) async fn settled(&self, name: &str) -> Zone {
        let zone = self.create(name).await;
        let count = self.reports.lock().len() + 1;
        self.nudge(&zone).await;
        assert_eq!(self.reported(&zone, count).await, (1, Outcome::Propagated));
        tokio::time::advance(Duration::from_secs(60)).await;
        zone
    }
}

impl Mounted {
    pub(super) async fn leave(self) {
        self.serving.drain(Instant::now() + Duration::from_secs(1)).await;
        self.service.stop().await;
    }
}
