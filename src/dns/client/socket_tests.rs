//! Exchanges over real sockets on loopback: noise, truncation, silence.

use hickory_proto::op::Query;
use hickory_proto::rr::{Name, RecordType};
use tokio::net::TcpListener;

use super::*;

/// What the peer sends over UDP before (or instead of) the right answer.
#[derive(Debug, Clone, Copy)]
enum Udp {
    Answer,
    /// Wrong id, then no response at all, another question, garbage; then the answer.
    Noise,
    Truncated,
    Silent,
}

fn ask(millis: u64) -> Ask {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii("example.org.").unwrap(), RecordType::SOA));
    Ask { message, tcp: false, signed_by: None, timeout: Duration::from_millis(millis) }
}

fn answer(question: &Message, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.queries.clone_from(&question.queries);
    change(&mut answer);
    answer.to_vec().unwrap()
}

/// A server on one port for both transports; over TCP it sends what `tcp` makes of the question, length included.
async fn server(udp: Udp, tcp: fn(&Message) -> Vec<u8>) -> HostPort {
    let (listener, socket) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
            break (listener, socket);
        }
    };
    let at = HostPort::new("127.0.0.1", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            for datagram in datagrams(udp, &question) {
                socket.send_to(&datagram, peer).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut buffer).await.unwrap();
            stream.write_all(&tcp(&Message::from_vec(&buffer).unwrap())).await.unwrap();
        }
    });
    at
}

fn datagrams(udp: Udp, question: &Message) -> Vec<Vec<u8>> {
    let right = answer(question, |_| {});
    match udp {
        Udp::Answer => vec![right],
        Udp::Noise => vec![
            answer(question, |answer| answer.metadata.id ^= 1),
            question.to_vec().unwrap(),
            answer(question, |answer| answer.queries.clear()),
            vec![0; 5],
            Vec::new(),
            right,
        ],
        Udp::Truncated => vec![answer(question, |answer| answer.metadata.truncation = true)],
        Udp::Silent => Vec::new(),
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    framed
}

fn authoritative(question: &Message) -> Vec<u8> {
    framed(&answer(question, |answer| answer.metadata.authoritative = true))
}

#[tokio::test]
async fn the_answer_comes_over_udp() {
    let at = server(Udp::Answer, |_| Vec::new()).await;
    let ask = ask(10_000);
    let answer = SocketExchange::default().exchange(&at, &ask).await.unwrap();
    assert_eq!(answer.metadata.id, ask.message.metadata.id);
}

#[tokio::test]
async fn what_does_not_answer_the_question_is_passed_over() {
    let at = server(Udp::Noise, |_| Vec::new()).await;
    let answer = SocketExchange::default().exchange(&at, &ask(10_000)).await.unwrap();
    assert_eq!(answer.queries.len(), 1);
}

#[tokio::test]
async fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let at = server(Udp::Truncated, authoritative).await;
    let answer = SocketExchange::default().exchange(&at, &ask(10_000)).await.unwrap();
    assert!(answer.metadata.authoritative && !answer.metadata.truncation);
}

#[tokio::test]
async fn tcp_alone_can_be_asked_for() {
    let at = server(Udp::Silent, authoritative).await;
    let ask = Ask { tcp: true, ..ask(10_000) };
    assert!(SocketExchange::default().exchange(&at, &ask).await.unwrap().metadata.authoritative);
}

#[tokio::test]
async fn bad_answers_over_tcp_are_typed() {
    let exchange = SocketExchange::default();
    let tcp = || Ask { tcp: true, ..ask(10_000) };
    let garbage = server(Udp::Silent, |_| framed(&[1, 2, 3])).await;
    assert!(matches!(exchange.exchange(&garbage, &tcp()).await, Err(ExchangeError::BadAnswer { .. })));
    let other_id = server(Udp::Silent, |q| framed(&answer(q, |answer| answer.metadata.id ^= 1))).await;
    assert!(matches!(exchange.exchange(&other_id, &tcp()).await, Err(ExchangeError::BadAnswer { .. })));
    let cut = server(Udp::Silent, |_| vec![0, 99, 1, 2]).await;
    assert!(matches!(exchange.exchange(&cut, &tcp()).await, Err(ExchangeError::Io { .. })));
}

#[tokio::test]
async fn silence_ends_in_time() {
    let at = server(Udp::Silent, |_| Vec::new()).await;
    let outcome = SocketExchange::default().exchange(&at, &ask(50)).await;
    assert!(matches!(outcome, Err(ExchangeError::TimedOut { .. })));
}

#[tokio::test]
async fn nobody_there_is_known_at_once() {
    let free = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let at = HostPort::new("127.0.0.1", free);
    let outcome = SocketExchange::default().exchange(&at, &ask(10_000)).await;
    assert!(matches!(outcome, Err(ExchangeError::Io { .. })), "{outcome:?}");
}
