//! Our name server and BIND 9 side by side: BIND transfers a zone from us, and then both must give the same answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name as HickoryName, RData as HickoryData, Record, RecordType as HickoryType};
use ordain::dns::answer::{Authority, Peer};
use ordain::dns::catalog::Catalog;
use ordain::dns::client::{
    Ask, Exchange as _, Notify, NotifyPolicy, PollAnswer, SocketExchange, notify, poll_serial,
};
use ordain::dns::server::{InMemory, Limits, Responder, Server};
use ordain::dns::zone::{RrSet, ZoneData, ZoneEdit, ZoneVersion};
use ordain::domain::generation::Generation;
use ordain::domain::host_port::HostPort;
use ordain::domain::ids::{PoolId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::serial::Serial;
use ordain::domain::ttl::Ttl;
use ordain::domain::zonefile;
use support::bind::Bind;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);
const ORIGIN: &str = "Example.org.";

/// Every record type, and all that makes answers differ: wildcards, aliases, cuts, empty names, case.
const ZONE: &str = r#"
@ 3600 SOA ns1 admin SERIAL 3600 600 86400 300
@ NS ns1
@ NS ns.example.net.
@ MX 10 mail
@ TXT "v=spf1 -all" "second"
@ CAA 0 issue "ca.example.net"
ns1 A 192.0.2.53
ns1 AAAA 2001:db8::53
mail A 192.0.2.25
WWW 300 A 192.0.2.80
www 300 A 192.0.2.81
alias 60 CNAME www
chain 60 CNAME alias
lost 60 CNAME nowhere
away 60 CNAME www.example.net.
loop1 60 CNAME loop2
loop2 60 CNAME loop1
into 60 CNAME host.sub
wild 60 CNAME x.w
*.w A 192.0.2.99
*.w MX 5 mail
a.b.w A 192.0.2.98
*.aw CNAME www
sub 7200 NS ns.sub
sub 7200 NS ns1
sub 7200 NS ns.example.net.
ns.sub A 192.0.2.153
below.deep.sub A 192.0.2.7
_sip._tcp SRV 1 2 5060 mail
1 PTR www
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:a@example.org!" .
fp SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_443._tcp TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
cert CERT PKIX 1 8 AAECAwQFBgcICQ==
svc SVCB 1 mail alpn=h2,h3 port=8443
web HTTPS 0 svc
odd TYPE65280 \# 4 0a000001
ex\.ample TXT "a dot in a label"
"#;

fn zone(serial: u32, more: &str) -> ZoneData {
    let origin = Name::parse(ORIGIN).unwrap();
    let text = format!("$TTL 3600\n{}{more}", ZONE.replace("SERIAL", &serial.to_string()));
    let file = zonefile::parse(&text, Some(&origin)).unwrap();
    let version = ZoneVersion {
        id: ZoneId::from("6ba7b810-9dad-41d1-80b4-00c04fd430c8".parse::<uuid::Uuid>().unwrap()),
        pool_id: PoolId::DEFAULT,
        origin,
        generation: Generation::new(u64::from(serial)),
        serial: Serial::new(serial),
        default_ttl: Ttl::ZERO,
    };
    let mut edit = ZoneEdit::new(version, 0);
    let kind = |at: usize| (file.records[at].name.clone(), file.records[at].data.record_type());
    for at in 0..file.records.len() {
        let same: Vec<_> =
            (0..file.records.len()).filter(|n| kind(*n) == kind(at)).map(|n| &file.records[n]).collect();
        let data: Vec<_> = same.iter().map(|r| r.data.to_wire()).collect();
        let ttl = same[0].ttl.unwrap().seconds();
        let set = RrSet::new(kind(at).1.number(), ttl, data.iter().map(Vec::as_slice)).unwrap();
        edit.put(&same[0].name, set).unwrap();
    }
    edit.finish().unwrap()
}

struct Ours {
    catalog: Arc<Catalog>,
    server: Server,
}

