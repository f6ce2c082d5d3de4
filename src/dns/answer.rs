//! Answering requests from the zones in memory. Pure: octets in, octets out, no waiting.
//!
//! Invariants: a request that can be read gets exactly one answer; whatever arrives, nothing panics; names outside the
//! zones served are REFUSED, so nobody learns anything about them; a UDP answer never exceeds what the requester can
//! take; the question comes back octet by octet as it was asked.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use super::catalog::Catalog;
use super::lookup::{Located, locate};
use super::transfer::TransferRequest;
use super::wire::{Full, Names, Opcode, QName, Rcode, Request, Section, Unreadable, Writer, class, kind};
use super::zone::{Node, RrSet, ZoneData};

/// How far a chain of aliases is followed.
const MAX_ALIASES: usize = 16;
/// Entries for name compression in one answer.
const NAME_SLOTS: usize = 64;
/// The UDP payload that every requester takes (RFC 1035, section 4.2.1).
const PLAIN_UDP: u16 = 512;

/// What carried a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// One datagram.
    Udp,
    /// A connection.
    Tcp,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// What carried the request.
    pub carrier: Carrier,
}

/// What became of a request.
#[derive(Debug)]
pub enum Outcome {
    /// The answer was appended to the buffer.
    Answered,
    /// No answer is due.
    Silent,
    /// The answer is a zone transfer, which takes more than one message.
    Transfer(Box<TransferRequest>),
}

/// Who may transfer zones.
pub trait TransferPolicy: Send + Sync + 'static {
    /// True if this peer may.
    fn allows(&self, peer: &Peer) -> bool;
}

impl<F: Fn(&Peer) -> bool + Send + Sync + 'static> TransferPolicy for F {
    fn allows(&self, peer: &Peer) -> bool {
        self(peer)
    }
}

/// The authority: answers for every zone of a catalogue.
pub struct Authority {
    catalog: Arc<Catalog>,
    transfers: Box<dyn TransferPolicy>,
    max_udp: u16,
    only_signed: bool,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("zones", &self.catalog.len()).finish_non_exhaustive()
    }
}

impl Authority {
    /// Answers from `catalog`; a UDP answer has at most `max_udp` octets, whatever the requester offers.
    pub fn new(catalog: Arc<Catalog>, transfers: impl TransferPolicy, max_udp: u16) -> Self {
        Self { catalog, transfers: Box::new(transfers), max_udp: max_udp.max(PLAIN_UDP), only_signed: false }
    }

    /// Whether queries and transfers are refused unless they are signed.
    #[must_use]
    pub const fn only_signed(mut self, only_signed: bool) -> Self {
        self.only_signed = only_signed;
        self
    }

    /// The zones answered for.
    #[must_use]
    pub const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// The UDP payload that our OPT records offer.
    #[must_use]
    pub const fn payload(&self) -> u16 {
        self.max_udp
    }

    /// Answers one message; an answer is appended to `out`.
    pub fn answer(&self, message: &[u8], peer: &Peer, out: &mut Vec<u8>) -> Outcome {
        match Request::read(message) {
            Ok(request) => self.answer_request(&request, peer, out),
            Err(Unreadable::Silent) => Outcome::Silent,
            Err(Unreadable::Refuse(refusal)) => {
                refusal.write(out);
                Outcome::Answered
            }
        }
    }

    /// Answers a request that was read already.
    pub fn answer_request(&self, request: &Request<'_>, peer: &Peer, out: &mut Vec<u8>) -> Outcome {
        if request.opcode == Opcode::Query && matches!(request.question.kind, kind::AXFR | kind::IXFR) {
            match self.transfer(request, peer) {
                Ok(Transfer::Versions(transfer)) => return Outcome::Transfer(Box::new(transfer)),
                Ok(Transfer::OnlySoa(zone)) => self.write(request, peer, out, |reply| {
                    reply.soa(&zone, zone.soa().ttl(), Section::Answer)?;
                    Ok(Rcode::NoError)
                }),
                Err(rcode) => self.fail(request, rcode, out),
            }
            return Outcome::Answered;
        }
        match self.check(request) {
            Ok(zone) => self.write(request, peer, out, |reply| reply.resolve(&zone)),
            Err(rcode) => self.fail(request, rcode, out),
        }
        Outcome::Answered
    }

    /// Appends an answer without records.
    pub fn fail(&self, request: &Request<'_>, rcode: Rcode, out: &mut Vec<u8>) {
        let mut names = Names::<NAME_SLOTS>::any_case();
        Writer::reply(out, &mut names, request, usize::from(u16::MAX), self.max_udp).finish(rcode);
    }

    /// Why a NOTIFY cannot be heard, if it cannot.
    #[must_use]
    pub fn notify_flaw(&self, request: &Request<'_>) -> Option<Rcode> {
        let question = &request.question;
        if request.edns.is_some_and(|edns| edns.version > 0) {
            Some(Rcode::BadVers)
        } else if request.signed && request.scope.is_none() || question.class != class::IN {
            Some(Rcode::NotAuth)
        } else if question.kind != kind::SOA {
            Some(Rcode::NotImp)
        } else {
            None
        }
    }

