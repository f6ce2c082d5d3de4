//! Zone transfers out (RFC 5936, and RFC 1995 for differences): what was asked, and packing records into messages.
//!
//! Invariants: the SOA record comes first and last; all messages are one version of the zone; a transfer that cannot
//! be completed ends without its closing SOA record, so nobody takes a part for the whole.

use std::sync::Arc;

use thiserror::Error;

use super::answer::{Carrier, Peer};
use super::difference::Difference;
use super::tsig::ReplySigner;
use super::wire::{Edns, Names, Rcode, Request, append_record, flag, head, kind, opt, put};
use super::zone::ZoneData;
use crate::domain::serial::Serial;

/// The largest message that TCP carries.
const MAX_MESSAGE: usize = u16::MAX as usize;
const NAME_SLOTS: usize = 4096;
const PREFIX: usize = 2;
const HEADER: usize = 12;
/// Octets of an OPT record without options.
const OPT_SIZE: usize = 11;

/// A transfer that was asked for and allowed.
#[derive(Debug)]
pub struct TransferRequest {
    id: u16,
    flags: u16,
    question: Box<[u8]>,
    edns: Option<Edns>,
    zone: Arc<ZoneData>,
    known: Option<Serial>,
    carrier: Carrier,
    udp_limit: u16,
    signer: Option<ReplySigner>,
}

impl TransferRequest {
    /// For a client that takes datagrams of `udp_limit` octets.
    pub(crate) fn new(request: &Request<'_>, zone: Arc<ZoneData>, peer: Peer, udp_limit: u16) -> Self {
        Self {
            id: request.id,
            flags: request.flags,
            question: request.question.octets.into(),
            edns: request.edns,
            zone,
            known: request.known_serial.filter(|_| request.question.kind == kind::IXFR),
            carrier: peer.carrier,
            udp_limit,
            signer: None,
        }
    }

    /// Has the answer signed.
    #[must_use]
    pub fn signed_by(mut self, signer: Option<ReplySigner>) -> Self {
        self.signer = signer;
        self
    }

    /// The serial of the client's version, if it asked for what changed since.
    #[must_use]
    pub const fn known(&self) -> Option<Serial> {
        self.known
    }

    /// What carried the request.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// The zone as it is in memory.
    #[must_use]
    pub const fn zone(&self) -> &Arc<ZoneData> {
        &self.zone
    }

    /// The answer that says we cannot, with its length in front.
    #[must_use]
    pub fn failure(&self, payload: u16) -> Vec<u8> {
        let mut frames = Frames::new(self, MAX_MESSAGE, payload);
        frames.flags |= Rcode::ServFail.number();
        frames.close()
    }
}

/// A record that no message can hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a record of type {kind} is too large for any message")]
pub struct TooLarge {
    /// The type's number.
    pub kind: u16,
}

/// Packs records into messages, each with its length in front as TCP wants it.
#[derive(Debug)]
pub struct Frames {
    id: u16,
    flags: u16,
    limit: usize,
    edns: Option<(Edns, u16)>,
    questions: u16,
    records: u16,
    signer: Option<ReplySigner>,
    /// Octets kept free for what ends a message.
    room: usize,
    frame: Vec<u8>,
    names: Box<Names<NAME_SLOTS>>,
}

impl Frames {
    /// Starts the answer to `request` in messages of at most `limit` octets, unless a single record is larger; the
    /// first message repeats the question and has our OPT record, which says `payload`, if the request had one.
    #[must_use]
    pub fn new(request: &TransferRequest, limit: usize, payload: u16) -> Self {
        let mut frame = Vec::with_capacity(limit + PREFIX);
        frame.extend_from_slice(&[0; PREFIX + HEADER]);
        let mut names = Box::new(Names::keeping_case());
        let (name, rest) = request.question.split_at_checked(request.question.len() - 4).unwrap_or_default();
        names.write(&mut frame, PREFIX, name);
        frame.extend_from_slice(rest);
        Self {
            id: request.id,
            flags: flag::QR | flag::AA | (request.flags & (flag::RD | flag::CD)),
            limit: limit.clamp(512, MAX_MESSAGE),
            edns: request.edns.map(|edns| (edns, payload)),
            room: OPT_SIZE + request.signer.as_ref().map_or(0, ReplySigner::room),
            signer: request.signer.clone(),
            questions: 1,
            records: 0,
            frame,
            names,
        }
    }

