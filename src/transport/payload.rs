//! What a parcel carries: a typed value in process, bytes on a wire. Whoever passes it on cannot tell.
//!
//! Invariants: a typed body can always be written as bytes (in the schema the receiver reads), and opening a payload
//! gives the same value whichever form it came in.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::codec::{self, CodecError};
use super::context::Cx;
use super::fault::Fault;
use super::message::{LaneKey, Message};

/// One message on its way to a service.
#[derive(Debug)]
pub struct Parcel {
    /// The name of the message within its service.
    pub method: MethodName,
    /// What the sender waits for.
    pub want: Want,
    /// The context it travels in.
    pub cx: Cx,
    /// The lane it must be handled in, if any.
    pub lane: Option<LaneKey>,
    /// True if running it twice does no harm, be it that it is done once under its key. Senders know; a receiver asks its
    /// [`Inbox`](super::Inbox) instead.
    pub repeatable: bool,
    /// The message itself.
    pub body: Payload,
}

impl Parcel {
    /// A parcel holding `message`.
    #[must_use]
    pub fn new<M: Message>(cx: Cx, want: Want, message: M) -> Self {
        Self {
            method: MethodName::of::<M>(),
            want,
            lane: message.key(),
            repeatable: M::REPEATABLE || (M::ONCE && cx.once.is_some()),
            cx,
            body: Payload::Typed(Box::new(RequestBody(message))),
        }
    }

    /// The same parcel once more.
    #[must_use]
    pub fn duplicate(&self) -> Option<Self> {
        Some(Self {
            method: self.method.clone(),
            want: self.want,
            cx: self.cx.clone(),
            lane: self.lane,
            repeatable: self.repeatable,
            body: self.body.duplicate()?,
        })
    }
}

/// What the sender of a parcel waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Want {
    /// The handler's reply.
    Reply,
    /// Only that the parcel was accepted.
    Acceptance,
}

/// The wire name of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MethodName(Cow<'static, str>);

impl MethodName {
    /// The name of `M`.
    #[must_use]
    pub const fn of<M: Message>() -> Self {
        Self(Cow::Borrowed(M::NAME))
    }

    /// A name read from a wire.
    #[must_use]
    pub const fn read(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MethodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message or a reply.
pub enum Payload {
    /// The value itself.
    Typed(Box<dyn Body>),
    /// Its bytes.
    Wire(Encoded),
    /// Nothing: the answer to a parcel whose sender only wants acceptance.
    Accepted,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Typed(_) => f.write_str("Typed"),
            Self::Wire(encoded) => write!(f, "Wire(schema {}, {} bytes)", encoded.schema, encoded.body.len()),
            Self::Accepted => f.write_str("Accepted"),
        }
    }
}

/// The bytes of a message or a reply, and the schema they are written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The schema of the message.
    pub schema: u16,
    /// Its body.
    pub body: Bytes,
}

/// A typed value that can be written as bytes when it must leave the process.
pub trait Body: Send {
    /// Writes it in the highest schema known here that is not above `ceiling`.
    ///
    /// # Errors
    /// If it cannot be written, or not in so old a schema.
    fn encode(&self, ceiling: u16) -> Result<Encoded, CodecError>;

    /// The present schema of its message.
    fn schema(&self) -> u16;

    /// The same value once more; `None` for replies, which go to one receiver.
    fn duplicate(&self) -> Option<Box<dyn Body>>;

    /// The value, to be taken out by its type.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

struct RequestBody<M>(M);

impl<M: Message> Body for RequestBody<M> {
    fn encode(&self, ceiling: u16) -> Result<Encoded, CodecError> {
        write(M::SCHEMA, ceiling, || codec::encode(&self.0), |to| self.0.downgrade(to))
    }

    fn schema(&self) -> u16 {
        M::SCHEMA
    }