    /// Appends the answer to a NOTIFY (RFC 1996, section 3.8).
    pub fn acknowledge(&self, request: &Request<'_>, rcode: Rcode, out: &mut Vec<u8>) {
        let mut names = Names::<NAME_SLOTS>::any_case();
        let mut writer = Writer::reply(out, &mut names, request, usize::from(u16::MAX), self.max_udp);
        if rcode == Rcode::NoError {
            writer.authoritative();
        }
        writer.finish(rcode);
    }

    /// The zone to answer from, or why there is no answer from any.
    fn check(&self, request: &Request<'_>) -> Result<Arc<ZoneData>, Rcode> {
        let question = &request.question;
        if request.edns.is_some_and(|edns| edns.version > 0) {
            return Err(Rcode::BadVers);
        }
        // No key is known here: whether a signature is right was to be found out before (RFC 8945, section 5.2.1).
        if request.signed && request.scope.is_none() {
            return Err(Rcode::NotAuth);
        }
        if request.opcode == Opcode::Notify {
            // Whether a zone is transferred from elsewhere is not known here.
            return Err(Rcode::NotAuth);
        }
        match question.kind {
            0 | kind::OPT => return Err(Rcode::FormErr),
            kind::AXFR | kind::IXFR | kind::ANY => {}
            kind::FIRST_META..=kind::ANY => return Err(Rcode::NotImp),
            _ => {}
        }
        if question.class != class::IN {
            return Err(Rcode::Refused);
        }
        if self.only_signed && !request.signed {
            return Err(Rcode::Refused);
        }
        let zone = self.catalog.enclosing_in(&question.name, request.scope).ok_or(Rcode::Refused)?;
        if question.kind == kind::DS && zone.origin_labels() == question.name.labels() {
            return Ok(self.catalog.above(&question.name, request.scope).unwrap_or(zone));
        }
        Ok(zone)
    }

    fn transfer(&self, request: &Request<'_>, peer: &Peer) -> Result<Transfer, Rcode> {
        let question = &request.question;
        let incremental = question.kind == kind::IXFR;
        if incremental && request.known_serial.is_none() {
            return Err(Rcode::FormErr);
        }
        // RFC 5936, section 4.2: a transfer over UDP is not defined.
        if !incremental && peer.carrier == Carrier::Udp {
            return Err(Rcode::NotImp);
        }
        let zone = self.check(request)?;
        if zone.origin_labels() != question.name.labels() {
            return Err(Rcode::NotAuth);
        }
        // A key that was given to somebody is leave enough.
        if request.scope.is_none() && !self.transfers.allows(peer) {
            return Err(Rcode::Refused);
        }
        let up_to_date = request.known_serial.is_some_and(|known| known.is_at_least(zone.version().serial));
        if incremental && up_to_date {
            return Ok(Transfer::OnlySoa(zone));
        }
        let limit = self.udp_limit(request);
        Ok(Transfer::Versions(TransferRequest::new(request, zone, *peer, limit)))
    }

    /// The largest datagram that may answer a request.
    fn udp_limit(&self, request: &Request<'_>) -> u16 {
        request.edns.map_or(PLAIN_UDP, |edns| edns.payload.max(PLAIN_UDP)).min(self.max_udp)
    }

    fn write(
        &self,
        request: &Request<'_>,
        peer: &Peer,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Reply<'_, '_>) -> Result<Rcode, Full>,
    ) {
        let limit = match peer.carrier {
            Carrier::Udp => self.udp_limit(request),
            Carrier::Tcp => u16::MAX,
        };
        let mut names = Names::any_case();
        let writer = Writer::reply(out, &mut names, request, usize::from(limit), self.max_udp);
        let mut reply = Reply { request, writer };
        reply.writer.authoritative();
        let rcode = fill(&mut reply).unwrap_or_else(|Full| match peer.carrier {
            Carrier::Udp => {
                reply.writer.truncate();
                Rcode::NoError
            }
            Carrier::Tcp => {
                reply.writer.clear();
                Rcode::ServFail
            }
        });
        reply.writer.finish(rcode);
    }
}

enum Transfer {
    Versions(TransferRequest),
    OnlySoa(Arc<ZoneData>),
}

/// An answer from one zone, in the making.
struct Reply<'r, 'o> {
    request: &'r Request<'r>,
    writer: Writer<'o, NAME_SLOTS>,
}