impl Ours {
    async fn start(zone: ZoneData) -> Self {
        let catalog = Arc::new(Catalog::default());
        catalog.put(Arc::new(zone));
        let authority = Authority::new(Arc::clone(&catalog), |_: &Peer| true, 1232);
        let responder = Arc::new(Responder::new(authority, Arc::new(InMemory), 10, 16_384));
        let limits = Limits {
            connections: 100,
            receive: Duration::from_secs(10),
            send: Duration::from_secs(10),
            udp_waiting: 100,
        };
        let server = Server::bind(&[([127, 0, 0, 1], 0).into()], responder, limits).await.unwrap();
        Self { catalog, server }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// Makes a server our secondary.
    fn adopt(&self, bind: &Bind) {
        let port = self.address().port();
        let body = format!(
            "{{ type secondary; masterfile-format text; file \"ours.zone\"; masters {{ 127.0.0.1 port {port}; }}; }};"
        );
        bind.control(&["addzone", ORIGIN, &body]).unwrap();
    }
}

fn at(address: SocketAddr) -> HostPort {
    HostPort::new("127.0.0.1", address.port())
}

async fn until_serial(bind: &Bind, serial: u32) {
    let (exchange, origin) = (SocketExchange::default(), Name::parse(ORIGIN).unwrap());
    let polls = async {
        loop {
            let answer =
                poll_serial(&exchange, &at(bind.dns()), &origin, false, Duration::from_secs(1)).await;
            if matches!(answer, PollAnswer::Serial(shown) if shown.number() == serial) {
                return;
            }
        }
    };
    assert!(timeout(LIMIT, polls).await.is_ok(), "{}", bind.log());
}

async fn ask(server: SocketAddr, qname: &str, qtype: HickoryType, tcp: bool) -> Message {
    let mut message = Message::query();
    message.metadata.id = rand::random();
    let name = HickoryName::from_ascii(qname).unwrap_or_else(|_| HickoryName::parse(qname, None).unwrap());
    message.add_query(Query::query(name, qtype));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    message.set_edns(edns);
    let ask = Ask { message, tcp, signed_by: None, timeout: Duration::from_secs(5) };
    SocketExchange::default().exchange(&at(server), &ask).await.unwrap()
}

/// What two right servers agree on: code, AA, the answers, and who is referred to or what denies.
fn essence(answer: &Message) -> String {
    let lines = |records: &[Record]| {
        let mut lines: Vec<String> = records
            .iter()
            .map(|r| format!("{} {} {} {}", r.name.to_lowercase(), r.ttl, r.record_type(), r.data))
            .collect();
        lines.sort();
        lines.join("\n").to_ascii_lowercase()
    };
    // Beside a positive answer BIND repeats the zone's NS records, which is allowed and says nothing.
    let denial = answer.authorities.iter().any(|r| matches!(r.data, HickoryData::SOA(_)));
    let authority =
        if answer.answers.is_empty() || denial { lines(&answer.authorities) } else { String::new() };
    let (code, aa) = (answer.metadata.response_code, answer.metadata.authoritative);
    format!("{code:?} aa={aa}\n{}\n--\n{authority}", lines(&answer.answers))
}

#[tokio::test]
async fn bind_transfers_from_us_and_answers_the_same() {
    let Some(bind) = Bind::start() else { return };
    let ours = Ours::start(zone(1, "")).await;
    ours.adopt(&bind);
    until_serial(&bind, 1).await;

    let names = [
        "",
        "ns1",
        "mail",
        "www",
        "WWW",
        "alias",
        "chain",
        "lost",
        "away",
        "loop1",
        "into",
        "wild",
        "w",
        "x.w",
        "b.w",
        "a.b.w",
        "c.b.w",
        "*.w",
        "y.z.w",
        "q.aw",
        "aw",
        "*.aw",
        "sub",
        "ns.sub",
        "deep.sub",
        "nope.sub",
        "_tcp",
        "_sip._tcp",
        "_443._tcp",
        "1",
        "naptr",
        "fp",
        "cert",
        "svc",
        "web",
        "odd",
        "nope",
        "a.www",
        "a.nope",
        "ex\\.ample",
        "ample",
    ];
    let types = [1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 37, 43, 44, 52, 64, 65, 257, 65280];
    let mut asked = 0;
    for name in names {
        let qname = if name.is_empty() { "example.org.".to_owned() } else { format!("{name}.example.org.") };
        for qtype in types.map(HickoryType::from) {
            // BIND shows a TTL of zero where a SOA record denies itself.
            if qtype == HickoryType::SOA && !matches!(name, "" | "sub" | "nope.sub" | "away") {
                continue;
            }
            let (we, they) = (
                ask(ours.address(), &qname, qtype, false).await,
                ask(bind.dns(), &qname, qtype, false).await,
            );
            assert_eq!(essence(&we), essence(&they), "{qname} {qtype}");
            let tcp = ask(ours.address(), &qname, qtype, true).await;
            assert_eq!(essence(&we), essence(&tcp), "{qname} {qtype}");
            asked += 1;
        }
    }
    println!("{asked} questions");
}

#[tokio::test]
async fn bind_follows_our_notify_to_a_new_version() {
    let Some(bind) = Bind::start() else { return };
    let ours = Ours::start(zone(1, "")).await;
    ours.adopt(&bind);
    until_serial(&bind, 1).await;
    // More than one message, so that a lost one would be noticed.
    let more: String = (0..5000).map(|n| format!("host-{n} 60 A 192.0.2.{}\n", n % 256)).collect();
    ours.catalog.put(Arc::new(zone(2, &more)));
    let word = Notify { zone: Name::parse(ORIGIN).unwrap(), soa: None };
    notify(&SocketExchange::default(), &at(bind.dns()), &word, NotifyPolicy::default()).await.unwrap();
    until_serial(&bind, 2).await;
    let last = ask(bind.dns(), "host-4999.example.org.", HickoryType::A, false).await;
    assert_eq!(last.answers.len(), 1);
    // IXFR of what it has is a single record, and BIND is content with that.
    bind.control(&["refresh", ORIGIN]).unwrap();
    until_serial(&bind, 2).await;
}

#[tokio::test]
async fn dig_is_content() {
    if std::env::var_os("ORDAIN_TEST_BIND").is_some_and(|value| value == "0") {
        return;
    }
    let more: String = (0..2000).map(|n| format!("host-{n} 60 A 192.0.2.{}\n", n % 256)).collect();
    let zone = zone(1, &more);
    let transferred = format!("{} records", zone.records() + 1);
    let ours = Ours::start(zone).await;
    let port = ours.address().port().to_string();
    let dig = async |arguments: &'static str| {
        let mut dig = std::process::Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &port, "+time=5", "+tries=1"]).args(arguments.split(' '));
        let output = tokio::task::spawn_blocking(move || dig.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{arguments}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        for complaint in ["WARNING", "Warning", "malformed", "failed", "error"] {
            assert!(!text.contains(complaint), "{arguments}: {text}");
        }
        text
    };
    assert!(dig("+short www.example.org. A").await.contains("192.0.2.80"));
    assert!(dig("+tcp +short wWw.eXample.org. A").await.contains("192.0.2.81"));
    assert!(dig("+norec www.example.org. A").await.contains("flags: qr aa;"));
    assert!(dig("+norec +noedns nope.example.org. A").await.contains("NXDOMAIN"));
    assert!(
        dig("+norec +nsid +cookie +dnssec +subnet=192.0.2.0/24 www.example.org. A").await.contains("NOERROR")
    );
    assert!(dig("+norec +edns=1 +noednsnegotiation www.example.org. A").await.contains("BADVERS"));
    assert!(dig("+norec +noedns +opcode=UPDATE +header-only x. A").await.contains("NOTIMP"));
    assert!(dig("+norec example.org. ANY").await.contains("ANSWER: 1,"));
    assert!(dig("+norec www.example.com. A").await.contains("REFUSED"));
    assert!(dig("example.org. AXFR").await.contains(&transferred));
    assert!(dig("example.org. IXFR=1").await.contains("XFR size: 1 records"));
}