    fn duplicate(&self) -> Option<Box<dyn Body>> {
        Some(Box::new(Self(self.0.clone())))
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

struct ReplyBody<M: Message> {
    reply: M::Reply,
    /// The schema the request came in, which the caller is able to read.
    schema: u16,
}

impl<M: Message> Body for ReplyBody<M> {
    fn encode(&self, ceiling: u16) -> Result<Encoded, CodecError> {
        let ceiling = ceiling.min(self.schema);
        write(M::SCHEMA, ceiling, || codec::encode(&self.reply), |to| M::downgrade_reply(&self.reply, to))
    }

    fn schema(&self) -> u16 {
        M::SCHEMA
    }

    fn duplicate(&self) -> Option<Box<dyn Body>> {
        None
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

fn write(
    schema: u16,
    ceiling: u16,
    present: impl FnOnce() -> Result<Vec<u8>, CodecError>,
    older: impl FnOnce(u16) -> Option<Vec<u8>>,
) -> Result<Encoded, CodecError> {
    if ceiling >= schema {
        return Ok(Encoded { schema, body: present()?.into() });
    }
    let body = older(ceiling).ok_or(CodecError::NoOlderForm { schema, ceiling })?;
    Ok(Encoded { schema: ceiling, body: body.into() })
}

impl Payload {
    /// A reply to a request that came in `schema`.
    #[must_use]
    pub fn reply<M: Message>(reply: M::Reply, schema: u16) -> Self {
        Self::Typed(Box::new(ReplyBody::<M> { reply, schema }))
    }

    /// Takes the message out, with the schema it came in.
    ///
    /// # Errors
    /// `UnknownSchema` if the bytes are of a schema or form that is not known here.
    pub fn into_message<M: Message>(self) -> Result<(M, u16), Fault> {
        match self {
            Self::Typed(body) => match body.into_any().downcast::<RequestBody<M>>() {
                Ok(request) => Ok((request.0, M::SCHEMA)),
                Err(_) => Err(mismatch(M::NAME)),
            },
            Self::Wire(Encoded { schema, body }) if schema == M::SCHEMA => match codec::decode(&body) {
                Ok(message) => Ok((message, schema)),
                Err(error) => Err(unreadable(M::NAME, &error)),
            },
            Self::Wire(Encoded { schema, body }) => M::upgrade(schema, &body)
                .map(|message| (message, schema))
                .ok_or_else(|| Fault::unknown_schema(M::NAME, schema)),
            Self::Accepted => Err(mismatch(M::NAME)),
        }
    }

    /// Takes the reply out. A reply that cannot be read means that the work was done all the same.
    ///
    /// # Errors
    /// `UnknownSchema` if the bytes are of a schema or form that is not known here.
    pub fn into_reply<M: Message>(self) -> Result<M::Reply, Fault> {
        let outcome = match self {
            Self::Typed(body) => match body.into_any().downcast::<ReplyBody<M>>() {
                Ok(answer) => Ok(answer.reply),
                Err(_) => Err(mismatch(M::NAME)),
            },
            Self::Wire(Encoded { schema, body }) if schema == M::SCHEMA => {
                codec::decode(&body).map_err(|error| unreadable(M::NAME, &error))
            }
            Self::Wire(Encoded { schema, body }) => {
                M::upgrade_reply(schema, &body).ok_or_else(|| Fault::unknown_schema(M::NAME, schema))
            }
            Self::Accepted => Err(mismatch(M::NAME)),
        };
        outcome.map_err(Fault::and_maybe_done)
    }

    /// Writes it as bytes, in a schema not above `ceiling`.
    ///
    /// # Errors
    /// If it cannot be written, or not in so old a schema.
    pub fn encode(&self, ceiling: u16) -> Result<Encoded, CodecError> {
        match self {
            Self::Typed(body) => body.encode(ceiling),
            Self::Wire(encoded) => Ok(encoded.clone()),
            Self::Accepted => Ok(Encoded { schema: 0, body: Bytes::new() }),
        }
    }

    /// The present schema of its message; of bytes, the one that they are written in.
    #[must_use]
    pub fn schema(&self) -> u16 {
        match self {
            Self::Typed(body) => body.schema(),
            Self::Wire(encoded) => encoded.schema,
            Self::Accepted => 0,
        }
    }

    /// The same payload once more; `None` for typed replies.
    #[must_use]
    pub fn duplicate(&self) -> Option<Self> {
        match self {
            Self::Typed(body) => body.duplicate().map(Self::Typed),
            Self::Wire(encoded) => Some(Self::Wire(encoded.clone())),
            Self::Accepted => Some(Self::Accepted),
        }
    }
}

fn mismatch(method: &str) -> Fault {
    Fault::internal("payload_mismatch", format!("the payload is not what {method} declares"))
}

fn unreadable(method: &str, error: &CodecError) -> Fault {
    Fault::new(super::fault::FaultCode::UnknownSchema, "unreadable_body")
        .with_message(format!("the body of {method} cannot be read: {error}"))
}
