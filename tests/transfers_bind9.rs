//! Transfers to a real BIND 9 and to dig: what changed as IXFR, and everything signed by TSIG.
//!
//! How long one change takes to BIND: `ORDAIN_BENCH_NAMES=100000 cargo test --release --test transfers_bind9 ixfr -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use ordain::actors::mdns::MdnsService;
use ordain::clock::Clock;
use ordain::config::{Config, MdnsConfig};
use ordain::dns::client::{Notify, NotifyPolicy, PollAnswer, SocketExchange, notify, poll_serial};
use ordain::dns::server::Server;
use ordain::domain::delta::{JournalEntry, RrSet};
use ordain::domain::generation::Generation;
use ordain::domain::host_port::HostPort;
use ordain::domain::ids::{PoolId, RecordsetId, TsigKeyId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::Recordset;
use ordain::domain::serial::Serial;
use ordain::domain::tsig_key::{TsigAlgorithm, TsigKey, TsigScope, TsigSecret};
use ordain::domain::ttl::Ttl;
use ordain::domain::zone::{SoaTimers, Zone, ZoneKind};
use ordain::domain::zone_status::{Action, Progress, Status};
use ordain::store::repo::{journal, recordsets, tsig_keys, versions, zones};
use ordain::store::{Store, StoreError};
use support::bind::Bind;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
const ORIGIN: &str = "example.org.";
const SECRET: &str = "YSBzaGFyZWQgc2VjcmV0IG9mIDMyIG9jdGV0cy4uLi4=";

/// Names in the zone.
fn names() -> usize {
    std::env::var("ORDAIN_BENCH_NAMES").ok().and_then(|names| names.parse().ok()).unwrap_or(2000)
}

struct Ours {
    store: Store,
    server: Server,
    zone: ZoneId,
}

impl Ours {
    /// A name server that tells nobody anything who does not sign.
    async fn start() -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        let zone = write_zone(&store).await;
        for algorithm in TsigAlgorithm::ALL {
            write_key(&store, algorithm.as_str(), algorithm).await;
        }
        let config = MdnsConfig {
            listen: vec![([127, 0, 0, 1], 0).into()],
            query_enforce_tsig: true,
            ..Config::default().mdns
        };
        let mdns = MdnsService::new(store.clone(), Clock::system(), config, None);
        mdns.load().await.unwrap();
        let server = mdns.listen().await.unwrap();
        Self { store, server, zone }
    }

    fn port(&self) -> u16 {
        self.server.addresses()[0].port()
    }

    /// One more name, published.
    async fn add(&self, owner: &str) -> u32 {
        let (id, owner, now) = (self.zone, &Name::parse(owner).unwrap(), Clock::system().now());
        let done: Result<Serial, StoreError> = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    let mut zone = zones::lock(tx, id).await?.unwrap();
                    zone.progress = zone.progress.changed();
                    zone.serial = zone.serial.next(0);
                    let generation = zone.progress.generation;
                    let row = row(&zone, owner, RecordType::A, "192.0.2.200");
                    let after = Some(RrSet { ttl: None, records: row.records.clone() });
                    recordsets::insert(tx, &row).await?;
                    let line =
                        JournalEntry { generation, name: owner.clone(), kind: row.kind, before: None, after };
                    journal::append(tx, id, &[line], now).await?;
                    zone.progress.published = generation;
                    zones::update(tx, &mut zone, now).await?;
                    versions::record(tx, id, zone.serial, generation, now).await?;
                    Ok(zone.serial)
                })
            })
            .await;
        done.unwrap().number()
    }

    async fn dig(&self, arguments: &str) -> String {
        let mut dig = std::process::Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &self.port().to_string(), "+time=20", "+tries=1", "+tcp"]);
        dig.args(arguments.split(' '));
        let output = tokio::task::spawn_blocking(move || dig.output()).await.unwrap().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

