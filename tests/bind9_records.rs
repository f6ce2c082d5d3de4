//! What the API takes as record data a real BIND 9 takes too: as the zone file that we write, and from our transfer.
//!
//! One record that BIND refuses keeps the whole zone from it, so the values stand at the edges of what is accepted.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ordain::dns::answer::{Authority, Peer};
use ordain::dns::catalog::Catalog;
use ordain::dns::client::{PollAnswer, SocketExchange, poll_serial};
use ordain::dns::server::{InMemory, Limits, Responder, Server};
use ordain::dns::zone::{RrSet, ZoneEdit, ZoneVersion};
use ordain::domain::generation::Generation;
use ordain::domain::host_port::HostPort;
use ordain::domain::hostname::parse_host;
use ordain::domain::ids::{PoolId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::rdata::RData;
use ordain::domain::record_type::RecordType;
use ordain::domain::serial::Serial;
use ordain::domain::ttl::Ttl;
use ordain::domain::zonefile;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use support::bind::Bind;

const LIMIT: Duration = Duration::from_secs(60);
const ORIGIN: &str = "records.example.";

/// Accepted values at the edges of each type's rules.
fn values() -> Vec<(RecordType, String)> {
    let label = |n: usize| "a".repeat(n);
    let longest = format!("{0}.{0}.{0}.{1}.", label(63), label(61));
    let hex = |digits: usize| "f0".repeat(digits / 2);
    let string = |n: usize| format!("\"{}\"", "x".repeat(n));
    let mut all: Vec<(RecordType, Vec<String>)> = vec![
        (RecordType::A, own(&["0.0.0.0", "255.255.255.255", "127.0.0.1", "224.0.0.1"])),
        (RecordType::Aaaa, own(&["::", "::1", "::ffff:1.2.3.4", "fe80::1", "2001:DB8:0:0:8:800:200C:417A"])),
        (RecordType::Mx, own(&["0 .", "65535 a.", "10 1.2.3.4.", "10 _a-b.C."])),
        (RecordType::Mx, vec![format!("10 {longest}")]),
        (RecordType::Srv, own(&["0 0 0 .", "65535 65535 65535 1.2.3.4.", "00 010 005 _a."])),
        (RecordType::Soa, vec![]),
        (RecordType::Sshfp, vec![format!("0 0 {}", hex(10)), format!("1 0 {}", hex(64))]),
        (RecordType::Sshfp, (0..=4).map(|n| format!("{n} 1 {}", hex(40))).collect()),
        (RecordType::Sshfp, vec![format!("6 2 {}", hex(64)), format!("6 1 {}", hex(40))]),
        (RecordType::Naptr, own(&["0 0 \"\" \"\" \"\" .", "65535 65535 apsuAPSU A1+b2 /a/b/i a."])),
        (RecordType::Naptr, own(&["1 1 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.org!\" ."])),
        (RecordType::Naptr, own(&["1 1 u E2U+sip \"!^(.*)$!sip:\\\\1@example.org!i\" ."])),
        (RecordType::Naptr, own(&["1 1 u E2U+sip \"!^\\\\+44(.{3,5})([[:digit:]]+)$!sip:\\\\2\\\\1!\" ."])),
        (RecordType::Naptr, own(&["1 1 u x !a\\\\!b!c! .", "1 1 u x \"|(a)|\\\\1|\" ."])),
        (RecordType::Naptr, vec![format!("1 1 u x !{}!! .", "a".repeat(252))]),
        (
            RecordType::Caa,
            own(&["0 issue ;", "1 issuewild a", "128 issue ca.org; a=b; C3=d/e:f", "0 issue \"\""]),
        ),
        (RecordType::Caa, own(&["0 iodef mailto:a_-1+tag@b", "0 iodef http://a.b/", "0 issue \" ;\""])),
        (RecordType::Caa, vec![format!("0 iodef https://a.b/{}", "c".repeat(2000))]),
        (RecordType::Svcb, own(&["0 a.", "0 .", "1 .", "65535 a.", "1 . alpn=h3,h2,h2c,http/1.1,http/1.0"])),
        (
            RecordType::Svcb,
            own(&["1 . alpn=h2 no-default-alpn", "1 . port=0", "1 . port=65535 ipv4hint=0.0.0.0,192.0.2.2"]),
        ),
        (RecordType::Svcb, own(&["1 . mandatory=port,alpn alpn=h2 port=1 ipv6hint=::,2001:db8::1 ech=Zm9v"])),
        (
            RecordType::Svcb,
            own(&["1 . key667=hello", "1 . key667", "1 . key65534=\\000x", "1 . mandatory=key667 key667"]),
        ),
        (
            RecordType::Svcb,
            own(&["1 . key667=\\\"", "1 . key667=a,b", "1 . key8=x", "1 . key667=\\\\", "1 . key667=ä"]),
        ),
        (
            RecordType::Svcb,
            own(&["1 a. alpn=h2 dohpath=/dns-query{?dns}", "1 a. dohpath=/{?dns}", "1 a. dohpath=/ä{?dns}"]),
        ),
        (RecordType::Https, own(&["0 a.", "1 .", "1 . alpn=h3 key10=x", "1 . ech=Zm8="])),
        (RecordType::Tlsa, vec![format!("0 0 0 {}", hex(2)), format!("255 255 2 {}", hex(128))]),
        (
            RecordType::Tlsa,
            vec![
                format!("3 1 1 {}", hex(64)),
                format!("3 1 255 {}", hex(64)),
                format!("3 1 0 {}", hex(60_000)),
            ],
        ),
        (RecordType::Cert, own(&["65535 65535 255 Zm9vYg==", "0 0 0 Zg==", "PKIX 1 RSASHA256 Zm9v"])),
    ];
    for name in ["a.", "A-b_c.D.", "1.2.3.4.", "xn--bcher-kva.example.", longest.as_str()] {
        for rtype in [RecordType::Cname, RecordType::Ns, RecordType::Ptr] {
            all.push((rtype, own(&[name])));
        }
    }
    for rtype in [RecordType::Txt, RecordType::Spf] {
        all.push((
            rtype,
            own(&["", "\"\"", "a;b(c)@$", "in\"side", "ä\u{1}\u{7f}", "\\000\\255", "\"tab\there \\\\\""]),
        ));
        all.push((rtype, vec![string(255), format!("{} {}", string(255), string(255)), string(0) + " \"\""]));
        all.push((rtype, vec![vec![string(255); 253].join(" ")]));
    }
    for kind in ["SPKI", "PGP", "IPKIX", "ISPKI", "IPGP", "ACPKIX", "IACPKIX", "URI", "OID"] {
        all.push((RecordType::Cert, vec![format!("{kind} 1 8 Zm9v")]));
    }
    for algorithm in 0..=255 {
        all.push((RecordType::Cert, vec![format!("1 1 {algorithm} Zm9v")]));
    }
    all.push((RecordType::Naptr, expressions()));
    all.into_iter().flat_map(|(rtype, texts)| texts.into_iter().map(move |text| (rtype, text))).collect()
}

/// Substitutions of NAPTR records put together at random, those that are accepted.
fn expressions() -> Vec<String> {
    const PARTS: [&str; 34] = [
        "a",
        "b-",
        ".",
        "^",
        "$",
        "(",
        ")",
        "(a)",
        "*",
        "+",
        "?",
        "{",
        "}",
        "{1}",
        "{2,}",
        "{1,3}",
        "{3,1}",
        "{300}",
        "[",
        "]",
        "[^]a]",
        "[a-z]",
        "[z-a]",
        "[[:alpha:]]",
        "[[:x:]]",
        "|",
        "\\\\1",
        "\\\\2",
        "\\\\.",
        "\\\\!",
        "-",
        ":",
        ",",
        "\\200",
    ];
    let mut random = StdRng::seed_from_u64(7);
    let mut text = || {
        (0..random.random_range(0..7)).map(|_| PARTS[random.random_range(0..PARTS.len())]).collect::<String>()
    };
    let all = (0..20_000).map(|_| format!("1 1 u x !{}!{}! .", text(), text()));
    let accepted: Vec<String> = all.filter(|text| RData::parse(RecordType::Naptr, text).is_ok()).collect();
    assert!(accepted.len() > 1000, "{}", accepted.len());
    accepted
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Each value at a name of its own.
fn records() -> BTreeMap<Name, RData> {
    let read = |(at, (rtype, text)): (usize, (RecordType, String))| {
        let data = RData::parse(rtype, &text).unwrap_or_else(|error| panic!("{rtype} {text:?}: {error}"));
        (Name::parse(&format!("r{at}.{ORIGIN}")).unwrap(), data)
    };
    let mut records: BTreeMap<Name, RData> = values().into_iter().enumerate().map(read).collect();
    let (label, address) = ("a".repeat(63), RData::parse(RecordType::A, "192.0.2.1").unwrap());
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(254 - 3 * 64 - 1 - ORIGIN.len()));
    for owner in ["*", "*.W", "_a._b-c", "1.2.3.4", "xn--bcher-kva", "A--b", &longest] {
        let owner = parse_host(&format!("{owner}.{ORIGIN}"), "name").unwrap();
        assert!(records.insert(owner, address.clone()).is_none());
    }
    records
}

fn apex() -> Vec<RData> {
    let soa = "ns.example.net. a\\.b.records.example. 1 3600 600 86400 60";
    vec![
        RData::parse(RecordType::Soa, soa).unwrap(),
        RData::parse(RecordType::Ns, "ns.example.net.").unwrap(),
    ]
}

/// Runs `named-checkzone` on the records as a zone file; what it loaded, or its complaints.
fn checked(records: &BTreeMap<Name, RData>) -> Result<BTreeMap<Name, RData>, String> {
    let origin = Name::parse(ORIGIN).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    zonefile::write_header(&mut text, &origin, Ttl::new(60).unwrap()).unwrap();
    for data in apex() {
        zonefile::write_record(&mut text, &origin, None, &data).unwrap();
    }
    for (name, data) in records {
        zonefile::write_record(&mut text, name, None, data).unwrap();
    }
    let file = folder.path().join("zone");
    let dump = folder.path().join("dump");
    std::fs::write(&file, &text).unwrap();
    // What it says of the zone as a whole (mail servers without address and the like) is not about record data.
    let lenient = [
        "-i", "none", "-k", "ignore", "-m", "ignore", "-M", "ignore", "-n", "ignore", "-S", "ignore", "-W",
        "ignore",
    ];
    let output = Command::new("named-checkzone")
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .args(lenient)
        .args(["-s", "full", "-o"])
        .arg(&dump)
        .arg(ORIGIN)
        .arg(&file)
        .output()
        .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let complaints = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let at = |line: &str| line.split(':').nth(2)?.parse::<usize>().ok().map(|at| lines[at - 1]);
        let told =
            complaints.lines().map(|line| format!("{line}\n    {:.200}", at(line).unwrap_or_default()));
        return Err(told.collect::<Vec<_>>().join("\n"));
    }
    let dumped = zonefile::parse(&std::fs::read_to_string(&dump).unwrap(), Some(&origin)).unwrap();
    let below = dumped.records.into_iter().filter(|record| record.name != origin);
    Ok(below.map(|record| (record.name, record.data)).collect())
}

