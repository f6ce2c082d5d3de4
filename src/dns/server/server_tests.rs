//! Listeners on loopback, and connections on a paused clock.

use async_trait::async_trait;
use hickory_proto::op::Message;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::*;
use crate::clock::Clock;
use crate::dns::answer::Peer;
use crate::dns::answer::tests::support::{TCP, authority, lines, name, question, zone};
use crate::dns::client::{
    Ask, Exchange as _, ExchangeError, PollAnswer, Signed, SocketExchange, TransferError, TransferLimits,
    Transfers as _, poll_serial,
};
use crate::dns::fake_server::TransferSource as _;
use crate::dns::tsig::{AnswerError, Key, Keyring, Scope, SignedBy, error};
use crate::dns::wire::QName;
use crate::dns::zone::{RrSet, ZoneData, ZoneEdit};
use crate::domain::host_port::HostPort;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::tsig_key::TsigAlgorithm;

const LIMITS: Limits = Limits {
    connections: 8,
    receive: Duration::from_secs(10),
    send: Duration::from_secs(10),
    udp_waiting: 4,
};

fn large() -> ZoneData {
    let lines: Vec<String> = (0..4000).map(|n| format!("host-{n} 60 A 192.0.2.{}", n % 256)).collect();
    zone("large.", &lines.join("\n"))
}

fn small() -> ZoneData {
    zone("example.org.", "www 60 A 192.0.2.1")
}

fn responder(zones: impl IntoIterator<Item = ZoneData>, backing: impl Backing) -> Arc<Responder> {
    Arc::new(Responder::new(authority(zones), Arc::new(backing), 2, 2048))
}

async fn server(zones: impl IntoIterator<Item = ZoneData>) -> (Server, SocketAddr) {
    let listen = [SocketAddr::from(([127, 0, 0, 1], 0))];
    let server = Server::bind(&listen, responder(zones, InMemory), LIMITS).await.unwrap();
    let address = server.addresses()[0];
    (server, address)
}

fn framed(message: &Message) -> Vec<u8> {
    let message = message.to_vec().unwrap();
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), &*message].concat()
}

async fn read_message<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<Message> {
    let length = stream.read_u16().await.ok()?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.ok()?;
    Some(Message::from_vec(&message).unwrap())
}

async fn over_udp(to: SocketAddr, message: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(message, to).await.unwrap();
    let mut answer = [0; 2000];
    let received = tokio::time::timeout(Duration::from_secs(10), socket.recv(&mut answer)).await;
    Message::from_vec(&answer[..received.unwrap().unwrap()]).unwrap()
}

#[tokio::test]
async fn both_protocols_answer_and_survive_noise() {
    let (server, address) = server([small()]).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for length in [0, 1, 11, 12, 100, 5000] {
        socket.send_to(&vec![0xff; length], address).await.unwrap();
    }
    let mut noise = TcpStream::connect(address).await.unwrap();
    noise.write_all(&[0, 0, 0, 3, 1, 2, 3, 0xff, 0xff]).await.unwrap();
    let query = question("www.example.org.", "A");
    let expected = "NoError aa\nan www.example.org. 60 A 192.0.2.1";
    assert_eq!(lines(&over_udp(address, &query.to_vec().unwrap()).await), expected);
    let soa = question("example.org.", "SOA");
    assert_eq!(over_udp(address, &soa.to_vec().unwrap()).await.answers.len(), 1);
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(&framed(&query)).await.unwrap();
    assert_eq!(lines(&read_message(&mut tcp).await.unwrap()), expected);
    drop((tcp, noise));
    assert!(server.drain(Instant::now() + Duration::from_secs(10)).await);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let (first, address) = server([]).await;
    let listen = [SocketAddr::from(([127, 0, 0, 1], 0)), address];
    let error = Server::bind(&listen, responder([], InMemory), LIMITS).await.unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address} (TCP)"));
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    drop(first);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed() {
    let (server, address) = server([small()]).await;
    let query = framed(&question("www.example.org.", "A"));
    let mut open = Vec::new();
    for _ in 0..LIMITS.connections / 2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&query).await.unwrap();
        assert!(read_message(&mut stream).await.is_some());
        open.push(stream);
    }
    let mut one_too_many = TcpStream::connect(address).await.unwrap();
    assert_eq!(one_too_many.read(&mut [0]).await.unwrap_or(0), 0);
    drop(server);
}

