//! Streams of every kind that a master can send, good and bad.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name as HickoryName, Record, RecordType as HickoryType};
use hickory_proto::serialize::txt::Parser;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Duration, Instant};

use super::stream::read_zone;
use super::*;
use crate::domain::record_type::RecordType;
use crate::domain::zonefile::to_stored;

const ID: u16 = 7;
const LIMITS: TransferLimits = TransferLimits {
    wait: Duration::from_secs(10),
    total: Duration::from_secs(60),
    octets: 100_000,
    records: 100,
};
const SOA: &str = "@ 300 SOA ns admin 5 3600 600 86400 60";
const NS: &str = "@ 300 NS ns";

fn origin() -> Name {
    Name::parse("example.org.").unwrap()
}

/// The records of these lines, in their order.
fn records(lines: &[&str]) -> Vec<Record> {
    let origin = HickoryName::from_ascii("example.org.").unwrap();
    let read = |line: &&str| {
        let (_, sets) = Parser::new(line.to_string(), None, Some(origin.clone())).parse().unwrap();
        sets.values()
            .flat_map(|set| set.records_without_rrsigs().cloned().collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    lines.iter().flat_map(read).collect()
}

/// A good message with these records.
fn answer(records: Vec<Record>) -> Message {
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.add_query(Query::query(HickoryName::from_ascii("Example.org.").unwrap(), HickoryType::AXFR));
    message.insert_answers(records);
    message
}

fn of(lines: &[&str]) -> Vec<u8> {
    answer(records(lines)).to_vec().unwrap()
}

fn framed(messages: &[Vec<u8>]) -> Vec<u8> {
    let frame =
        |message: &Vec<u8>| [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat();
    messages.iter().flat_map(frame).collect()
}

/// What comes of it if a master sends these octets; it closes the connection after them, or stays silent.
async fn sent(octets: Vec<u8>, closes: bool, limits: TransferLimits) -> Result<Arrived, TransferError> {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    let master = async move {
        let mut asked = vec![0; usize::from(theirs.read_u16().await.unwrap())];
        theirs.read_exact(&mut asked).await.unwrap();
        let asked = Message::from_vec(&asked).unwrap();
        assert_eq!((asked.metadata.id, asked.queries[0].query_type()), (ID, HickoryType::AXFR));
        // Whoever has seen enough goes away.
        let _ = theirs.write_all(&octets).await;
        if !closes {
            tokio::time::sleep(Duration::from_secs(1000)).await;
        }
    };
    let zone = origin();
    let reading = read_zone(ours, &zone, ID, &limits, Instant::now() + limits.total, None);
    tokio::select! {
        outcome = reading => outcome,
        // The stream is closed by the end of the master; what it sent is still to be read.
        () = async { master.await; std::future::pending::<()>().await } => unreachable!(),
    }
}

async fn arrives(messages: &[Vec<u8>]) -> Result<Arrived, TransferError> {
    sent(framed(messages), true, LIMITS).await
}

async fn error(messages: &[Vec<u8>]) -> String {
    arrives(messages).await.unwrap_err().to_string()
}

fn lines(arrived: &Arrived) -> Vec<String> {
    let line = |set: &ArrivedSet| {
        let data: Vec<_> = set.records.iter().map(to_stored).collect();
        format!("{} {} {} {}", set.name, set.ttl, set.kind, data.join(" | "))
    };
    arrived.sets.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn a_zone_arrives_in_one_message_or_in_many() {
    let zone = [
        SOA,
        NS,
        "www 60 A 192.0.2.1",
        "WWW 30 A 192.0.2.2",
        "www 60 A 192.0.2.1",
        "mail 60 MX 10 www",
        "_sip._tcp 60 SRV 1 2 3 www",
        "*.w 60 TXT \"a b\" c",
        SOA,
    ];
    let together = arrives(&[of(&zone)]).await.unwrap();
    assert_eq!(
        (together.soa.serial.number(), together.soa.refresh, together.soa_ttl.seconds()),
        (5, 3600, 300)
    );
    assert_eq!(
        lines(&together),
        [
            "example.org. 300 NS ns.example.org.",
            "www.example.org. 30 A 192.0.2.1 | 192.0.2.2",
            "mail.example.org. 60 MX 10 www.example.org.",
            "_sip._tcp.example.org. 60 SRV 1 2 3 www.example.org.",
            "*.w.example.org. 60 TXT \"a b\" \"c\"",
        ]
    );
    let mut one_by_one: Vec<Message> = zone.iter().map(|line| answer(records(&[line]))).collect();
    for later in &mut one_by_one[1..] {
        later.queries.clear();
        later.metadata.authoritative = false;
    }
    let one_by_one: Vec<_> = one_by_one.iter().map(|message| message.to_vec().unwrap()).collect();
    assert_eq!(arrives(&one_by_one).await.unwrap(), together);
    // What comes after the end of the zone is not waited for.
    assert_eq!(sent(framed(&[of(&zone)]), false, LIMITS).await.unwrap(), together);
}

#[tokio::test(start_paused = true)]
async fn types_without_a_form_of_their_own_arrive_and_their_names_are_spelt_out() {
    let mut message = of(&[SOA, NS]);
    let mut add = |kind: u16, data: &[u8]| {
        message.extend([0xc0, 12]);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60]);
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    };
    add(43, &[0x12, 0x34, 8, 2]);
    add(65280, &[]);
    add(18, &[0, 1, 0xc0, 12]);
    message[7] += 3;
    let arrived = arrives(&[message, of(&[SOA])]).await.unwrap();
    assert_eq!(
        lines(&arrived)[1..],
        [
            "Example.org. 60 TYPE43 \\# 4 12340802",
            "Example.org. 60 TYPE65280 \\# 0",
            "Example.org. 60 TYPE18 \\# 15 0001074578616d706c65036f726700",
        ]
    );
    assert_eq!(arrived.sets[1].kind, RecordType::Other(43));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_zone_is_refused() {
    for (messages, reason) in [
        (vec![of(&[NS, SOA])], "not a zone: the first record is no SOA record"),
        (vec![of(&[SOA, SOA])], "not a zone: it has no NS record"),
        (vec![of(&[SOA, NS, SOA, NS])], "not a zone: there is more after the last record"),
        (
            vec![of(&[SOA, NS, "@ 300 SOA ns admin 6 3600 600 86400 60"])],
            "not a zone: the last SOA record is another than the first",
        ),
        (
            vec![of(&[SOA, NS, "sub 300 SOA ns admin 5 3600 600 86400 60", SOA])],
            "not a zone: a SOA record is below the zone's name",
        ),
        (vec![of(&[SOA, NS, "www.example.net. 60 A 192.0.2.1", SOA])], "www.example.net. is not in the zone"),
        (vec![of(&[SOA, NS, "notexample.org. 60 A 192.0.2.1", SOA])], "notexample.org. is not in the zone"),
        (vec![of(&[SOA, NS])], "ended before its last record, after 2 records"),
        (vec![], "ended before its last record, after 0 records"),
        (vec![of(&[SOA]), of(&[]), of(&[NS, SOA])], "malformed message: it holds no records"),
    ] {
        assert_eq!(error(&messages).await, reason);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_answer_is_refused() {
    let changed = |change: fn(&mut Message)| {
        let mut message = answer(records(&[SOA, NS, SOA]));
        change(&mut message);
        message.to_vec().unwrap()
    };
    for (message, reason) in [
        (changed(|m| m.metadata.response_code = ResponseCode::Refused), "the master answered Query Refused"),
        (
            changed(|m| m.metadata.response_code = ResponseCode::NotAuth),
            "the master answered Not Authoritative",
        ),
        (changed(|m| m.metadata.id = 8), "not an answer to the question: its id is another"),
        (
            changed(|m| m.metadata.message_type = MessageType::Query),
            "not an answer to the question: it is no response",
        ),
        (
            changed(|m| m.metadata.authoritative = false),
            "not an answer to the question: the master is not authoritative",
        ),
        (changed(|m| m.queries.clear()), "not an answer to the question: its question is another"),
        (changed(|m| m.metadata.truncation = true), "malformed message: it is truncated"),
    ] {
        let told = error(&[message]).await;
        assert!(told.starts_with(reason.split(" answered").next().unwrap()), "{told}: {reason}");
    }
    // A master may give up in the middle.
    let failed = changed(|m| {
        m.metadata.response_code = ResponseCode::ServFail;
        m.answers.clear();
    });
    let outcome = arrives(&[of(&[SOA, NS]), failed]).await;
    assert!(matches!(outcome, Err(TransferError::Refused { code: ResponseCode::ServFail })), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn malformed_messages_are_told_apart_from_the_end() {
    let good = of(&[SOA, NS, "www 60 A 192.0.2.1", SOA]);
    // A record in the middle: its class, its type, its length.
    let found = good.windows(4).position(|octets| octets == [192, 0, 2, 1]).unwrap();
    let with = |at: usize, octet: u8| {
        let mut message = good.clone();
        message[at] = octet;
        message
    };
    for (message, reason) in [
        (with(found - 7, 3), "a record is of another class"),
        (with(found - 9, 252), "a record is of a type that no zone has"),
        (with(found - 1, 3), "the data of a record is not of its type"),
        (with(found - 2, 255), "a record is longer than the message"),
        (good[..good.len() - 3].to_vec(), "a record is longer than the message"),
        (good[..11].to_vec(), "it ends early"),
        (vec![], "it ends early"),
    ] {
        assert_eq!(error(&[message]).await, format!("malformed message: {reason}"));
    }
    // A name that points at itself, or ahead.
    let mut looping = of(&[SOA, NS]);
    let at = u8::try_from(looping.len()).unwrap();
    looping.extend([0xc0, at, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    looping[7] += 1;
    assert_eq!(error(&[looping]).await, "malformed message: a name does not point backwards");
}

#[tokio::test(start_paused = true)]
async fn time_and_size_are_limited() {
    let begun = Instant::now();
    let silent = sent(framed(&[of(&[SOA, NS])]), false, LIMITS).await;
    assert!(matches!(silent, Err(TransferError::TimedOut { limit }) if limit == LIMITS.wait), "{silent:?}");
    assert_eq!(begun.elapsed(), LIMITS.wait);
    // Half a message is no progress.
    let half = sent(framed(&[of(&[SOA, NS])])[..20].to_vec(), false, LIMITS).await;
    assert!(matches!(half, Err(TransferError::TimedOut { .. })), "{half:?}");

    let hosts: Vec<String> = (0..LIMITS.records).map(|n| format!("h{n} 60 A 192.0.2.1")).collect();
    let all: Vec<&str> = [SOA, NS].into_iter().chain(hosts.iter().map(String::as_str)).chain([SOA]).collect();
    assert_eq!(error(&[of(&all)]).await, "more than 100 records");
    let fewer = TransferLimits { octets: 200, ..LIMITS };
    let outcome = sent(framed(&[of(&all[..3]), of(&all[3..])]), true, fewer).await;
    assert_eq!(outcome.unwrap_err().to_string(), "more than 200 octets");
}

#[tokio::test(start_paused = true)]
async fn a_slow_master_has_no_more_than_the_whole_time() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let first = framed(&[of(&[SOA, NS])]);
    let dripping = async move {
        theirs.write_all(&first).await.unwrap();
        for n in 0.. {
            tokio::time::sleep(Duration::from_secs(9)).await;
            let host = format!("h{n} 60 A 192.0.2.1");
            if theirs.write_all(&framed(&[of(&[&host])])).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let begun = Instant::now();
    let zone = origin();
    let reading = read_zone(ours, &zone, ID, &LIMITS, begun + LIMITS.total, None);
    let outcome = tokio::select! { outcome = reading => outcome, () = dripping => unreachable!() };
    assert!(
        matches!(outcome, Err(TransferError::TimedOut { limit }) if limit == LIMITS.total),
        "{outcome:?}"
    );
    assert_eq!(begun.elapsed(), LIMITS.total);
}

proptest! {
    #[test]
    fn whatever_a_master_sends_nothing_breaks(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut message = of(&[SOA, NS, "www 60 A 192.0.2.1", "mail 60 MX 10 www", SOA]);
        for (at, octet) in changes {
            let at = at.index(message.len());
            message[at] = octet;
        }
        message.truncate(cut.index(message.len()) + 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _ = runtime.block_on(arrives(&[message]));
    }
}
