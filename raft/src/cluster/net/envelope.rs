//! What a payload is: a request, its answer, or a sign of life.
//!
//! ```text
//! 1 request  id u64, lane u8, schema u16, milliseconds left u32, body
//! 2 answer   id u64, body
//! 3 fault    id u64, fault u8
//! 4 ping     5 pong
//! ```
//!
//! **Invariants**: numbers are little-endian; reading never fails otherwise than by [`None`]. Numbers of lanes, faults and
//! kinds are never given another meaning.
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Which requests wait behind which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Lane {
    /// What the cluster cannot live without.
    Vital = 1,
    /// Everything else.
    Common = 2,
}

impl Lane {
    const ALL: [Self; 2] = [Self::Vital, Self::Common];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| *lane as u8 == number)
    }
}

/// Why a request was not carried out. It certainly was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[repr(u8)]
pub(crate) enum Fault {
    #[error("it does not know this kind or version of a request")]
    Unknown = 1,
    #[error("it cannot read the request")]
    Malformed = 2,
    #[error("it has too much to do")]
    Overloaded = 3,
    #[error("it is not ready")]
    NotReady = 4,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Unknown, Self::Malformed, Self::Overloaded, Self::NotReady];

    fn of(number: u8) -> Self {
        Self::ALL.into_iter().find(|fault| *fault as u8 == number).unwrap_or(Self::Unknown)
    }
}

/// A request as it travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: u64,
    /// None for one that this version does not know.
    pub(crate) lane: Option<Lane>,
    pub(crate) schema: u16,
    /// How long the caller waits for the answer.
    pub(crate) left: Duration,
    pub(crate) body: Bytes,
}

/// A payload, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Envelope {
    Request(Request),
    Answer(u64, Bytes),
    Fault(u64, Fault),
    Ping,
    Pong,
}

/// Bytes that a request has besides its body.
pub(crate) const OVERHEAD: usize = 1 + 8 + 1 + 2 + 4;

pub(crate) fn request(id: u64, lane: Lane, schema: u16, left: Duration, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(OVERHEAD + body.len());
    out.put_u8(1);
    out.put_u64_le(id);
    out.put_u8(lane as u8);
    out.put_u16_le(schema);
    out.put_u32_le(u32::try_from(left.as_millis()).unwrap_or(u32::MAX));
    out.put_slice(body);
    out.freeze()
}

pub(crate) fn answer(id: u64, outcome: Result<Bytes, Fault>) -> Bytes {
    let mut out = BytesMut::new();
    match outcome {
        Ok(body) => {
            out.reserve(9 + body.len());
            out.put_u8(2);
            out.put_u64_le(id);
            out.put_slice(&body);
        }
        Err(fault) => {
            out.put_u8(3);
            out.put_u64_le(id);
            out.put_u8(fault as u8);
        }
    }
    out.freeze()
}

pub(crate) const fn ping() -> Bytes {
    Bytes::from_static(&[4])
}

pub(crate) const fn pong() -> Bytes {
    Bytes::from_static(&[5])
}

/// Reads a payload; none if it is not one.
pub(crate) fn read(mut payload: Bytes) -> Option<Envelope> {
    match payload.try_get_u8().ok()? {
        1 => {
            let id = payload.try_get_u64_le().ok()?;
            let lane = Lane::of(payload.try_get_u8().ok()?);
            let schema = payload.try_get_u16_le().ok()?;
            let left = Duration::from_millis(payload.try_get_u32_le().ok()?.into());
            Some(Envelope::Request(Request { id, lane, schema, left, body: payload }))
        }
        2 => Some(Envelope::Answer(payload.try_get_u64_le().ok()?, payload)),
        3 => {
            let (id, fault) = (payload.try_get_u64_le().ok()?, payload.try_get_u8().ok()?);
            payload.is_empty().then(|| Envelope::Fault(id, Fault::of(fault)))
        }
        4 => payload.is_empty().then_some(Envelope::Ping),
        5 => payload.is_empty().then_some(Envelope::Pong),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let left = Duration::from_millis(1500);
        for lane in Lane::ALL {
            let read = read(request(7, lane, 3, left, b"body"));
            let body = Bytes::from_static(b"body");
            let wanted = Request { id: 7, lane: Some(lane), schema: 3, left, body };
            assert_eq!(read, Some(Envelope::Request(wanted)));
        }
        assert_eq!(
            read(answer(9, Ok(Bytes::from_static(b"x")))),
            Some(Envelope::Answer(9, Bytes::from_static(b"x")))
        );
        for fault in Fault::ALL {
            assert_eq!(read(answer(9, Err(fault))), Some(Envelope::Fault(9, fault)));
        }
        assert_eq!((read(ping()), read(pong())), (Some(Envelope::Ping), Some(Envelope::Pong)));
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_none() {
        let whole = request(7, Lane::Vital, 3, Duration::ZERO, b"");
        for length in 0..whole.len() {
            assert_eq!(read(whole.slice(..length)), None);
        }
        assert_eq!(read(Bytes::from_static(&[4, 4])), None);
        assert_eq!(read(Bytes::from_static(&[77])), None);
    }
}
