//! The frame: how a parcel or its answer looks as bytes.
//!
//! ```text
//! "ORDN" | frame version u8 | kind u8 | header schema u16 | header length u32 | header
//!        | method length u8 | method | body schema u16 | body length u32 | body          (integers big-endian)
//! ```
//! Kind 1 is a request, 2 a reply, 3 a fault. The header of an answer is empty.
//!
//! Invariants: whatever follows the frame version is length-prefixed, so that a reader skips what it cannot read and
//! still answers. Time travels as what is left of the budget, never as a point in time: hosts' clocks are not compared.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::domain::identity::{Identity, TokenScope};
use crate::domain::ids::RequestId;

use super::codec::{self, CodecError, MAX_BODY};
use super::context::{Cx, OnceKey, TraceParent};
use super::fault::{Fault, FaultCode};
use super::message::LaneKey;
use super::payload::{Encoded, MethodName, Parcel, Payload, Want};

const MAGIC: &[u8; 4] = b"ORDN";
const VERSION: u8 = 1;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const FAULT: u8 = 3;
/// Grows with every change of [`Header`].
pub const HEADER_SCHEMA: u16 = 1;
/// The schema of a [`ScopedHeader`], which only those callers need that hold no token for a project.
pub const SCOPED_HEADER_SCHEMA: u16 = 2;
/// Grows with every change of [`Fault`].
pub const FAULT_SCHEMA: u16 = 1;

/// What a request's frame says besides the message.
#[derive(Debug, Serialize, Deserialize)]
pub struct Header<'a> {
    request: RequestId,
    caller: Cow<'a, Identity>,
    /// Microseconds left until the deadline.
    budget: u64,
    trace: TraceParent,
    once: Option<OnceKey>,
    lane: Option<LaneKey>,
    want: Want,
}

/// A header whose caller's token is for something else than a project.
#[derive(Debug, Serialize, Deserialize)]
pub struct ScopedHeader<'a> {
    plain: Header<'a>,
    scope: TokenScope,
}

/// Writes a parcel, its message in a schema not above `ceiling`.
///
/// # Errors
/// `Internal` if the message has no form as bytes, `TooLarge` if that form is too long; it was certainly not sent.
pub fn write_request(parcel: &Parcel, ceiling: u16) -> Result<Bytes, Fault> {
    let header = Header {
        request: parcel.cx.request,
        caller: Cow::Borrowed(&parcel.cx.caller),
        budget: u64::try_from(parcel.cx.remaining().as_micros()).unwrap_or(u64::MAX),
        trace: parcel.cx.trace,
        once: parcel.cx.once,
        lane: parcel.lane,
        want: parcel.want,
    };
    let (schema, header) = match parcel.cx.caller.scope {
        TokenScope::Project => (HEADER_SCHEMA, codec::encode(&header)),
        scope => (SCOPED_HEADER_SCHEMA, codec::encode(&ScopedHeader { plain: header, scope })),
    };
    let header = header.map_err(|error| unsent(&error))?;
    let body = parcel.body.encode(ceiling).map_err(|error| unsent(&error))?;
    Ok(write(REQUEST, schema, &header, parcel.method.as_str(), &body))
}

/// Reads what [`write_request`] wrote.
///
/// # Errors
/// `UnknownSchema` if it is no frame, or one of a version or header that is not known here.
pub fn read_request(frame: &Bytes) -> Result<Parcel, Fault> {
    let parts = read(frame)?;
    let unreadable = |error: CodecError| malformed(&error.to_string());
    let (header, scope): (Header<'_>, _) = match (parts.kind, parts.header_schema) {
        (REQUEST, HEADER_SCHEMA) => (codec::decode(&parts.header).map_err(unreadable)?, TokenScope::Project),
        (REQUEST, SCOPED_HEADER_SCHEMA) => {
            let ScopedHeader { plain, scope } = codec::decode(&parts.header).map_err(unreadable)?;
            (plain, scope)
        }
        _ => return Err(malformed("not a request of a known header schema")),
    };
    let Header { request, caller, budget, trace, once, lane, want } = header;
    let caller = Identity { scope, ..caller.into_owned() };
    let cx = Cx::new(Arc::new(caller), Duration::from_micros(budget));
    let cx = Cx { once, ..cx.with_request(request).with_trace(trace) };
    let method = MethodName::read(parts.method);
    Ok(Parcel { method, want, cx, lane, repeatable: false, body: Payload::Wire(parts.body) })
}