    /// Adds a record; gives back a message when that has become full.
    ///
    /// # Errors
    /// If the record fits no message at all.
    pub fn push(
        &mut self,
        owner: &[u8],
        kind: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<Option<Vec<u8>>, TooLarge> {
        let mark = self.frame.len();
        append_record(&mut self.frame, &mut self.names, PREFIX, owner, kind, ttl, data);
        let size = self.frame.len() - PREFIX + self.room;
        if size <= self.limit || self.records == 0 && size <= MAX_MESSAGE {
            self.records += 1;
            return Ok(None);
        }
        if self.records == 0 {
            return Err(TooLarge { kind });
        }
        self.frame.truncate(mark);
        let full = self.close();
        let again = self.push(owner, kind, ttl, data)?;
        debug_assert!(again.is_none(), "the first record of a message never completes it");
        Ok(Some(full))
    }

    /// The last message.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.close()
    }

    /// Completes the message and begins the next, which needs no question (RFC 5936, section 2.2.1).
    fn close(&mut self) -> Vec<u8> {
        let additional = self.edns.take().map_or(0, |(edns, payload)| {
            opt(&mut self.frame, edns, payload, Rcode::NoError);
            1
        });
        head(&mut self.frame, PREFIX, self.id, self.flags, [self.questions, self.records, 0, additional]);
        if let Some(signer) = &mut self.signer {
            signer.sign(&mut self.frame, PREFIX);
        }
        let length = u16::try_from(self.frame.len() - PREFIX).unwrap_or(0);
        put(&mut self.frame, 0, length);
        let mut next = Vec::with_capacity(self.limit + PREFIX);
        next.extend_from_slice(&[0; PREFIX + HEADER]);
        self.names.clear();
        self.questions = 0;
        self.records = 0;
        std::mem::replace(&mut self.frame, next)
    }
}

/// All messages of a transfer of the version in memory, one by one.
pub fn whole_zone(
    request: &TransferRequest,
    limit: usize,
    payload: u16,
) -> impl Iterator<Item = Result<Vec<u8>, TooLarge>> + Send {
    let zone = &request.zone;
    let soa = || {
        let owner = zone.apex().owner();
        zone.soa().records().map(move |data| (owner, kind::SOA, zone.soa().ttl(), data))
    };
    let others = zone.nodes().flat_map(|node| {
        node.sets()
            .iter()
            .filter(|set| set.kind() != kind::SOA)
            .flat_map(|set| set.records().map(|data| (node.owner(), set.kind(), set.ttl(), data)))
    });
    let mut records = soa().chain(others).chain(soa());
    let mut frames = Some(Frames::new(request, limit, payload));
    std::iter::from_fn(move || fill(&mut frames, &mut records))
}

/// Packs records until a message is full or there are no more of them.
fn fill<'r>(
    frames: &mut Option<Frames>,
    records: &mut impl Iterator<Item = (&'r [u8], u16, u32, &'r [u8])>,
) -> Option<Result<Vec<u8>, TooLarge>> {
    let packing = frames.as_mut()?;
    for (owner, kind, ttl, data) in records {
        match packing.push(owner, kind, ttl, data) {
            Ok(None) => {}
            Ok(Some(frame)) => return Some(Ok(frame)),
            Err(too_large) => {
                *frames = None;
                return Some(Err(too_large));
            }
        }
    }
    frames.take().map(|last| Ok(last.finish()))
}

/// All messages of what changed, one by one.
pub fn what_changed<'d>(
    request: &TransferRequest,
    difference: &'d Difference,
    origin: &'d [u8],
    limit: usize,
    payload: u16,
) -> impl Iterator<Item = Result<Vec<u8>, TooLarge>> + Send + use<'d> {
    let mut frames = Some(Frames::new(request, limit, payload));
    let mut records = difference
        .in_order(origin)
        .flat_map(|(owner, set)| set.records().map(move |data| (owner, set.kind(), set.ttl(), data)));
    std::iter::from_fn(move || fill(&mut frames, &mut records))
}

/// The datagram that answers a request for what changed: that, or if it does not fit, the SOA record alone, which says that
/// it is to be asked for over TCP (RFC 1995, section 2).
#[must_use]
pub fn in_one_datagram(request: &TransferRequest, difference: Option<&Difference>, payload: u16) -> Vec<u8> {
    let limit = usize::from(request.udp_limit);
    let origin = request.zone.version().origin.to_wire();
    if let Some(difference) = difference {
        let mut messages = what_changed(request, difference, &origin, limit, payload);
        if let (Some(Ok(message)), None) = (messages.next(), messages.next())
            && message.len() <= limit + PREFIX
        {
            return message.get(PREFIX..).unwrap_or_default().to_vec();
        }
    }
    let mut frames = Frames::new(request, limit, payload);
    let zone = &request.zone;
    for data in zone.soa().records() {
        // It fits: it has the one record of its set, whose names are in the question or 255 octets long at most.
        drop(frames.push(zone.apex().owner(), kind::SOA, zone.soa().ttl(), data));
    }
    frames.finish().get(PREFIX..).unwrap_or_default().to_vec()
}
