//! The TSIG record of a message, read in place.
//!
//! Invariants: it is the last record of the message, and the only one of its type (RFC 8945, section 5.1); names are read to
//! their end and are at most 255 octets.

use thiserror::Error;

use super::algorithm::Mac;
use crate::domain::name::MAX_WIRE;

const TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;
const HEADER: usize = 12;
/// Where the count of additional records is.
pub(super) const ADDITIONAL: usize = 10;

/// The message, or its signature, cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature is malformed")]
pub struct Malformed;

/// What a TSIG record says (RFC 8945, section 4.2).
#[derive(Debug)]
pub struct Signature<'m> {
    message: &'m [u8],
    /// Where the record begins.
    start: usize,
    /// The key's name, in lower-case wire form.
    pub key: Box<[u8]>,
    /// The algorithm's name, likewise.
    pub algorithm: Box<[u8]>,
    /// When it was signed, in seconds since the epoch.
    pub time: u64,
    /// Seconds that the clocks may differ.
    pub fudge: u16,
    /// The code.
    pub code: &'m [u8],
    /// The id of the message when it was signed.
    pub original_id: u16,
    /// What is wrong with what this answers.
    pub error: u16,
    /// The other side's time, if that is what is wrong.
    pub other: &'m [u8],
}

impl<'m> Signature<'m> {
    /// The signature of a message; `None` if it has none.
    ///
    /// # Errors
    /// If there is one but not as the last record, or if the message or it cannot be read.
    pub fn find(message: &'m [u8]) -> Result<Option<Self>, Malformed> {
        let mut cursor = Cursor { message, at: 4 };
        let mut count = || cursor.u16().ok_or(Malformed);
        let (questions, answers, authorities, additionals) = (count()?, count()?, count()?, count()?);
        for _ in 0..questions {
            cursor.skip_name().and_then(|()| cursor.take(4)).ok_or(Malformed)?;
        }
        let others = u32::from(answers) + u32::from(authorities);
        let records = others + u32::from(additionals);
        for number in 1..=records {
            let start = cursor.at;
            cursor.skip_name().ok_or(Malformed)?;
            let kind = cursor.u16().ok_or(Malformed)?;
            if kind != TSIG {
                cursor.skip_rest().ok_or(Malformed)?;
            } else if number == records && number > others {
                return Self::read(message, start).map(Some).ok_or(Malformed);
            } else {
                return Err(Malformed);
            }
        }
        Ok(None)
    }

    fn read(message: &'m [u8], start: usize) -> Option<Self> {
        let mut cursor = Cursor { message, at: start };
        let key = cursor.name(true)?;
        let (_, class, ttl) = (cursor.u16()?, cursor.u16()?, cursor.u32()?);
        let length = usize::from(cursor.u16()?);
        let end = cursor.at.checked_add(length)?;
        let algorithm = cursor.name(false)?;
        let time = u64::from(cursor.u16()?) << 32 | u64::from(cursor.u32()?);
        let fudge = cursor.u16()?;
        let size = usize::from(cursor.u16()?);
        let code = cursor.take(size)?;
        let (original_id, error) = (cursor.u16()?, cursor.u16()?);
        let size = usize::from(cursor.u16()?);
        let other = cursor.take(size)?;
        (cursor.at == end && class == CLASS_ANY && ttl == 0).then_some(Self {
            message,
            start,
            key,
            algorithm,
            time,
            fudge,
            code,
            original_id,
            error,
            other,
        })
    }

    /// Octets of the message without the signature.
    #[must_use]
    pub const fn signed_length(&self) -> usize {
        self.start
    }

    /// Puts the message into a code as it was before it was signed (RFC 8945, section 4.3.2).
    pub(super) fn put_message(&self, mac: &mut Mac) {
        let Some((header, rest)) =
            self.message.get(..self.start).and_then(|m| m.split_first_chunk::<HEADER>())
        else {
            return;
        };
        let [_, _, flags @ .., high, low] = *header;
        let additionals = u16::from_be_bytes([high, low]).wrapping_sub(1);
        mac.update(&self.original_id.to_be_bytes());
        mac.update(&flags);
        mac.update(&additionals.to_be_bytes());
        mac.update(rest);
    }

    /// True if `now` is near enough to when it was signed.
    pub(super) fn is_timely(&self, now: u64) -> bool {
        now.abs_diff(self.time) <= u64::from(self.fudge)
    }
}

struct Cursor<'m> {
    message: &'m [u8],
    at: usize,
}

impl<'m> Cursor<'m> {
    fn take(&mut self, length: usize) -> Option<&'m [u8]> {
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

    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.u8()? {
                0 => return Some(()),
                length @ 1..=63 => drop(self.take(usize::from(length))?),
                0xc0.. => return self.u8().map(drop),
                _ => return None,
            }
        }
    }

    /// Steps over class, TTL and data.
    fn skip_rest(&mut self) -> Option<()> {
        self.take(6)?;
        let length = self.u16()?;
        self.take(usize::from(length)).map(drop)
    }

    /// A name, in lower-case wire form. Pointers lead backwards only.
    fn name(&mut self, may_point: bool) -> Option<Box<[u8]>> {
        let mut name = Vec::new();
        let (mut from, mut earliest, mut after) = (self.at, self.at, None);
        loop {
            let length = *self.message.get(from)?;
            match length {
                0..=63 => {
                    let end = from + 1 + usize::from(length);
                    name.extend_from_slice(self.message.get(from..end)?);
                    if name.len() > MAX_WIRE {
                        return None;
                    }
                    from = end;
                    if length == 0 {
                        self.at = after.unwrap_or(from);
                        name.make_ascii_lowercase();
                        return Some(name.into());
                    }
                }
                0xc0.. if may_point => {
                    let low = *self.message.get(from + 1)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if target >= earliest {
                        return None;
                    }
                    after = after.or(Some(from + 2));
                    (from, earliest) = (target, target);
                }
                _ => return None,
            }
        }
    }
}
