//! Zones from text, questions, and answers as lines of text.

use std::str::FromStr as _;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name as HickoryName, RecordType as HickoryType};

use super::super::*;
use crate::dns::zone::{ZoneEdit, ZoneVersion};
use crate::domain::generation::Generation;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::name::Name;
use crate::domain::rdata::{Field, RData};
use crate::domain::record_type::RecordType;
use crate::domain::serial::Serial;
use crate::domain::ttl::Ttl;

pub(in crate::dns) const UDP: Peer = peer(Carrier::Udp);
pub(in crate::dns) const TCP: Peer = peer(Carrier::Tcp);

const fn peer(carrier: Carrier) -> Peer {
    let address = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    Peer { address: SocketAddr::new(address, 5300), carrier }
}

pub(in crate::dns) fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// A zone with the given lines, `name ttl TYPE data`, and a SOA record unless one is given. Names without a final dot
/// are in the zone.
pub(in crate::dns) fn zone(origin: &str, lines: &str) -> ZoneData {
    let version = ZoneVersion {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        origin: name(origin),
        generation: Generation::FIRST,
        serial: Serial::new(7),
        default_ttl: Ttl::ZERO,
    };
    let mut sets: Vec<(String, RecordType, u32, Vec<Vec<u8>>)> = Vec::new();
    let below = if origin == "." { "" } else { origin };
    let soa = format!("@ 3600 SOA ns1.{below} admin.{below} 7 3600 600 86400 300");
    let given = lines.contains(" SOA ");
    for line in lines.lines().chain((!given).then_some(&*soa)).map(str::trim).filter(|l| !l.is_empty()) {
        let fields: Vec<&str> = line.splitn(4, ' ').collect();
        let owner = match fields[0] {
            "@" => origin.to_owned(),
            absolute if absolute.ends_with('.') => absolute.to_owned(),
            relative => format!("{relative}.{origin}"),
        };
        let kind = RecordType::from_str(fields[2]).unwrap();
        let data = data(kind, fields[3]);
        match sets.iter_mut().find(|s| (&s.0, s.1) == (&owner, kind)) {
            Some(set) => set.3.push(data),
            None => sets.push((owner, kind, fields[1].parse().unwrap(), vec![data])),
        }
    }
    let mut edit = ZoneEdit::new(version, 0);
    for (owner, kind, ttl, records) in &sets {
        let set = RrSet::new(kind.number(), *ttl, records.iter().map(Vec::as_slice)).unwrap();
        edit.put(&name(owner), set).unwrap();
    }
    edit.finish().unwrap()
}

/// Record data in the form of zone files.
fn data(kind: RecordType, text: &str) -> Vec<u8> {
    let mut fields = Vec::new();
    for (at, part) in text.split('"').enumerate() {
        if at % 2 == 1 {
            fields.push(Field { text: part, quoted: true });
        } else {
            fields.extend(part.split_whitespace().map(|text| Field { text, quoted: false }));
        }
    }
    RData::from_fields(kind, &fields, None).unwrap_or_else(|e| panic!("{kind} {text}: {e}")).to_wire()
}

pub(in crate::dns) fn authority(zones: impl IntoIterator<Item = ZoneData>) -> Authority {
    let catalog = Catalog::default();
    for zone in zones {
        catalog.put(Arc::new(zone));
    }
    Authority::new(Arc::new(catalog), |_: &Peer| true, 1232)
}

pub(in crate::dns) fn question(qname: &str, qtype: &str) -> Message {
    let mut message = Message::query();
    message.metadata.id = 4711;
    let qtype = match (qtype, qtype.strip_prefix("TYPE")) {
        ("IXFR", _) => HickoryType::IXFR,
        (_, Some(number)) => HickoryType::from(number.parse::<u16>().unwrap()),
        _ => HickoryType::from_str(qtype).unwrap(),
    };
    message.add_query(Query::query(HickoryName::from_ascii(qname).unwrap(), qtype));
    message
}

pub(in crate::dns) fn with_edns(mut message: Message, payload: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    message.set_edns(edns);
    message
}

/// The octets of the answer, if there is one.
pub(in crate::dns) fn octets(authority: &Authority, message: &[u8], peer: &Peer) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match authority.answer(message, peer, &mut out) {
        Outcome::Answered => Some(out),
        Outcome::Silent => None,
        Outcome::Transfer(_) => panic!("a transfer"),
    }
}

pub(in crate::dns) fn exchange(authority: &Authority, message: &Message, peer: &Peer) -> Message {
    let answer = octets(authority, &message.to_vec().unwrap(), peer).expect("an answer");
    let answer = Message::from_vec(&answer).expect("a readable answer");
    assert_eq!(answer.metadata.id, message.metadata.id);
    assert_eq!(answer.queries, message.queries);
    answer
}

/// The answer over UDP, as lines: the response code with the flags `aa` and `tc`, then the records of each section.
pub(in crate::dns) fn ask(authority: &Authority, qname: &str, qtype: &str) -> String {
    lines(&exchange(authority, &question(qname, qtype), &UDP))
}

pub(in crate::dns) fn lines(answer: &Message) -> String {
    let mut text = format!("{:?}", answer.metadata.response_code);
    for (flag, word) in [(answer.metadata.authoritative, " aa"), (answer.metadata.truncation, " tc")] {
        text += if flag { word } else { "" };
    }
    for (section, records) in
        [("an", &answer.answers), ("ns", &answer.authorities), ("ar", &answer.additionals)]
    {
        for r in records {
            text += &format!("\n{section} {} {} {} {}", r.name, r.ttl, r.record_type(), r.data);
        }
    }
    text
}

/// The text block as [`lines`] has it.
pub(in crate::dns) fn expected(block: &str) -> String {
    block.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Asserts that a question gets this answer.
#[track_caller]
pub(in crate::dns) fn check(authority: &Authority, qname: &str, qtype: &str, block: &str) {
    assert_eq!(ask(authority, qname, qtype), expected(block), "{qname} {qtype}");
}
