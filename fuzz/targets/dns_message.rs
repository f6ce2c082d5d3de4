//! Requests of any kind to the name server: an answer is short enough, has the question and its id, and is well formed.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use ordain::dns::answer::{Authority, Carrier, Outcome, Peer};
use ordain::dns::catalog::Catalog;
use ordain::dns::wire::Request;
use ordain::dns::zone::{RrSet, ZoneEdit, ZoneVersion};
use ordain::domain::generation::Generation;
use ordain::domain::ids::{PoolId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::serial::Serial;
use ordain::domain::ttl::Ttl;
use ordain::domain::zonefile;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let file = zonefile::parse(include_str!("../seeds/zone_file/example.zone"), None).expect("a zone file");
    let version = ZoneVersion {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        origin: file.origin.clone(),
        generation: Generation::FIRST,
        serial: Serial::new(7),
        default_ttl: Ttl::ZERO,
    };
    let mut edit = ZoneEdit::new(version, file.records.len());
    let mut sets: Vec<(Name, u16, Vec<Vec<u8>>)> = Vec::new();
    for record in file.records {
        let (kind, wire) = (record.data.record_type().number(), record.data.to_wire());
        match sets.iter_mut().find(|set| set.0 == record.name && set.1 == kind) {
            Some(set) => set.2.push(wire),
            None => sets.push((record.name, kind, vec![wire])),
        }
    }
    for (name, kind, records) in sets {
        let set = RrSet::new(kind, 300, records.iter().map(Vec::as_slice)).expect("records");
        edit.put(&name, set).expect("in the zone");
    }
    let catalog = Catalog::default();
    catalog.put(Arc::new(edit.finish().expect("a zone")));
    Authority::new(Arc::new(catalog), |_: &Peer| true, 1232)
});

fuzz_target!(|message: &[u8]| {
    for carrier in [Carrier::Udp, Carrier::Tcp] {
        let peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 5300)), carrier };
        let mut answer = Vec::new();
        match AUTHORITY.answer(message, &peer, &mut answer) {
            Outcome::Silent => assert!(answer.is_empty()),
            Outcome::Transfer(_) => assert!(Request::read(message).is_ok()),
            Outcome::Answered => {
                let most = if carrier == Carrier::Udp { 1232 } else { 65535 };
                assert!((12..=most).contains(&answer.len()), "{} octets", answer.len());
                assert_eq!(answer[..2], message[..2], "another id");
                assert!(answer[2] & 0x80 != 0, "no answer");
                walk(&answer);
            }
        }
    }
});

/// Goes through all records of an answer, to its very end.
fn walk(answer: &[u8]) {
    let word = |at: usize| usize::from(u16::from_be_bytes([answer[at], answer[at + 1]]));
    let name = |mut at: usize| loop {
        match answer[at] {
            0 => break at + 1,
            0xc0.. => {
                assert!(word(at) & 0x3fff < at, "a pointer ahead");
                break at + 2;
            }
            length => at += 1 + usize::from(length),
        }
    };
    let mut at = 12;
    for _ in 0..word(4) {
        at = name(at) + 4;
    }
    for _ in 0..word(6) + word(8) + word(10) {
        at = name(at) + 10;
        at += word(at - 2);
    }
    assert_eq!(at, answer.len(), "more or less than it says");
}
