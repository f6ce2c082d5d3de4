//! RFC 1995: incremental transfers.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record};

use super::super::{Authority, Carrier, Outcome, Peer};
use super::support::*;
use crate::dns::difference::{Difference, SetChange};
use crate::dns::transfer::in_one_datagram;
use crate::dns::zone::RrSet;

fn ixfr(serial: Option<u32>) -> Message {
    let mut message = question("example.org.", "IXFR");
    if let Some(serial) = serial {
        let name = Name::from_ascii("example.org.").unwrap();
        let soa = SOA::new(name.clone(), name.clone(), serial, 0, 0, 0, 0);
        message.add_authority(Record::from_rdata(name, 0, RData::SOA(soa)));
    }
    message
}

fn example() -> Authority {
    authority([zone("example.org.", "www 60 A 192.0.2.1")])
}

const ONLY_SOA: &str =
    "NoError aa\nan example.org. 3600 SOA ns1.example.org. admin.example.org. 7 3600 600 86400 300";

/// Section 2: «If an IXFR query with the same or newer version number than that of the server is received, it is
/// replied to with a single SOA record of the server's current version».
#[test]
fn section_2_up_to_date() {
    for serial in [7, 8] {
        for peer in [UDP, TCP] {
            assert_eq!(lines(&exchange(&example(), &ixfr(Some(serial)), &peer)), ONLY_SOA);
        }
    }
}

/// Section 2: «If the UDP reply does not fit, the query is responded to with a single SOA record of the server's
/// current version to inform the client that a TCP query should be initiated.»
#[test]
fn section_2_over_udp_the_soa_record_says_come_by_tcp() {
    let Outcome::Transfer(transfer) =
        example().answer(&ixfr(Some(6)).to_vec().unwrap(), &UDP, &mut Vec::new())
    else {
        panic!("no transfer")
    };
    let answer = |difference: Option<&Difference>| {
        lines(&Message::from_vec(&in_one_datagram(&transfer, difference, 1232)).unwrap())
    };
    assert_eq!(answer(None), ONLY_SOA);
    let text = |size: u8| RrSet::new(16, 60, [&*vec![size; usize::from(size) + 1]]);
    let soa = || transfer.zone().soa().clone();
    let of = |sizes: &[u8]| {
        let change =
            |size: &u8| SetChange { owner: name("w.example.org.").to_wire(), gone: None, new: text(*size) };
        let changes = sizes.iter().map(change).collect();
        Difference {
            origin: name("example.org."),
            old_soa: soa(),
            new_soa: soa(),
            changes,
            held: Box::new(()),
        }
    };
    assert_eq!(answer(Some(&of(&[9]))).lines().count(), 1 + 5);
    assert_eq!(answer(Some(&of(&[200, 201, 202]))), ONLY_SOA);
}

/// Section 4: «the server ... may ... send the entire zone».
#[test]
fn section_4_the_whole_zone_is_an_answer() {
    let mut out = Vec::new();
    let outcome = example().answer(&ixfr(Some(6)).to_vec().unwrap(), &TCP, &mut out);
    assert!(matches!(outcome, Outcome::Transfer(_)) && out.is_empty());
}

/// Section 3: «the authority section containing the SOA record of client's version of the zone».
#[test]
fn section_3_the_own_version_must_be_named() {
    assert_eq!(lines(&exchange(&example(), &ixfr(None), &TCP)), "FormErr");
}

#[test]
fn who_may_not_transfer_learns_no_more_over_ixfr() {
    let dns = example();
    let closed = Authority::new(dns.catalog().clone(), |peer: &Peer| peer.carrier == Carrier::Udp, 1232);
    assert_eq!(lines(&exchange(&closed, &ixfr(Some(7)), &TCP)), "Refused");
}
