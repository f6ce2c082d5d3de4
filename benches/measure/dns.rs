//! How fast the name server answers and transfers, beside BIND 9 with the same zone.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, sleep};

use crate::support::bind::Bind;
use crate::support::dns::answer;
use crate::support::server::LIMIT;
use crate::table::Table;
use crate::{changes, seed};

const ORIGIN: &str = "large.example.";
const RECORDS: usize = 100_000;
/// Records of a transfer: SOA twice, NS, the addresses.
const TRANSFERRED: usize = RECORDS + 3;
const SPAN: Duration = Duration::from_secs(5);
/// Questions on their way at once, as a busy resolver has them.
const WINDOW: usize = 64;
const TRANSFERS: usize = 5;

/// Questions over UDP and zone transfers by one client.
pub(crate) async fn measure(table: &mut Table) {
    let Some(binds) = Bind::start_many(1) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = changes::serve(folder.path(), &binds);
    server.kill();
    seed::zone(&seed::database(folder.path()).await, ORIGIN, RECORDS, false).await;
    let begun = Instant::now();
    server.start_again();
    let bind = ordain::domain::host_port::HostPort::new("127.0.0.1", binds[0].dns().port());
    while answer(&bind, ORIGIN, RecordType::SOA, false).await.is_err() {
        assert!(begun.elapsed() < LIMIT, "the zone does not reach BIND\n{}", server.log());
        sleep(Duration::from_millis(10)).await;
    }
    let ours = SocketAddr::from(([127, 0, 0, 1], server.dns().port));
    let places = [("ours", ours), ("BIND 9", binds[0].dns())];
    for (who, place) in places {
        for (what, name) in [("an address", "host-77."), ("a missing name", "nobody.")] {
            let (count, took) = questions(place, &question(&format!("{name}{ORIGIN}"), RecordType::A));
            table.rate(&format!("{who}: answers over UDP with {what}, one client"), count, took);
        }
    }
    for (who, place) in places {
        let mut times: Vec<Duration> = (0..TRANSFERS).map(|_| transfer(place)).collect();
        times.sort();
        let median = times[TRANSFERS / 2];
        let rate = TRANSFERRED as f64 / median.as_secs_f64();
        table.row(
            format!("{who}: AXFR of {RECORDS} records, median of {TRANSFERS}"),
            format!("{:.0} ms, {rate:.0} records/s", median.as_secs_f64() * 1e3),
        );
    }
}

fn question(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

/// Asks the same over and over for a while, with a window of questions under way; the answers that came.
fn questions(to: SocketAddr, question: &[u8]) -> (usize, Duration) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut answer = [0; 4096];
    let open = || (0..WINDOW).for_each(|_| assert!(socket.send(question).is_ok()));
    open();
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < SPAN {
        match socket.recv(&mut answer) {
            Ok(length) => {
                assert!(length > question.len(), "an answer without content");
                count += 1;
                socket.send(question).unwrap();
            }
            // All were lost: begin anew.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => open(),
            Err(error) => panic!("{error}"),
        }
    }
    (count, begun.elapsed())
}

/// Transfers the zone once.
fn transfer(from: SocketAddr) -> Duration {
    let question = question(ORIGIN, RecordType::AXFR);
    let mut stream = TcpStream::connect(from).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let begun = Instant::now();
    let length = u16::try_from(question.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &question].concat()).unwrap();
    let mut records = 0;
    let mut message = Vec::new();
    while records < TRANSFERRED {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        message.resize(usize::from(u16::from_be_bytes(length)), 0);
        stream.read_exact(&mut message).unwrap();
        records += usize::from(u16::from_be_bytes([message[6], message[7]]));
    }
    assert_eq!(records, TRANSFERRED);
    begun.elapsed()
}
