//! Zone transfers out (RFC 5936): what was asked, and packing records into messages.
//!
//! Invariants: the SOA record comes first and last; all messages are one version of the zone; a transfer that cannot
//! be completed ends without its closing SOA record, so nobody takes a part for the whole.

use std::sync::Arc;

use thiserror::Error;

use super::wire::{Edns, Names, Rcode, Request, append_record, flag, head, kind, opt, put};
use super::zone::ZoneData;

/// The largest message that TCP carries.
const MAX_MESSAGE: usize = u16::MAX as usize;
const NAME_SLOTS: usize = 4096;
const PREFIX: usize = 2;
const HEADER: usize = 12;

/// A transfer that was asked for and allowed.
#[derive(Debug)]
pub struct TransferRequest {
    id: u16,
    flags: u16,
    question: Box<[u8]>,
    edns: Option<Edns>,
    zone: Arc<ZoneData>,
}

impl TransferRequest {
    pub(crate) fn new(request: &Request<'_>, zone: Arc<ZoneData>) -> Self {
        Self {
            id: request.id,
            flags: request.flags,
            question: request.question.octets.into(),
            edns: request.edns,
            zone,
        }
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
        let room = 16;
        let mark = self.frame.len();
        append_record(&mut self.frame, &mut self.names, PREFIX, owner, kind, ttl, data);
        let size = self.frame.len() - PREFIX + room;
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
    std::iter::from_fn(move || {
        let packing = frames.as_mut()?;
        for (owner, kind, ttl, data) in records.by_ref() {
            match packing.push(owner, kind, ttl, data) {
                Ok(None) => {}
                Ok(Some(frame)) => return Some(Ok(frame)),
                Err(too_large) => {
                    frames = None;
                    return Some(Err(too_large));
                }
            }
        }
        frames.take().map(|last| Ok(last.finish()))
    })
}
