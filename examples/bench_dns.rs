//! How fast the name server is: questions a second from memory, and records a second by zone transfer over loopback.
//!
//! `cargo run --release --example bench_dns [names]`; the size of the zone is 100000 names unless given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name as HickoryName, RecordType as HickoryType};
use ordain::actors::mdns::MdnsService;
use ordain::clock::Clock;
use ordain::config::{Config, MdnsConfig};
use ordain::dns::answer::{Authority, Carrier, Peer};
use ordain::dns::catalog::Catalog;
use ordain::dns::server::{InMemory, Limits, Responder, Server};
use ordain::dns::zone::{RrSet, ZoneData, ZoneEdit, ZoneVersion};
use ordain::domain::generation::Generation;
use ordain::domain::ids::{PoolId, RecordsetId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::rdata::RData;
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::Recordset;
use ordain::domain::serial::Serial;
use ordain::domain::time::Timestamp;
use ordain::domain::ttl::Ttl;
use ordain::domain::zone::{SoaTimers, Zone, ZoneKind};
use ordain::domain::zone_status::{Action, Progress, Status};
use ordain::store::repo::{recordsets, zones};
use ordain::store::{Store, StoreError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

const LIMITS: Limits = Limits {
    connections: 100,
    receive: Duration::from_secs(10),
    send: Duration::from_secs(10),
    udp_waiting: 1000,
};
const QUESTIONS: usize = 1_000_000;
const UDP_QUESTIONS: usize = 200_000;
const SOA_QUESTIONS: usize = 20_000;
/// Questions on their way at once, as a busy resolver has them.
const UDP_WINDOW: usize = 64;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let names = match std::env::args().nth(1) {
        Some(names) => names.parse().context("names must be a number")?,
        None => 100_000,
    };
    let started = Instant::now();
    let zone = zone(names)?;
    println!("built a zone of {} records in {:?}", zone.records(), started.elapsed());
    changes(&zone)?;

    let catalog = Arc::new(Catalog::default());
    catalog.put(Arc::new(zone));
    let authority = Authority::new(catalog, |_: &Peer| true, 1232);
    for (what, qname) in [
        ("an address", "host-77.example.org."),
        ("a missing name", "nobody.example.org."),
        ("a name elsewhere", "www.example.com."),
        ("a wildcard", "anything.wild.example.org."),
    ] {
        answers(&authority, what, &question(qname, HickoryType::A)?);
    }
    let responder = Arc::new(Responder::new(authority, Arc::new(InMemory), 10, 16_384));
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()], responder, LIMITS).await?;
    let address = *server.addresses().first().context("no address")?;
    over_udp(address, &question("host-77.example.org.", HickoryType::A)?).await?;
    for _ in 0..3 {
        transfer(address, names).await?;
    }
    server.drain(Instant::now() + Duration::from_secs(1)).await;
    from_database(names).await
}

/// The same by way of the database: loading a zone into memory, and transfers by a hidden primary, which has no memory.
async fn from_database(names: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let store = Store::open(&format!("sqlite:{}", folder.path().join("bench.db").display())).await?;
    store.migrate().await?;
    let zone = &stored_zone()?;
    let mut sets = vec![stored_set(zone, zone.name.clone(), RecordType::Soa, "ns. admin. 1 1 2 3 4".into())];
    for n in 0..=names {
        let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        sets.push(stored_set(zone, Name::parse(&format!("host-{n}.example.org."))?, RecordType::A, address));
    }
    let (sets, now) = (&sets, Timestamp::from_micros(1));
    let write: Result<(), StoreError> = store
        .transact(|tx| {
            Box::pin(async move {
                zones::insert(tx, zone, now).await?;
                recordsets::insert_many(tx, sets).await
            })
        })
        .await;
    write?;
    for answer_queries in [true, false] {
        let config =
            MdnsConfig { listen: vec![([127, 0, 0, 1], 0).into()], answer_queries, ..Config::default().mdns };
        let mdns = MdnsService::new(store.clone(), Clock::system(), config, None);
        let started = Instant::now();
        mdns.load().await?;
        report(&format!("loading, memory filled: {answer_queries}"), names, "records", started.elapsed());
        let server = mdns.listen().await?;
        transfer(*server.addresses().first().context("no address")?, names).await?;
        soa(*server.addresses().first().context("no address")?).await?;
    }
    Ok(())
}

/// Questions that look at the database before they are answered.
async fn soa(to: std::net::SocketAddr) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(to).await?;
    let question = question("example.org.", HickoryType::SOA)?;
    let mut answer = [0; 1232];
    for _ in 0..UDP_WINDOW {
        socket.send(&question).await?;
    }
    let started = Instant::now();
    for _ in 0..SOA_QUESTIONS {
        tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer)).await??;
        socket.send(&question).await?;
    }
    report("SOA over UDP, one client", SOA_QUESTIONS, "questions", started.elapsed());
    Ok(())
}