#[test]
fn zone_files_of_accepted_records_load() {
    if std::env::var_os("ORDAIN_TEST_BIND").is_some_and(|value| value == "0") {
        return;
    }
    let records = records();
    let loaded = checked(&records).unwrap_or_else(|complaints| panic!("{complaints}"));
    for (name, data) in &records {
        assert_eq!(loaded.get(name), Some(data), "{name}");
    }
    assert_eq!(loaded.len(), records.len());
}

#[tokio::test]
async fn accepted_records_are_transferred() {
    let Some(bind) = Bind::start() else { return };
    let origin = Name::parse(ORIGIN).unwrap();
    let version = ZoneVersion {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        origin: origin.clone(),
        generation: Generation::FIRST,
        serial: Serial::new(1),
        default_ttl: Ttl::ZERO,
    };
    let mut edit = ZoneEdit::new(version, 0);
    for (name, data) in apex().into_iter().map(|data| (origin.clone(), data)).chain(records()) {
        let wire = data.to_wire();
        let set = RrSet::new(data.record_type().number(), 60, [wire.as_slice()].into_iter()).unwrap();
        edit.put(&name, set).unwrap();
    }
    let catalog = Arc::new(Catalog::default());
    catalog.put(Arc::new(edit.finish().unwrap()));
    let authority = Authority::new(catalog, |_: &Peer| true, 1232);
    let responder = Arc::new(Responder::new(authority, Arc::new(InMemory), 10, 16_384));
    let wait = Duration::from_secs(10);
    let limits = Limits { connections: 100, receive: wait, send: wait, udp_waiting: 100 };
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()], responder, limits).await.unwrap();

    let port = server.addresses()[0].port();
    let zone = format!("{{ type secondary; masters {{ 127.0.0.1 port {port}; }}; }};");
    bind.control(&["addzone", ORIGIN, &zone]).unwrap();
    let (exchange, at) = (SocketExchange::default(), HostPort::new("127.0.0.1", bind.dns().port()));
    let polls = async {
        loop {
            let answer = poll_serial(&exchange, &at, &origin, false, Duration::from_secs(1)).await;
            if matches!(answer, PollAnswer::Serial(_)) {
                return;
            }
            let log = bind.log();
            assert!(!log.contains("failed while receiving"), "{log}");
        }
    };
    assert!(tokio::time::timeout(LIMIT, polls).await.is_ok(), "{}", bind.log());
}