impl<'r> Reply<'r, '_> {
    /// Fills in the answer to the question.
    fn resolve<'a>(&mut self, zone: &'a ZoneData) -> Result<Rcode, Full>
    where
        'r: 'a,
    {
        if !zone.is_complete() {
            return self.resolve_soa(zone);
        }
        let question = &self.request.question;
        let wanted = question.kind;
        let mut name = Cow::Borrowed(&question.name);
        let mut owner: &'a [u8] = question.asked_name();
        let mut aliases: [Option<&Node>; MAX_ALIASES] = [None; MAX_ALIASES];
        for at in 0..MAX_ALIASES {
            let node = match locate(zone, &name) {
                Located::Here(node) | Located::Wildcard(node) => node,
                Located::Cut { node, labels } if wanted == kind::DS && labels == name.labels() => node,
                Located::Cut { node, labels } => return self.refer(zone, node, labels, at > 0),
                Located::Nowhere => return self.deny(zone, Rcode::NxDomain),
            };
            if wanted == kind::ANY {
                // RFC 8482, section 4.1: one set stands for all.
                return match node.sets().iter().min_by_key(|set| set.size()) {
                    Some(set) => self.set(owner, set).map(|()| Rcode::NoError),
                    None => self.deny(zone, Rcode::NoError),
                };
            }
            if let Some(set) = node.set(wanted) {
                self.set(owner, set)?;
                self.add_addresses(zone, set);
                return Ok(Rcode::NoError);
            }
            let Some(alias) = node.set(kind::CNAME) else {
                return self.deny(zone, Rcode::NoError);
            };
            if aliases.iter().flatten().any(|seen| std::ptr::eq(*seen, node)) {
                return Ok(Rcode::ServFail);
            }
            if let Some(slot) = aliases.get_mut(at) {
                *slot = Some(node);
            }
            self.set(owner, alias)?;
            let Some((target, key)) = alias.records().next().and_then(|t| Some((t, QName::read(t)?))) else {
                return Ok(Rcode::ServFail);
            };
            if key.last(zone.origin_labels()) != zone.origin_key() {
                return Ok(Rcode::NoError);
            }
            owner = target;
            name = Cow::Owned(key);
        }
        Ok(Rcode::NoError)
    }

    /// Without the records in memory, the SOA record is all that is answered.
    fn resolve_soa(&mut self, zone: &ZoneData) -> Result<Rcode, Full> {
        let question = &self.request.question;
        if question.kind == kind::SOA && question.name.labels() == zone.origin_labels() {
            self.soa(zone, zone.soa().ttl(), Section::Answer)?;
            return Ok(Rcode::NoError);
        }
        self.writer.unauthoritative();
        Ok(Rcode::Refused)
    }

    fn set(&mut self, owner: &[u8], set: &RrSet) -> Result<(), Full> {
        self.writer.set(Section::Answer, owner, set)
    }

    fn soa(&mut self, zone: &ZoneData, ttl: u32, section: Section) -> Result<(), Full> {
        let owner = zone.apex().owner();
        zone.soa().records().try_for_each(|data| self.writer.record(section, owner, kind::SOA, ttl, data))
    }

    /// A negative answer (RFC 2308, section 2).
    fn deny(&mut self, zone: &ZoneData, rcode: Rcode) -> Result<Rcode, Full> {
        self.soa(zone, zone.negative_ttl(), Section::Authority)?;
        Ok(rcode)
    }

    /// A referral: the NS records of the cut, and the addresses below the cut that cannot be found otherwise, without
    /// which the referral is useless (RFC 9471).
    fn refer(
        &mut self,
        zone: &ZoneData,
        cut: &Node,
        labels: usize,
        after_alias: bool,
    ) -> Result<Rcode, Full> {
        if !after_alias {
            self.writer.unauthoritative();
        }
        let Some(servers) = cut.set(kind::NS) else { return Ok(Rcode::ServFail) };
        self.writer.set(Section::Authority, cut.owner(), servers)?;
        let (inside, elsewhere): (Vec<_>, Vec<_>) =
            servers.records().filter_map(QName::read).partition(|host| host.last(labels) == cut.key());
        inside.iter().try_for_each(|host| self.addresses(zone, host))?;
        let _: Result<(), Full> = elsewhere.iter().try_for_each(|host| self.addresses(zone, host));
        Ok(Rcode::NoError)
    }

    /// Adds the addresses of the hosts that a set names, as far as there is room; nobody relies on them.
    fn add_addresses(&mut self, zone: &ZoneData, set: &RrSet) {
        let before_host = match set.kind() {
            kind::NS => 0,
            kind::MX => 2,
            kind::SRV => 6,
            _ => return,
        };
        let mut hosts = set.records().filter_map(|data| QName::read(data.get(before_host..)?));
        let _: Result<(), Full> = hosts.try_for_each(|host| self.addresses(zone, &host));
    }

    /// Adds the addresses of one host, each set whole or not at all.
    fn addresses(&mut self, zone: &ZoneData, host: &QName) -> Result<(), Full> {
        let Some(node) = zone.node(host.key()) else { return Ok(()) };
        for set in [kind::A, kind::AAAA].into_iter().filter_map(|kind| node.set(kind)) {
            self.writer.set(Section::Additional, node.owner(), set)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "answer_tests/mod.rs"]
pub(super) mod tests;
