//! Reading the messages of a transfer: names out of their compression, whatever their type was allowed to compress.
//!
//! Invariants: a name points backwards only, so that reading ends; nothing is read beyond the message, nor data beyond the
//! length its record states.

use super::TransferError;
use crate::domain::name::{MAX_WIRE, Name};
use crate::domain::rdata::RData;
use crate::domain::record_type::RecordType;
use crate::domain::ttl::Ttl;

/// The class of the Internet.
const IN: u16 = 1;
/// EDNS, which is no record (RFC 6891).
const OPT: u16 = 41;
/// Types from here up to the last are of questions and transactions (RFC 6895, section 3.1).
const META: std::ops::RangeInclusive<u16> = 128..=255;

/// A message, its header read.
#[derive(Debug)]
pub(super) struct Incoming<'m> {
    message: &'m [u8],
    at: usize,
    left: u16,
    pub(super) id: u16,
    pub(super) flags: u16,
    /// The questions: name, type, class.
    pub(super) questions: Vec<(Name, u16, u16)>,
}

/// A part of the data of a type that may hold a compressed name (RFC 3597, section 4).
#[derive(Debug, Clone, Copy)]
enum Part {
    Name,
    Octets(usize),
    Text,
    Rest,
}

fn malformed(reason: &'static str) -> TransferError {
    TransferError::Malformed { reason }
}

const fn parts(kind: u16) -> &'static [Part] {
    use Part::{Name, Octets, Rest, Text};
    match kind {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2..=5 | 7..=9 | 12 | 39 => &[Name],
        // SOA
        6 => &[Name, Name, Octets(20)],
        // MINFO, RP
        14 | 17 => &[Name, Name],
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => &[Octets(2), Name],
        // SIG, RRSIG
        24 | 46 => &[Octets(18), Name, Rest],
        // PX
        26 => &[Octets(2), Name, Name],
        // NXT, NSEC
        30 | 47 => &[Name, Rest],
        // SRV
        33 => &[Octets(6), Name],
        // NAPTR
        35 => &[Octets(4), Text, Text, Text, Name],
        _ => &[Rest],
    }
}

impl<'m> Incoming<'m> {
    /// Reads the header and the questions.
    pub(super) fn read(message: &'m [u8]) -> Result<Self, TransferError> {
        let mut incoming = Self { message, at: 0, left: 0, id: 0, flags: 0, questions: Vec::new() };
        incoming.id = incoming.u16()?;
        incoming.flags = incoming.u16()?;
        let questions = incoming.u16()?;
        incoming.left = incoming.u16()?;
        let _others = (incoming.u16()?, incoming.u16()?);
        for _ in 0..questions {
            let name = incoming.name()?;
            let question = (name, incoming.u16()?, incoming.u16()?);
            incoming.questions.push(question);
        }
        Ok(incoming)
    }

    /// The next record of the answer section.
    pub(super) fn record(&mut self) -> Result<Option<(Name, Ttl, RData)>, TransferError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let name = self.name()?;
        let (kind, class) = (self.u16()?, self.u16()?);
        let ttl = Ttl::from_wire(u32::from(self.u16()?) << 16 | u32::from(self.u16()?));
        let length = usize::from(self.u16()?);
        let end = self.at + length;
        if end > self.message.len() {
            return Err(malformed("a record is longer than the message"));
        }
        if class != IN {
            return Err(malformed("a record is of another class"));
        }
        if kind == 0 || kind == OPT || META.contains(&kind) {
            return Err(malformed("a record is of a type that no zone has"));
        }
        let mut data = Vec::with_capacity(length);
        for part in parts(kind) {
            match *part {
                Part::Name => self.plain_name(&mut data)?,
                Part::Octets(count) => data.extend(self.take(count)?),
                Part::Text => {
                    let count = *self.take(1)?.first().ok_or(malformed("a string is missing"))?;
                    data.push(count);
                    data.extend(self.take(usize::from(count))?);
                }
                Part::Rest => data.extend(self.take(end.saturating_sub(self.at))?),
            }
        }
        if self.at != end {
            return Err(malformed("a record is longer or shorter than it says"));
        }
        let data = RData::from_wire(RecordType::from_number(kind), &data)
            .map_err(|_| malformed("the data of a record is not of its type"))?;
        Ok(Some((name, ttl, data)))
    }

    fn take(&mut self, count: usize) -> Result<&'m [u8], TransferError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.message.get(self.at..end));
        let taken = taken.ok_or(malformed("it ends early"))?;
        self.at += count;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, TransferError> {
        let octets = self.take(2)?.try_into().map_err(|_| malformed("it ends early"))?;
        Ok(u16::from_be_bytes(octets))
    }

    fn name(&mut self) -> Result<Name, TransferError> {
        let mut wire = Vec::new();
        self.plain_name(&mut wire)?;
        let (name, _) = Name::from_wire(&wire).map_err(|_| malformed("a name is none"))?;
        Ok(name)
    }

    /// Reads a name and appends it without compression.
    fn plain_name(&mut self, out: &mut Vec<u8>) -> Result<(), TransferError> {
        let begun = out.len();
        let (mut from, mut earliest, mut after) = (self.at, self.at, None);
        loop {
            let length = *self.message.get(from).ok_or(malformed("a name ends early"))?;
            match length {
                0 => {
                    out.push(0);
                    self.at = after.unwrap_or(from + 1);
                    return Ok(());
                }
                1..=63 => {
                    let label = self.message.get(from..from + 1 + usize::from(length));
                    out.extend(label.ok_or(malformed("a name ends early"))?);
                    // Room for the root must be left.
                    if out.len() - begun >= MAX_WIRE {
                        return Err(malformed("a name is longer than 255 octets"));
                    }
                    from += 1 + usize::from(length);
                }
                0xc0.. => {
                    let low = *self.message.get(from + 1).ok_or(malformed("a name ends early"))?;
                    let target = usize::from(length & 0x3f) << 8 | usize::from(low);
                    if target >= earliest {
                        return Err(malformed("a name does not point backwards"));
                    }
                    after = after.or(Some(from + 2));
                    (from, earliest) = (target, target);
                }
                _ => return Err(malformed("a label is of an unknown kind")),
            }
        }
    }
}
