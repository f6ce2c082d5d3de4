//! RFC 5936: zone transfers.

use hickory_proto::op::Message;
use proptest::prelude::*;

use super::super::{Authority, Outcome, Peer};
use super::support::*;
use crate::dns::transfer::{TransferRequest, whole_zone};

fn start(dns: &Authority, message: &Message) -> Box<TransferRequest> {
    let mut out = Vec::new();
    match dns.answer(&message.to_vec().unwrap(), &TCP, &mut out) {
        Outcome::Transfer(request) => request,
        other => panic!("{other:?} {out:?}"),
    }
}

fn messages(dns: &Authority, message: &Message, limit: usize) -> Vec<Message> {
    let request = start(dns, message);
    let frames = whole_zone(&request, limit, 1232).map(|frame| {
        let frame = frame.unwrap();
        let length = usize::from(u16::from_be_bytes([frame[0], frame[1]]));
        assert_eq!(length, frame.len() - 2);
        Message::from_vec(&frame[2..]).unwrap()
    });
    frames.collect()
}

/// Section 2.2: «the first and the last resource record is the SOA RR of the zone»; section 3.1: «including ... glue
/// records and occluded names».
#[test]
fn section_2_2_soa_first_and_last_everything_between() {
    let text = "@ 60 NS ns1.example.org.\nsub 60 NS ns.sub.example.org.\nns.sub 60 A 192.0.2.1\nWww 60 A 192.0.2.2\n\
                Www 60 A 192.0.2.3\n*.w 60 TXT \"x\"";
    let dns = authority([zone("example.org.", text)]);
    let answer = messages(&dns, &question("example.org.", "AXFR"), 16384);
    assert_eq!(answer.len(), 1);
    let records: Vec<String> =
        answer[0].answers.iter().map(|r| format!("{} {} {}", r.name, r.record_type(), r.data)).collect();
    let soa = "example.org. SOA ns1.example.org. admin.example.org. 7 3600 600 86400 300";
    assert_eq!((records.first().unwrap().as_str(), records.last().unwrap().as_str()), (soa, soa));
    let mut between = records[1..records.len() - 1].to_vec();
    between.sort();
    assert_eq!(
        between,
        [
            "*.w.example.org. TXT x",
            "Www.example.org. A 192.0.2.2",
            "Www.example.org. A 192.0.2.3",
            "example.org. NS ns1.example.org.",
            "ns.sub.example.org. A 192.0.2.1",
            "sub.example.org. NS ns.sub.example.org.",
        ]
    );
    assert!(answer[0].metadata.authoritative);
}

/// Section 2.2: «an AXFR response ... consists of a series of messages»; section 2.2.1: the question is in the first,
/// and «in subsequent messages, the QDCOUNT may be 0».
#[test]
fn section_2_2_1_several_messages() {
    let lines: Vec<String> = (0..3000).map(|n| format!("host-{n} 60 A 192.0.2.{}", n % 256)).collect();
    let dns = authority([zone("example.org.", &lines.join("\n"))]);
    let request = with_edns(question("example.org.", "AXFR"), 1232);
    let answer = messages(&dns, &request, 2048);
    assert!(answer.len() > 20);
    for (at, message) in answer.iter().enumerate() {
        assert_eq!(message.metadata.id, 4711);
        assert_eq!((message.queries.len(), message.edns.is_some()), (usize::from(at == 0), at == 0));
        assert!(message.answers.len() > 10 || at == answer.len() - 1);
    }
    assert_eq!(answer.iter().map(|m| m.answers.len()).sum::<usize>(), 3002);
}

/// A record larger than the usual message gets a message of its own.
#[test]
fn large_records_have_messages_of_their_own() {
    let text = format!("a 60 TXT {}\nb 60 A 192.0.2.1", "\"0123456789\" ".repeat(90).trim_end());
    let dns = authority([zone("example.org.", &text)]);
    let answer = messages(&dns, &question("example.org.", "AXFR"), 512);
    assert_eq!(answer.iter().map(|m| m.answers.len()).sum::<usize>(), 4);
}

/// Section 4.2: «AXFR ... over UDP is not defined».
#[test]
fn section_4_2_not_over_udp() {
    let dns = authority([zone("example.org.", "")]);
    assert_eq!(ask(&dns, "example.org.", "AXFR"), "NotImp");
}

/// Section 2.2.1: «REFUSED» where policy forbids; «NOTAUTH» for what is no zone of ours.
#[test]
fn section_2_2_1_refusals() {
    let dns = authority([zone("example.org.", "")]);
    let over_tcp = |dns: &Authority, qname| lines(&exchange(dns, &question(qname, "AXFR"), &TCP));
    assert_eq!(over_tcp(&dns, "example.com."), "Refused");
    assert_eq!(over_tcp(&dns, "www.example.org."), "NotAuth");
    let closed = Authority::new(dns.catalog().clone(), |_: &Peer| false, 1232);
    assert_eq!(over_tcp(&closed, "example.org."), "Refused");
}

#[test]
fn a_transfer_that_fails_says_so() {
    let dns = authority([zone("example.org.", "")]);
    let frame = start(&dns, &question("example.org.", "AXFR")).failure(1232);
    assert_eq!(lines(&Message::from_vec(&frame[2..]).unwrap()), "ServFail aa");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the size of messages and names, nothing is lost, added or garbled.
    #[test]
    fn transfers_are_complete(
        names in proptest::collection::btree_set("[a-c]{1,20}(\\.[a-c]{1,20}){0,3}", 1..120),
        limit in 512_usize..3000,
    ) {
        let lines: Vec<String> = names.iter().map(|n| format!("{n} 60 CNAME {n}.example.org.")).collect();
        let dns = authority([zone("example.org.", &lines.join("\n"))]);
        let answer = messages(&dns, &question("example.org.", "AXFR"), limit);
        let mut seen: Vec<String> = answer
            .iter()
            .flat_map(|m| &m.answers)
            .filter(|r| r.record_type() == hickory_proto::rr::RecordType::CNAME)
            .map(|r| { assert_eq!(r.name.to_string(), r.data.to_string()); r.name.to_string() })
            .collect();
        seen.sort();
        let mut expected: Vec<String> = names.iter().map(|n| format!("{n}.example.org.")).collect();
        expected.sort();
        prop_assert_eq!(seen, expected);
    }
}
