//! What a zone transfer takes, asked by one lean client, of this name server or any other; `scripts/transfers` compares them.
//!
//! - `bench_axfr zone NAMES` prints a zone file of `example.org.`
//! - `bench_axfr serve PORT NAMES` serves that zone on 127.0.0.1, to be asked with or without the key below; a line on its standard
//!   input makes it a new version, so that the next transfer is the first one of it.
//! - `bench_axfr ask ADDRESS RUNS [signed]` transfers it so many times, and prints the times in milliseconds.
//!
//! The key is called `bench`, by hmac-sha256. With `signed` every message is verified as it comes, off the clock.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use ordain::clock::Clock;
use ordain::dns::answer::{Authority, Peer};
use ordain::dns::catalog::Catalog;
use ordain::dns::server::{Backing, BackingError, Limits, Responder, Server, ZoneReader};
use ordain::dns::tsig::{Key, Keyring, Scope, SignedBy};
use ordain::dns::wire::QName;
use ordain::dns::zone::{RrSet, ZoneData, ZoneEdit, ZoneVersion};
use ordain::domain::generation::Generation;
use ordain::domain::ids::{PoolId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::rdata::RData;
use ordain::domain::record_type::RecordType;
use ordain::domain::serial::Serial;
use ordain::domain::tsig_key::TsigAlgorithm;
use ordain::domain::ttl::Ttl;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

const SECRET: &str = "YSBzaGFyZWQgc2VjcmV0IG9mIDMyIG9jdGV0cy4uLi4=";
const LIMITS: Limits = Limits {
    connections: 100,
    receive: Duration::from_secs(10),
    send: Duration::from_secs(10),
    udp_waiting: 1000,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["zone", names] => print_zone(names.parse()?),
        ["serve", port, names] => serve(port.parse()?, names.parse()?).await,
        ["ask", address, runs] => ask(address.parse()?, runs.parse()?, false).await,
        ["ask", address, runs, "signed"] => ask(address.parse()?, runs.parse()?, true).await,
        _ => bail!("zone NAMES, serve PORT NAMES, or ask ADDRESS RUNS [signed]"),
    }
}

fn key() -> anyhow::Result<Key> {
    Ok(Key::new("bench", TsigAlgorithm::HmacSha256, SECRET)?)
}

fn address(n: usize) -> String {
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

fn print_zone(names: usize) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    writeln!(
        out,
        "$ORIGIN example.org.\n$TTL 3600\n@ SOA ns1 admin 1 3600 600 86400 300\n@ NS ns1\nns1 A 192.0.2.1"
    )?;
    for n in 0..names {
        writeln!(out, "host-{n} A {}", address(n))?;
    }
    Ok(out.flush()?)
}

/// The keys, and nothing else that a database would know.
struct Keys(Arc<Keyring>);

#[async_trait]
impl Backing for Keys {
    async fn refresh(&self, _name: &QName) {}

    fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.0)
    }

    async fn open(&self, _zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError> {
        Ok(None)
    }
}

async fn serve(port: u16, names: usize) -> anyhow::Result<()> {
    let catalog = Arc::new(Catalog::default());
    let id = ZoneId::random();
    catalog.put(Arc::new(zone(id, names, 1)?));
    let authority = Authority::new(Arc::clone(&catalog), |_: &Peer| true, 1232);
    let ring = Keyring::new([(key()?, Scope::Pool(PoolId::DEFAULT))]);
    let responder =
        Responder::new(authority, Arc::new(Keys(Arc::new(ring))), 10, 16_384).with_clock(Clock::system());
    let server = Server::bind(&[([127, 0, 0, 1], port).into()], Arc::new(responder), LIMITS).await?;
    println!("running");
    let (tell, mut lines) = tokio::sync::mpsc::channel(1);
    std::thread::spawn(move || {
        std::io::stdin().lines().map_while(Result::ok).all(|line| tell.blocking_send(line).is_ok())
    });
    let mut version = 1;
    while lines.recv().await.is_some() {
        version += 1;
        catalog.put(Arc::new(zone(id, names, version)?));
        println!("version {version}");
    }
    server.drain(Instant::now() + Duration::from_secs(1)).await;
    Ok(())
}

