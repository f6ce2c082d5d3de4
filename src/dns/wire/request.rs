//! Requests, read in place.
//!
//! Invariants: a `Request` has exactly one question; every record of the message was walked to its end; at most one
//! OPT record, owned by the root (RFC 6891, section 6.1.1); a TSIG record is the last one (RFC 8945, section 5.1).

use crate::dns::tsig::Scope;
use crate::domain::serial::Serial;

use super::header::{Opcode, Rcode, flag, kind};
use super::qname::QName;

/// A well-formed request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The message id, as it came.
    pub id: u16,
    /// The flag word, as it came.
    pub flags: u16,
    /// What to do.
    pub opcode: Opcode,
    /// The question.
    pub question: Question<'a>,
    /// The requester's EDNS, if it speaks that.
    pub edns: Option<Edns>,
    /// The serial that an IXFR request says the requester has (RFC 1995, section 3), or that a NOTIFY says the zone has now
    /// (RFC 1996, section 3.7).
    pub known_serial: Option<Serial>,
    /// The message ends with a TSIG record.
    pub signed: bool,
    /// What may be seen by whoever signed it, once that is known to be right.
    pub scope: Option<Scope>,
    /// Octets to be left free in the answer, for its signature.
    pub reserve: usize,
}

/// A question.
#[derive(Debug)]
pub struct Question<'a> {
    /// The name, as a key.
    pub name: QName,
    /// The wanted type.
    pub kind: u16,
    /// The class.
    pub class: u16,
    /// The question section as it came: its letter case is sent back.
    pub octets: &'a [u8],
}

impl Question<'_> {
    /// The name as it was asked, uncompressed.
    #[must_use]
    pub fn asked_name(&self) -> &[u8] {
        self.octets.get(..self.name.len()).unwrap_or_default()
    }
}

/// What a requester says by its OPT record (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP message it takes.
    pub payload: u16,
    /// Its EDNS version.
    pub version: u8,
    /// It wants DNSSEC records (RFC 3225); sent back as it came.
    pub dnssec_ok: bool,
}

/// Why there is no `Request`.
#[derive(Debug)]
pub enum Unreadable<'a> {
    /// No answer is due: it is not even a header, or itself a response.
    Silent,
    /// A short answer is due.
    Refuse(Refusal<'a>),
}

/// All that an answer to an unreadable request can say.
#[derive(Debug)]
pub struct Refusal<'a> {
    /// The message id, as it came.
    pub id: u16,
    /// The flag word, as it came.
    pub flags: u16,
    /// What is wrong.
    pub rcode: Rcode,
    /// The question section, if it could be read.
    pub question: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// If it is no well-formed request; says what to answer.
    pub fn read(message: &'a [u8]) -> Result<Self, Unreadable<'a>> {
        let mut cursor = Cursor { message, at: 0 };
        let mut word = || cursor.u16();
        let (Some(id), Some(flags), Some(questions), Some(answers), Some(authorities), Some(additionals)) =
            (word(), word(), word(), word(), word(), word())
        else {
            return Err(Unreadable::Silent);
        };
        if flags & flag::QR != 0 {
            return Err(Unreadable::Silent);
        }
        let refuse = |rcode, question| Err(Unreadable::Refuse(Refusal { id, flags, rcode, question }));
        let Some(opcode) = Opcode::of(flags) else {
            return refuse(Rcode::NotImp, &[]);
        };
        if questions != 1 {
            return refuse(Rcode::FormErr, &[]);
        }
        let Some(question) = cursor.question() else {
            return refuse(Rcode::FormErr, &[]);
        };
        let octets = question.octets;
        let mut request = Self {
            id,
            flags,
            opcode,
            question,
            edns: None,
            known_serial: None,
            signed: false,
            scope: None,
            reserve: 0,
        };
        if request.read_records(&mut cursor, answers, authorities, additionals).is_none() {
            return refuse(Rcode::FormErr, octets);
        }
        Ok(request)
    }

    /// Walks the other three sections; `None` if any part is malformed.
    fn read_records(&mut self, cursor: &mut Cursor<'a>, an: u16, ns: u16, ar: u16) -> Option<()> {
        for _ in 0..an {
            let record = cursor.record_before_signature()?;
            if record.kind == kind::SOA && self.opcode == Opcode::Notify {
                self.known_serial = Some(record.soa_serial()?);
            }
        }
        for _ in 0..ns {
            let record = cursor.record_before_signature()?;
            if record.kind == kind::SOA && self.question.kind == kind::IXFR {
                self.known_serial = Some(record.soa_serial()?);
            }
        }
        for _ in 0..ar {
            if self.signed {
                return None;
            }
            let record = cursor.record()?;
            match record.kind {
                kind::OPT => {
                    if self.edns.is_some() || !record.owner_is_root {
                        return None;
                    }
                    self.edns = Some(record.edns()?);
                }
                kind::TSIG => self.signed = true,
                _ => {}
            }
        }
        Some(())
    }
}

/// A place in a message.
struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
}

/// A record whose extent is known.
struct Record<'a> {
    owner_is_root: bool,
    kind: u16,
    class: u16,
    ttl: u32,
    data: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.message.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The first name of a message has nothing before it to point at, so it is uncompressed.
    fn question(&mut self) -> Option<Question<'a>> {
        let start = self.at;
        let name = QName::read(self.message.get(start..)?)?;
        self.at += name.len();
        let (kind, class) = (self.u16()?, self.u16()?);
        Some(Question { name, kind, class, octets: self.message.get(start..self.at)? })
    }

    /// Steps over a name, compressed or not; true if it is the root, spelt out.
    fn skip_name(&mut self) -> Option<bool> {
        let start = self.at;
        loop {
            match self.u8()? {
                0 => return Some(self.at == start + 1),
                length @ 1..=63 => self.take(usize::from(length)).map(|_| ())?,
                0xc0.. => return self.u8().map(|_| false),
                _ => return None,
            }
        }
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let owner_is_root = self.skip_name()?;
        let (kind, class, ttl, length) = (self.u16()?, self.u16()?, self.u32()?, self.u16()?);
        let data = self.take(usize::from(length))?;
        Some(Record { owner_is_root, kind, class, ttl, data })
    }

    /// A record of a section where no signature can be.
    fn record_before_signature(&mut self) -> Option<Record<'a>> {
        self.record().filter(|record| record.kind != kind::TSIG)
    }
}

impl Record<'_> {
    fn soa_serial(&self) -> Option<Serial> {
        let mut data = Cursor { message: self.data, at: 0 };
        data.skip_name()?;
        data.skip_name()?;
        data.u32().map(Serial::new)
    }

    /// The meaning of an OPT record's fields; `None` if an option runs over the end.
    fn edns(&self) -> Option<Edns> {
        let mut options = Cursor { message: self.data, at: 0 };
        while options.at < self.data.len() {
            options.u16()?;
            let length = options.u16()?;
            options.take(usize::from(length))?;
        }
        let [_, version, high, _] = self.ttl.to_be_bytes();
        Some(Edns { payload: self.class, version, dnssec_ok: high & 0x80 != 0 })
    }
}