/// Writes an answer. What cannot be written becomes a fault that says so, since the caller must be told something.
#[must_use]
pub fn write_reply(method: &str, outcome: &Result<Payload, Fault>) -> Bytes {
    match outcome {
        Ok(payload) => match payload.encode(u16::MAX) {
            Ok(body) => write(REPLY, 0, &[], method, &body),
            Err(error) => write_fault(method, &unsent(&error).and_maybe_done()),
        },
        Err(fault) => write_fault(method, fault),
    }
}

/// Reads what [`write_reply`] wrote.
///
/// # Errors
/// The fault it carries; or `UnknownSchema`, maybe done, if it cannot be read.
pub fn read_reply(frame: &Bytes) -> Result<Payload, Fault> {
    let parts = read(frame).map_err(Fault::and_maybe_done)?;
    match parts.kind {
        REPLY => Ok(Payload::Wire(parts.body)),
        FAULT if parts.body.schema == FAULT_SCHEMA => Err(match codec::decode(&parts.body.body) {
            Ok(fault) => fault,
            Err(error) => malformed(&error.to_string()).and_maybe_done(),
        }),
        _ => Err(malformed("not an answer of a known kind and schema").and_maybe_done()),
    }
}

fn write_fault(method: &str, fault: &Fault) -> Bytes {
    // A fault is strings and numbers, which always encode; an empty body would be reported as unreadable.
    let body = codec::encode(fault).unwrap_or_default();
    write(FAULT, 0, &[], method, &Encoded { schema: FAULT_SCHEMA, body: body.into() })
}

fn write(kind: u8, header_schema: u16, header: &[u8], method: &str, body: &Encoded) -> Bytes {
    let method = method.as_bytes();
    let method = method.get(..usize::from(u8::MAX)).unwrap_or(method);
    let mut frame = BytesMut::with_capacity(19 + header.len() + method.len() + body.body.len());
    frame.put_slice(MAGIC);
    frame.put_u8(VERSION);
    frame.put_u8(kind);
    frame.put_u16(header_schema);
    put_length(&mut frame, header.len());
    frame.put_slice(header);
    frame.put_u8(u8::try_from(method.len()).unwrap_or(u8::MAX));
    frame.put_slice(method);
    frame.put_u16(body.schema);
    put_length(&mut frame, body.body.len());
    frame.put_slice(&body.body);
    frame.freeze()
}

/// Lengths were bounded by [`MAX_BODY`] when the parts were encoded.
fn put_length(frame: &mut BytesMut, length: usize) {
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

struct Parts {
    kind: u8,
    header_schema: u16,
    header: Bytes,
    method: String,
    body: Encoded,
}

fn read(frame: &Bytes) -> Result<Parts, Fault> {
    let mut rest = frame.clone();
    if take(&mut rest, MAGIC.len())?.as_ref() != MAGIC {
        return Err(malformed("no frame"));
    }
    if u8_of(&mut rest)? != VERSION {
        return Err(malformed("a frame of an unknown version"));
    }
    let kind = u8_of(&mut rest)?;
    let header_schema = u16_of(&mut rest)?;
    let length = length_of(&mut rest)?;
    let header = take(&mut rest, length)?;
    let length = usize::from(u8_of(&mut rest)?);
    let method = String::from_utf8(take(&mut rest, length)?.to_vec())
        .map_err(|_| malformed("the method is not text"))?;
    let schema = u16_of(&mut rest)?;
    let length = length_of(&mut rest)?;
    let body = take(&mut rest, length)?;
    if rest.has_remaining() {
        return Err(malformed("bytes after its end"));
    }
    Ok(Parts { kind, header_schema, header, method, body: Encoded { schema, body } })
}

fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, Fault> {
    if rest.len() < length { Err(malformed("it is cut short")) } else { Ok(rest.split_to(length)) }
}

fn u8_of(rest: &mut Bytes) -> Result<u8, Fault> {
    Ok(take(rest, 1)?.get_u8())
}

fn u16_of(rest: &mut Bytes) -> Result<u16, Fault> {
    Ok(take(rest, 2)?.get_u16())
}

fn length_of(rest: &mut Bytes) -> Result<usize, Fault> {
    let length = usize::try_from(take(rest, 4)?.get_u32()).unwrap_or(usize::MAX);
    if length > MAX_BODY { Err(malformed("a part is too long")) } else { Ok(length) }
}

fn malformed(why: &str) -> Fault {
    Fault::new(FaultCode::UnknownSchema, "unreadable_frame").with_message(format!("unreadable frame: {why}"))
}

fn unsent(error: &CodecError) -> Fault {
    match error {
        CodecError::TooLong { .. } => Fault::too_large("message_too_long", error.to_string()),
        _ => Fault::internal("unencodable", error.to_string()),
    }
}