fn zone(id: ZoneId, names: usize, version: u32) -> anyhow::Result<ZoneData> {
    let version = ZoneVersion {
        id,
        pool_id: PoolId::DEFAULT,
        origin: Name::parse("example.org.")?,
        generation: Generation::new(version.into()),
        serial: Serial::new(version),
        default_ttl: Ttl::ZERO,
    };
    let mut edit = ZoneEdit::new(version, names);
    let mut put = |name: &str, kind: RecordType, text: &str| -> anyhow::Result<()> {
        let data = RData::parse(kind, text)?.to_wire();
        let set = RrSet::new(kind.number(), 3600, [&*data]).context("an empty set")?;
        Ok(edit.put(&Name::parse(name)?, set)?)
    };
    put("example.org.", RecordType::Soa, "ns1.example.org. admin.example.org. 1 3600 600 86400 300")?;
    put("example.org.", RecordType::Ns, "ns1.example.org.")?;
    put("ns1.example.org.", RecordType::A, "192.0.2.1")?;
    for n in 0..names {
        put(&format!("host-{n}.example.org."), RecordType::A, &address(n))?;
    }
    Ok(edit.finish()?)
}

async fn ask(server: SocketAddr, runs: usize, signed: bool) -> anyhow::Result<()> {
    let (mut times, mut counts) = (Vec::new(), HashMap::new());
    for _ in 0..runs {
        let (took, records, octets) = transfer(server, signed).await?;
        times.push(took.as_secs_f64() * 1000.0);
        *counts.entry((records, octets)).or_insert(0) += 1;
    }
    let first = times.first().copied().context("no runs")?;
    times.sort_by(f64::total_cmp);
    let (least, median) = (times.first(), times.get(times.len() / 2));
    let ((records, octets), _) = counts.into_iter().next().context("no runs")?;
    println!(
        "first {first:.1} ms, least {:.1} ms, median {:.1} ms, {records} records, {octets} octets",
        least.context("no runs")?,
        median.context("no runs")?
    );
    Ok(())
}

/// One transfer: from the question being sent to the last octet; whether it is right is looked at afterwards.
async fn transfer(server: SocketAddr, signed: bool) -> anyhow::Result<(Duration, usize, usize)> {
    let mut question = vec![0, 0, 0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    question.extend(b"\x07example\x03org\x00\x00\xfc\x00\x01");
    let by = SignedBy::new(Arc::new(key()?), Clock::system());
    let mut answers = signed.then(|| by.sign(&mut question, 2));
    let length = u16::try_from(question.len() - 2)?;
    question.splice(..2, length.to_be_bytes());
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let started = Instant::now();
    stream.write_all(&question).await?;
    let (mut received, mut ends, mut soas, mut records) = (vec![0; 1 << 20], Vec::new(), 0, 0);
    let (mut have, mut at) = (0, 0);
    while soas < 2 {
        if have == received.len() {
            received.resize(received.len() * 2, 0);
        }
        let more = stream.read(received.get_mut(have..).unwrap_or_default()).await?;
        ensure!(more > 0, "cut short after {records} records");
        have += more;
        while let Some(message) = message_at(received.get(..have).unwrap_or_default(), at) {
            let (count, of_soa) = count(message).context("an answer that cannot be read")?;
            ensure!(count > 0, "no transfer: {:?}", message.get(..12));
            records += count;
            soas += of_soa;
            at += 2 + message.len();
            ends.push(at);
        }
    }
    let took = started.elapsed();
    if let Some(answers) = &mut answers {
        let mut from = 0;
        for end in ends {
            answers.check(received.get(from + 2..end).unwrap_or_default())?;
            from = end;
        }
        ensure!(answers.is_complete(), "the last message is not signed");
    }
    Ok((took, records, have))
}

fn message_at(received: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_be_bytes(*received.get(at..)?.first_chunk()?));
    received.get(at + 2..at + 2 + length)
}

/// How many records a message answers, and how many of these are SOA records.
fn count(message: &[u8]) -> Option<(usize, usize)> {
    let word = |at: usize| message.get(at..)?.first_chunk().copied().map(u16::from_be_bytes);
    let name_end = |mut at: usize| loop {
        match *message.get(at)? {
            0 => break Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            _ => break Some(at + 2),
        }
    };
    let (questions, answers) = (word(4)?, word(6)?);
    let mut at = 12;
    for _ in 0..questions {
        at = name_end(at)? + 4;
    }
    let mut soas = 0;
    for _ in 0..answers {
        at = name_end(at)?;
        soas += usize::from(word(at)? == 6);
        at += 10 + usize::from(word(at + 8)?);
    }
    Some((usize::from(answers), soas))
}
