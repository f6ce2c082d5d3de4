//! SOA polls against answers of every kind.

use hickory_proto::op::{MessageType, OpCode};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::SOA;
use parking_lot::Mutex;

use super::*;

/// Answers every question by one function.
struct Scripted<F>(F, Mutex<Vec<Message>>);

impl<F> std::fmt::Debug for Scripted<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait::async_trait]
impl<F: Fn(&mut Message) + Send + Sync> Exchange for Scripted<F> {
    async fn exchange(&self, _server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        self.1.lock().push(ask.message.clone());
        let mut answer = Message::response(ask.message.metadata.id, OpCode::Query);
        answer.queries.clone_from(&ask.message.queries);
        answer.metadata.authoritative = true;
        (self.0)(&mut answer);
        Ok(answer)
    }
}

fn name(text: &str) -> hickory_proto::rr::Name {
    hickory_proto::rr::Name::from_ascii(text).unwrap()
}

fn soa(owner: &str, serial: u32) -> Record {
    let soa = SOA::new(name("ns.example."), name("admin.example."), serial, 1, 1, 1, 1);
    Record::from_rdata(name(owner), 60, RData::SOA(soa))
}

async fn polled(answer: impl Fn(&mut Message) + Send + Sync) -> PollAnswer {
    let exchange = Scripted(answer, Mutex::default());
    let zone = Name::parse("sub.example.org.").unwrap();
    let polled = poll_serial(&exchange, &HostPort::new("ns", 53), &zone, false, Duration::from_secs(1)).await;
    let asked = exchange.1.lock();
    assert_eq!(asked[0].metadata.message_type, MessageType::Query);
    assert!(!asked[0].metadata.recursion_desired);
    polled
}

#[tokio::test]
async fn only_an_authoritative_soa_of_the_zone_is_a_serial() {
    let own = polled(|answer| answer.insert_answers(vec![soa("SUB.example.org.", 4_000_000_000)])).await;
    assert_eq!(own.counts_as(), Answer::Serial(Serial::new(4_000_000_000)));

    let cached = polled(|answer| {
        answer.metadata.authoritative = false;
        answer.insert_answers(vec![soa("sub.example.org.", 7)]);
    })
    .await;
    assert!(matches!(cached, PollAnswer::Broken(ResponseCode::NoError)), "{cached:?}");

    let other = polled(|answer| answer.insert_answers(vec![soa("example.org.", 7)])).await;
    assert_eq!(other.counts_as(), Answer::Unknown);
}

#[tokio::test]
async fn a_server_without_the_zone_says_so_in_many_ways() {
    for code in [ResponseCode::NXDomain, ResponseCode::Refused, ResponseCode::NotAuth] {
        let answer = polled(|answer| answer.metadata.response_code = code).await;
        assert!(matches!(answer, PollAnswer::NoZone(c) if c == code), "{answer:?}");
    }
    let no_data = polled(|answer| answer.insert_authorities(vec![soa("example.org.", 7)])).await;
    assert_eq!(no_data.counts_as(), Answer::NoZone);
    let referral = polled(|answer| answer.metadata.authoritative = false).await;
    assert_eq!(referral.counts_as(), Answer::NoZone);
}

#[tokio::test]
async fn trouble_says_nothing_about_the_zone() {
    for code in [ResponseCode::ServFail, ResponseCode::FormErr, ResponseCode::NotImp] {
        let answer = polled(|answer| answer.metadata.response_code = code).await;
        assert!(matches!(answer, PollAnswer::Broken(c) if c == code), "{answer:?}");
        assert_eq!(answer.counts_as(), Answer::Unknown);
    }
}
