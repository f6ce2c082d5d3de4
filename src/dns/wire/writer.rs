//! Writing one response.
//!
//! Invariants: the message never grows beyond its limit, room for the OPT record included; a record is in it whole or
//! not at all; counts in the header match what was written.

use super::compress::Names;
use super::header::{Rcode, class, flag, kind};
use super::request::{Edns, Refusal, Request};
use crate::dns::zone::RrSet;

/// Octets of an OPT record without options.
const OPT_SIZE: usize = 11;
const HEADER_SIZE: usize = 12;

/// The message has no room for the record; it was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// The part of a message that a record goes to. Sections are written in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// The SOA or NS records of the zone.
    Authority,
    /// Addresses that spare a further question.
    Additional,
}

/// A response in the making, at the end of a buffer.
#[derive(Debug)]
pub struct Writer<'o, const SLOTS: usize> {
    buffer: &'o mut Vec<u8>,
    names: &'o mut Names<SLOTS>,
    start: usize,
    limit: usize,
    after_question: usize,
    id: u16,
    flags: u16,
    counts: [u16; 4],
    edns: Option<(Edns, u16)>,
}

impl<'o, const SLOTS: usize> Writer<'o, SLOTS> {
    /// Begins the response to `request` at the end of `buffer`, at most `limit` octets long; `names` must be clear.
    /// `payload` is what our OPT record says, if the requester sent one.
    pub fn reply(
        buffer: &'o mut Vec<u8>,
        names: &'o mut Names<SLOTS>,
        request: &Request<'_>,
        limit: usize,
        payload: u16,
    ) -> Self {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEADER_SIZE]);
        names.write(buffer, start, request.question.asked_name());
        let rest = request.question.octets.get(request.question.name.len()..).unwrap_or_default();
        buffer.extend_from_slice(rest);
        let reserve = request.reserve + if request.edns.is_some() { OPT_SIZE } else { 0 };
        Self {
            after_question: buffer.len(),
            buffer,
            names,
            start,
            limit: limit.saturating_sub(reserve),
            id: request.id,
            flags: flag::QR | (request.flags & (flag::OPCODE | flag::RD | flag::CD)),
            counts: [1, 0, 0, 0],
            edns: request.edns.map(|edns| (edns, payload)),
        }
    }

    /// Marks the answer as coming from an authority.
    pub fn authoritative(&mut self) {
        self.flags |= flag::AA;
    }

    /// Takes that mark back.
    pub fn unauthoritative(&mut self) {
        self.flags &= !flag::AA;
    }

    /// Adds a record of class IN.
    ///
    /// # Errors
    /// If it does not fit. After that no more records can be added.
    pub fn record(
        &mut self,
        section: Section,
        owner: &[u8],
        kind: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Full> {
        let mark = self.buffer.len();
        append_record(self.buffer, self.names, self.start, owner, kind, ttl, data);
        if self.buffer.len() - self.start > self.limit {
            self.buffer.truncate(mark);
            return Err(Full);
        }
        if let Some(count) = self.counts.get_mut(section as usize + 1) {
            *count += 1;
        }
        Ok(())
    }

    /// Adds all records of a set, or none.
    ///
    /// # Errors
    /// If they do not fit. After that no more records can be added.
    pub fn set(&mut self, section: Section, owner: &[u8], set: &RrSet) -> Result<(), Full> {
        let mark = self.buffer.len();
        let counts = self.counts;
        set.records()
            .try_for_each(|data| self.record(section, owner, set.kind(), set.ttl(), data))
            .inspect_err(|Full| {
                self.buffer.truncate(mark);
                self.counts = counts;
            })
    }

    /// Takes all records back.
    pub fn clear(&mut self) {
        self.buffer.truncate(self.after_question);
        self.counts = [1, 0, 0, 0];
    }

    /// Takes all records back and tells the requester to come again over TCP (RFC 2181, section 9).
    pub fn truncate(&mut self) {
        self.clear();
        self.flags |= flag::TC;
    }

    /// Completes the message.
    pub fn finish(mut self, rcode: Rcode) {
        if let Some((edns, payload)) = self.edns {
            opt(self.buffer, edns, payload, rcode);
            if let Some(count) = self.counts.last_mut() {
                *count += 1;
            }
        }
        self.flags |= rcode.number() & 0xf;
        head(self.buffer, self.start, self.id, self.flags, self.counts);
    }
}