fn stored_zone() -> anyhow::Result<Zone> {
    Ok(Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: None,
        name: Name::parse("example.org.")?,
        kind: ZoneKind::Primary,
        email: "admin@example.org".into(),
        description: None,
        ttl: Ttl::MAX,
        timers: SoaTimers { refresh: 1, retry: 2, expire: 3, minimum: 4 },
        serial: Serial::new(1),
        progress: Progress::created(),
        shared: false,
        attributes: BTreeMap::new(),
        masters: vec![],
        parent_id: None,
        recordset_count: 0,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: Timestamp::default(),
        updated_at: None,
        transferred_at: None,
        published_at: None,
    })
}

fn stored_set(zone: &Zone, name: Name, kind: RecordType, record: String) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: zone.id,
        zone_name: zone.name.clone(),
        project_id: None,
        name,
        kind,
        ttl: None,
        description: None,
        records: vec![record],
        managed: false,
        generation: Generation::FIRST,
        change: Action::Create,
        action: Action::Create,
        status: Status::Pending,
        version: 1,
        created_at: Timestamp::default(),
        updated_at: None,
    }
}

fn zone(names: usize) -> anyhow::Result<ZoneData> {
    let mut edit = ZoneEdit::new(version(1)?, names);
    let soa = "ns1.example.org. admin.example.org. 1 3600 600 86400 300";
    put(&mut edit, "example.org.", RecordType::Soa, soa)?;
    put(&mut edit, "*.wild.example.org.", RecordType::A, "192.0.2.1")?;
    for n in 0..names {
        let address = format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255);
        put(&mut edit, &format!("host-{n}.example.org."), RecordType::A, &address)?;
    }
    Ok(edit.finish()?)
}

fn version(generation: u64) -> anyhow::Result<ZoneVersion> {
    Ok(ZoneVersion {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        origin: Name::parse("example.org.")?,
        generation: Generation::new(generation),
        serial: Serial::new(1),
        default_ttl: Ttl::ZERO,
    })
}

fn put(edit: &mut ZoneEdit, name: &str, kind: RecordType, text: &str) -> anyhow::Result<()> {
    let data = RData::parse(kind, text)?.to_wire();
    let set = RrSet::new(kind.number(), 3600, [&*data]).context("an empty set")?;
    Ok(edit.put(&Name::parse(name)?, set)?)
}

fn question(qname: &str, qtype: HickoryType) -> anyhow::Result<Vec<u8>> {
    let mut message = Message::query();
    message.add_query(Query::query(HickoryName::from_ascii(qname)?, qtype));
    Ok(message.to_vec()?)
}

fn report(what: &str, count: usize, unit: &str, took: Duration) {
    println!("{what}: {:.0} {unit}/s ({count} in {took:?})", count as f64 / took.as_secs_f64());
}

/// Small changes of the large zone, each a version of its own.
fn changes(zone: &ZoneData) -> anyhow::Result<()> {
    let started = Instant::now();
    for n in 0..1000 {
        let mut edit = ZoneEdit::from(zone, version(2)?);
        put(&mut edit, &format!("new-{n}.example.org."), RecordType::A, "192.0.2.1")?;
        edit.finish()?;
    }
    report("new versions by one change", 1000, "versions", started.elapsed());
    Ok(())
}

fn answers(authority: &Authority, what: &str, question: &[u8]) {
    let peer = Peer { address: ([127, 0, 0, 1], 5300).into(), carrier: Carrier::Udp };
    let mut out = Vec::with_capacity(1232);
    let started = Instant::now();
    for _ in 0..QUESTIONS {
        out.clear();
        authority.answer(question, &peer, &mut out);
    }
    report(&format!("answers with {what}"), QUESTIONS, "questions", started.elapsed());
}

async fn over_udp(to: std::net::SocketAddr, question: &[u8]) -> anyhow::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(to).await?;
    let mut answer = [0; 1232];
    for _ in 0..UDP_WINDOW {
        socket.send(question).await?;
    }
    let started = Instant::now();
    for _ in 0..UDP_QUESTIONS {
        tokio::time::timeout(Duration::from_secs(5), socket.recv(&mut answer)).await??;
        socket.send(question).await?;
    }
    report("over UDP, one client", UDP_QUESTIONS, "questions", started.elapsed());
    Ok(())
}

async fn transfer(to: std::net::SocketAddr, names: usize) -> anyhow::Result<()> {
    let question = question("example.org.", HickoryType::AXFR)?;
    let mut stream = TcpStream::connect(to).await?;
    let started = Instant::now();
    stream.write_u16(u16::try_from(question.len())?).await?;
    stream.write_all(&question).await?;
    let (mut records, mut octets) = (0, 0);
    let mut message = Vec::new();
    while records < names + 3 {
        let length = stream.read_u16().await?;
        message.resize(usize::from(length), 0);
        stream.read_exact(&mut message).await?;
        let counts = message.get(6..8).context("a short message")?;
        records += usize::from(u16::from_be_bytes(counts.try_into()?));
        octets += message.len();
    }
    ensure!(records == names + 3, "{records} records instead of {}", names + 3);
    report(&format!("AXFR, {octets} octets"), records, "records", started.elapsed());
    Ok(())
}