/// A connection without sockets; what the peer sees, and the task that serves it.
fn connect(
    responder: &Arc<Responder>,
    stop: &CancellationToken,
    window: usize,
) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (ours, theirs) = tokio::io::duplex(window);
    let serving = serve_connection(ours, TCP, Arc::clone(responder), LIMITS, stop.clone());
    (theirs, tokio::spawn(serving))
}

#[tokio::test(start_paused = true)]
async fn rfc7766_section_6_2_1_1_pipelined_queries_are_answered() {
    let responder = responder([small()], InMemory);
    let (mut peer, serving) = connect(&responder, &CancellationToken::new(), 1 << 20);
    let mut sent = Vec::new();
    for id in 0..200 {
        let mut query = question("example.org.", if id % 2 == 0 { "SOA" } else { "TXT" });
        query.metadata.id = id;
        sent.extend(framed(&query));
    }
    peer.write_all(&sent).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut ids = Vec::new();
    while let Some(answer) = read_message(&mut peer).await {
        ids.push(answer.metadata.id);
    }
    serving.await.unwrap();
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn idle_connections_and_dripping_clients_are_cut_off() {
    let responder = responder([small()], InMemory);
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let (idle, serving) = connect(&responder, &stop, 1000);
    serving.await.unwrap();
    assert_eq!(begun.elapsed(), LIMITS.receive);
    drop(idle);

    let begun = Instant::now();
    let (mut dripping, serving) = connect(&responder, &stop, 1000);
    let drip = async {
        for octet in framed(&question("www.example.org.", "A")) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if dripping.write_all(&[octet]).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(drip, serving).1.unwrap();
    assert!(begun.elapsed() < LIMITS.receive + Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_waits_for_its_reader_but_not_for_ever() {
    let responder = responder([large()], InMemory);
    let stop = CancellationToken::new();
    let (mut slow, serving) = connect(&responder, &stop, 1000);
    slow.write_all(&framed(&question("large.", "AXFR"))).await.unwrap();
    let mut records = 0;
    while records < 4002 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        records += read_message(&mut slow).await.unwrap().answers.len();
    }
    drop(slow);
    serving.await.unwrap();

    let begun = Instant::now();
    let (mut stuck, serving) = connect(&responder, &stop, 1000);
    stuck.write_all(&framed(&question("large.", "AXFR"))).await.unwrap();
    serving.await.unwrap();
    assert_eq!(begun.elapsed(), LIMITS.send);
}

#[tokio::test(start_paused = true)]
async fn too_many_transfers_wait_and_then_fail() {
    let responder = responder([large()], InMemory);
    let stop = CancellationToken::new();
    let request = framed(&question("large.", "AXFR"));
    let mut stuck: Vec<_> = (0..2).map(|_| connect(&responder, &stop, 1000)).collect();
    for (peer, _) in &mut stuck {
        peer.write_all(&request).await.unwrap();
        peer.read_exact(&mut [0; 10]).await.unwrap();
    }
    let (mut third, _serving) = connect(&responder, &stop, 1 << 20);
    let begun = Instant::now();
    third.write_all(&request).await.unwrap();
    // The first two never go on reading: their time runs out, and the third gets its turn.
    let answer = read_message(&mut third).await.unwrap();
    assert!(answer.answers.len() > 50, "{}", lines(&answer));
    assert!(begun.elapsed() >= Duration::from_secs(9));
}

#[tokio::test]
async fn a_drain_finishes_what_is_under_way() {
    let gate = Arc::new(Gate::default());
    let responder = responder([small()], Arc::clone(&gate));
    let stop = CancellationToken::new();
    let (mut peer, serving) = connect(&responder, &stop, 1000);
    peer.write_all(&framed(&question("example.org.", "SOA"))).await.unwrap();
    gate.entered.notified().await;
    stop.cancel();
    gate.open.notify_one();
    assert_eq!(read_message(&mut peer).await.unwrap().answers.len(), 1);
    assert!(read_message(&mut peer).await.is_none());
    serving.await.unwrap();
}

/// A backing that lets requests wait, and has one zone to read.
#[derive(Default)]
struct Gate {
    entered: Notify,
    open: Notify,
    zone: Mutex<Option<Vec<Sets>>>,
}

#[async_trait]
impl Backing for Arc<Gate> {
    async fn refresh(&self, _name: &QName) {
        self.entered.notify_one();
        self.open.notified().await;
    }

    async fn open(&self, _zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError> {
        let Some(pages) = self.zone.lock().clone() else { return Ok(None) };
        let whole = small();
        Ok(Some(Box::new(Pages { origin: name("example.org."), soa: whole.soa().clone(), pages })))
    }
}

struct Pages {
    origin: crate::domain::name::Name,
    soa: RrSet,
    pages: Vec<Sets>,
}

#[async_trait]
impl ZoneReader for Pages {
    fn soa(&self) -> (&crate::domain::name::Name, &RrSet) {
        (&self.origin, &self.soa)
    }

    async fn next(&mut self) -> Result<Sets, BackingError> {
        self.pages.pop().ok_or_else(|| BackingError { reason: "the database is gone".into() })
    }
}

/// A responder that has only the SOA record in memory.
fn hidden(gate: &Arc<Gate>) -> Arc<Responder> {
    let whole = small();
    let mut edit = ZoneEdit::new(whole.version().clone(), 0);
    edit.put(&name("example.org."), whole.soa().clone()).unwrap();
    edit.only_soa();
    gate.open.notify_one();
    responder([edit.finish().unwrap()], Arc::clone(gate))
}

async fn transfer(responder: &Responder) -> Vec<Message> {
    let messages = responder.exchange(&question("example.org.", "AXFR").to_vec().unwrap(), &TCP).await;
    messages.iter().map(|m| Message::from_vec(m).unwrap()).collect()
}

#[tokio::test]
async fn a_hidden_primary_answers_soa_and_transfers_only() {
    let gate = Arc::new(Gate::default());
    let set = RrSet::new(1, 60, [[192, 0, 2, 1].as_slice(), &[192, 0, 2, 2]]).unwrap();
    let page = vec![(name("www.example.org."), set)];
    *gate.zone.lock() = Some(vec![vec![], page.clone(), page]);
    let responder = hidden(&gate);
    let messages = transfer(&responder).await;
    assert_eq!(messages.len(), 1);
    let kinds: Vec<String> = messages[0].answers.iter().map(|r| r.record_type().to_string()).collect();
    assert_eq!(kinds, ["SOA", "A", "A", "A", "A", "SOA"]);

    let ask = async |qname, qtype| {
        gate.open.notify_one();
        let peer = Peer { carrier: crate::dns::answer::Carrier::Udp, ..TCP };
        let answer = responder.exchange(&question(qname, qtype).to_vec().unwrap(), &peer).await;
        lines(&Message::from_vec(&answer[0]).unwrap())
    };
    assert_eq!(ask("www.example.org.", "A").await, "Refused");
    assert_eq!(ask("www.example.org.", "SOA").await, "Refused");
    assert!(ask("example.org.", "SOA").await.starts_with("NoError aa\nan example.org. 3600 SOA"));
}

#[tokio::test]
async fn a_transfer_that_breaks_off_has_no_closing_soa_record() {
    let gate = Arc::new(Gate::default());
    let set = RrSet::new(10, 60, [vec![b'x'; 20_000].as_slice(), &[b'y'; 20_000]]).unwrap();
    *gate.zone.lock() = Some(vec![vec![(name("www.example.org."), set)]]);
    let messages = transfer(&hidden(&gate)).await;
    let kinds: Vec<u16> = messages.iter().flat_map(|m| &m.answers).map(|r| r.record_type().into()).collect();
    assert_eq!(kinds, [6, 10]);
    assert_eq!(lines(messages.last().unwrap()), "ServFail aa", "nobody waits for the rest");

    *gate.zone.lock() = None;
    assert_eq!(lines(&transfer(&hidden(&gate)).await[0]), "ServFail aa");
}

#[tokio::test]
async fn a_record_that_fits_no_message_ends_a_transfer_with_a_failure() {
    let whole = small();
    let mut edit = ZoneEdit::new(whole.version().clone(), 0);
    edit.put(&name("example.org."), whole.soa().clone()).unwrap();
    edit.put(&name("www.example.org."), RrSet::new(10, 60, [vec![b'x'; 65_530].as_slice()]).unwrap())
        .unwrap();
    let messages = transfer(&responder([edit.finish().unwrap()], InMemory)).await;
    assert_eq!(lines(messages.last().unwrap()), "ServFail aa");
}

#[tokio::test(start_paused = true)]
async fn a_server_without_sockets_answers_the_same() {
    let lines_: Vec<String> = (0..60).map(|n| format!("big 60 A 192.0.2.{n}")).collect();
    let responder = responder([zone("example.org.", &lines_.join("\n"))], InMemory);
    let client = Unplugged::new(responder, TCP.address);
    let ask = |qname, tcp| Ask {
        message: question(qname, "A"),
        tcp,
        signed_by: None,
        timeout: Duration::from_secs(3),
    };
    let server = HostPort::new("198.51.100.1", 53);
    let answer = client.exchange(&server, &ask("big.example.org.", false)).await.unwrap();
    assert_eq!(answer.answers.len(), 60, "again over TCP, since truncated");
    let answer = client.exchange(&server, &ask("x.example.org.", true)).await.unwrap();
    assert!(lines(&answer).starts_with("NXDomain aa"));
    assert_eq!(client.transfer(&name("example.org.")).await.unwrap().len(), 61);
    assert!(client.transfer(&name("example.com.")).await.is_none());
}

/// Keys, as a database would have them.
struct Ring(Arc<Keyring>);

#[async_trait]
impl Backing for Ring {
    async fn refresh(&self, _name: &QName) {}

    fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.0)
    }

    async fn open(&self, _zone: ZoneId) -> Result<Option<Box<dyn ZoneReader>>, BackingError> {
        Ok(None)
    }
}

fn key(name: &str, secret: &str) -> Key {
    Key::new(name, TsigAlgorithm::HmacSha256, secret).unwrap()
}

/// Our own client and server sign for each other: questions over both protocols, and a transfer of many messages.
#[tokio::test]
async fn what_is_signed_is_answered_signed() {
    let ring = Keyring::new([(key("k", "c2VjcmV0"), Scope::Pool(PoolId::DEFAULT))]);
    let authority = authority([large()]).only_signed(true);
    let responder = Arc::new(Responder::new(authority, Arc::new(Ring(Arc::new(ring))), 2, 2048));
    let server = Server::bind(&[([127, 0, 0, 1], 0).into()], responder, LIMITS).await.unwrap();
    let at = HostPort::new("127.0.0.1", server.addresses()[0].port());
    let (sockets, origin, limit) = (SocketExchange::default(), name("large."), Duration::from_secs(20));
    let limits = TransferLimits { wait: limit, total: limit * 3, octets: 1 << 20, records: 10_000 };
    let by = |name, secret| SignedBy::new(Arc::new(key(name, secret)), Clock::system());

    let right = by("k", "c2VjcmV0");
    let through = Signed { through: &sockets, by: right.clone() };
    for tcp in [false, true] {
        let answer = poll_serial(&through, &at, &origin, tcp, limit).await;
        assert!(matches!(answer, PollAnswer::Serial(serial) if serial.number() == 7), "{answer:?}");
        let unsigned = poll_serial(&sockets, &at, &origin, tcp, limit).await;
        assert!(matches!(unsigned, PollAnswer::NoZone(_)), "{unsigned:?}");
    }
    let arrived = sockets.transfer(&at, &origin, &limits, Some(&right)).await;
    // The zone has no NS record, which is looked at once everything is there and verified.
    assert!(matches!(arrived, Err(TransferError::NotAZone { reason: "it has no NS record" })), "{arrived:?}");

    for (wrong, number) in [(by("k", "b3RoZXI="), error::BADSIG), (by("l", "c2VjcmV0"), error::BADKEY)] {
        let through = Signed { through: &sockets, by: wrong.clone() };
        for tcp in [false, true] {
            let answer = poll_serial(&through, &at, &origin, tcp, limit).await;
            let PollAnswer::NoAnswer(ExchangeError::BadSignature { source }) = answer else {
                panic!("{answer:?}")
            };
            assert_eq!(source, AnswerError::Rejected { number });
        }
        let refused = sockets.transfer(&at, &origin, &limits, Some(&wrong)).await.unwrap_err();
        assert!(matches!(refused, TransferError::BadSignature { .. }), "{refused}");
    }
}