/// Appends a record of class IN to the message that begins at octet `start` of the buffer.
///
/// Names in the data are compressed only in the types of RFC 1035, since nobody can be sure to know the others (RFC
/// 3597, section 4).
pub(crate) fn append_record<const SLOTS: usize>(
    buffer: &mut Vec<u8>,
    names: &mut Names<SLOTS>,
    start: usize,
    owner: &[u8],
    kind: u16,
    ttl: u32,
    data: &[u8],
) {
    names.write(buffer, start, owner);
    buffer.extend_from_slice(&kind.to_be_bytes());
    buffer.extend_from_slice(&class::IN.to_be_bytes());
    buffer.extend_from_slice(&ttl.to_be_bytes());
    let (fixed, hosts) = match kind {
        kind::NS | kind::CNAME | kind::PTR => (0, 1),
        kind::MX => (2, 1),
        kind::SOA => (0, 2),
        _ => (data.len(), 0),
    };
    let at = buffer.len();
    buffer.extend_from_slice(&[0, 0]);
    let (head, mut rest) = data.split_at_checked(fixed).unwrap_or((data, &[]));
    buffer.extend_from_slice(head);
    for _ in 0..hosts {
        let (name, after) = rest.split_at_checked(name_length(rest)).unwrap_or((rest, &[]));
        names.write(buffer, start, name);
        rest = after;
    }
    buffer.extend_from_slice(rest);
    let length = u16::try_from(buffer.len() - at - 2).unwrap_or(0);
    put(buffer, at, length);
}

impl Refusal<'_> {
    /// Appends the short answer to an unreadable request.
    pub fn write(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(&[0; HEADER_SIZE]);
        buffer.extend_from_slice(self.question);
        let flags = flag::QR | (self.flags & (flag::OPCODE | flag::RD | flag::CD)) | self.rcode.number();
        head(buffer, start, self.id, flags, [u16::from(!self.question.is_empty()), 0, 0, 0]);
    }
}

/// Appends our OPT record.
pub(crate) fn opt(buffer: &mut Vec<u8>, edns: Edns, payload: u16, rcode: Rcode) {
    let [_, extended] = (rcode.number() >> 4).to_be_bytes();
    let high = if edns.dnssec_ok { 0x80 } else { 0 };
    buffer.push(0);
    buffer.extend_from_slice(&kind::OPT.to_be_bytes());
    buffer.extend_from_slice(&payload.to_be_bytes());
    buffer.extend_from_slice(&[extended, 0, high, 0, 0, 0]);
}

/// Fills in the header of the message that begins at octet `start` of the buffer.
pub(crate) fn head(buffer: &mut [u8], start: usize, id: u16, flags: u16, counts: [u16; 4]) {
    for (n, word) in [id, flags].into_iter().chain(counts).enumerate() {
        put(buffer, start + 2 * n, word);
    }
}

pub(crate) fn put(buffer: &mut [u8], at: usize, word: u16) {
    if let Some(slot) = buffer.get_mut(at..at + 2) {
        slot.copy_from_slice(&word.to_be_bytes());
    }
}

/// Octets of the uncompressed name at the front of `data`.
fn name_length(data: &[u8]) -> usize {
    let mut at = 0;
    while let Some(length) = data.get(at).copied() {
        at += usize::from(length) + 1;
        if length == 0 {
            break;
        }
    }
    at.min(data.len())
}