async fn write_zone(store: &Store) -> ZoneId {
    let (name, now) = (Name::parse(ORIGIN).unwrap(), Clock::system().now());
    let zone = Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: None,
        name: name.clone(),
        kind: ZoneKind::Primary,
        email: "admin@example.org".into(),
        description: None,
        ttl: Ttl::new(3600).unwrap(),
        timers: SoaTimers { refresh: 3600, retry: 600, expire: 86_400, minimum: 60 },
        serial: Serial::new(1),
        progress: Progress::created(),
        shared: false,
        attributes: BTreeMap::new(),
        masters: vec![],
        parent_id: None,
        recordset_count: names() as u64 + 2,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: now,
        updated_at: None,
        transferred_at: None,
        published_at: None,
    };
    let soa = "ns.example.org. admin.example.org. 1 3600 600 86400 60";
    let mut rows =
        vec![row(&zone, &name, RecordType::Soa, soa), row(&zone, &name, RecordType::Ns, "ns.example.org.")];
    for n in 0..names() {
        let owner = Name::parse(&format!("host-{n}.{ORIGIN}")).unwrap();
        rows.push(row(&zone, &owner, RecordType::A, &format!("192.0.2.{}", n % 256)));
    }
    let (zone, rows) = (&zone, &rows);
    let done: Result<(), StoreError> = store
        .transact(|tx| {
            Box::pin(async move {
                zones::insert(tx, zone, now).await?;
                recordsets::insert_many(tx, rows).await?;
                versions::record(tx, zone.id, zone.serial, Generation::FIRST, now).await
            })
        })
        .await;
    done.unwrap();
    zone.id
}

fn row(zone: &Zone, name: &Name, kind: RecordType, record: &str) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: None,
        name: name.clone(),
        kind,
        ttl: None,
        description: None,
        records: vec![record.into()],
        managed: false,
        generation: zone.progress.generation,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: zone.created_at,
        updated_at: None,
    }
}

async fn write_key(store: &Store, name: &str, algorithm: TsigAlgorithm) {
    let key = &TsigKey {
        id: TsigKeyId::random(),
        name: name.to_owned(),
        algorithm,
        secret: TsigSecret::new(SECRET),
        scope: TsigScope::Pool,
        resource_id: PoolId::DEFAULT.uuid(),
        version: 1,
        created_at: Clock::system().now(),
        updated_at: None,
    };
    let done: Result<(), StoreError> =
        store.transact(|tx| Box::pin(async move { tsig_keys::insert(tx, key).await })).await;
    done.unwrap();
}

async fn until_serial(bind: &Bind, serial: u32) {
    let (exchange, origin) = (SocketExchange::default(), Name::parse(ORIGIN).unwrap());
    let at = HostPort::new("127.0.0.1", bind.dns().port());
    let polls = async {
        loop {
            let answer = poll_serial(&exchange, &at, &origin, false, Duration::from_secs(1)).await;
            if matches!(answer, PollAnswer::Serial(shown) if shown.number() == serial) {
                return;
            }
        }
    };
    assert!(timeout(LIMIT, polls).await.is_ok(), "{}", bind.log());
}

/// The records of a zone, each line sorted among the others.
fn content(transfer: &str) -> Vec<String> {
    let lines = transfer.lines().filter(|line| !line.is_empty() && !line.starts_with(';'));
    let mut lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[tokio::test]
async fn bind_takes_one_change_as_ixfr_signed_by_a_key() {
    let Some(bind) = Bind::start() else { return };
    let ours = Ours::start().await;
    let file = bind.folder().join("named.conf");
    let mut text = std::fs::read_to_string(&file).unwrap();
    text += &format!("key \"hmac-sha256\" {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n");
    std::fs::write(&file, text).unwrap();
    bind.control(&["reconfig"]).unwrap();
    bind.control(&["trace", "3"]).unwrap();
    let body = format!(
        "{{ type secondary; file \"ours.zone\"; masters {{ 127.0.0.1 port {} key \"hmac-sha256\"; }}; }};",
        ours.port()
    );
    bind.control(&["addzone", ORIGIN, &body]).unwrap();
    until_serial(&bind, 1).await;
    assert!(bind.log().contains("got nonincremental response"), "{}", bind.log());
    assert!(!bind.log().contains("got incremental response"));

    let begun = tokio::time::Instant::now();
    let serial = ours.add("new.example.org.").await;
    let at = HostPort::new("127.0.0.1", bind.dns().port());
    let word = Notify { zone: Name::parse(ORIGIN).unwrap(), soa: None };
    notify(&SocketExchange::default(), &at, &word, NotifyPolicy::default()).await.unwrap();
    until_serial(&bind, serial).await;
    println!("a change of a zone of {} names is at BIND in {:?}", names(), begun.elapsed());
    assert!(bind.log().contains("got incremental response"), "{}", bind.log());

    let key = format!("-y hmac-sha256:hmac-sha256:{SECRET}");
    let mine = content(&ours.dig(&format!("{key} {ORIGIN} AXFR")).await);
    let mut dig = std::process::Command::new("dig");
    dig.args(["@127.0.0.1", "-p", &bind.dns().port().to_string(), ORIGIN, "AXFR"]);
    let its = content(&String::from_utf8_lossy(&dig.output().unwrap().stdout));
    assert!(its.iter().any(|line| line.starts_with("new.example.org.")));
    // What dig verified is one line more.
    let mine: Vec<_> = mine.into_iter().filter(|line| !line.contains(" tsig ")).collect();
    assert_eq!(mine, its);
}

#[tokio::test]
async fn dig_verifies_every_message_by_every_algorithm() {
    if std::env::var_os("ORDAIN_TEST_BIND").is_some_and(|value| value == "0") {
        return;
    }
    let ours = Ours::start().await;
    let complaints = ["WARNING", "Warning", "Couldn't verify", "failed", "BAD", "expected a TSIG"];
    for algorithm in TsigAlgorithm::ALL {
        let name = algorithm.as_str();
        let key = format!("-y {name}:{name}:{SECRET}");
        let text = ours.dig(&format!("{key} {ORIGIN} AXFR")).await;
        assert!(text.contains(&format!("{} records (messages", names() + 3)), "{name}: {text}");
        assert!(!complaints.iter().any(|complaint| text.contains(complaint)), "{name}: {text}");
        let text = ours.dig(&format!("{key} +notcp +norec {ORIGIN} SOA")).await;
        assert!(text.contains("NOERROR") && !text.contains("Couldn't verify"), "{name}: {text}");
    }
    let serial = ours.add("new.example.org.").await;
    let key = format!("-y hmac-sha512:hmac-sha512:{SECRET}");
    for carrier in ["+tcp", "+notcp"] {
        let text = ours.dig(&format!("{key} {carrier} {ORIGIN} IXFR=1")).await;
        assert!(text.contains("new.example.org.") && !text.contains("host-7."), "{carrier}: {text}");
        assert!(text.contains(&format!(" {serial} ")), "{carrier}: {text}");
    }
    for (wrong, answer) in [
        (format!("-y hmac-sha256:nobody:{SECRET} {ORIGIN} SOA"), "BADKEY"),
        (format!("-y hmac-sha256:hmac-sha512:{SECRET} {ORIGIN} SOA"), "BADKEY"),
        (format!("-y hmac-sha256:hmac-sha256:d3Jvbmcgc2VjcmV0 {ORIGIN} SOA"), "BADSIG"),
        (format!("-y hmac-sha256-128:hmac-sha256:{SECRET} {ORIGIN} SOA"), "BADTRUNC"),
        (format!("{ORIGIN} SOA"), "REFUSED"),
    ] {
        let text = ours.dig(&wrong).await;
        assert!(text.contains(answer), "{wrong}: {text}");
    }
}
