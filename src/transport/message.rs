//! What a service is and what can be said to it; the contract that callers and handlers share.
//!
//! Invariants: knows neither actors nor brokers. A wire name is never reused, and a change of a message's or its
//! reply's shape comes with a new [`Message::SCHEMA`]. The reply always travels in the schema the request came in.

use std::future::Future;
use std::hash::{Hash, Hasher};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::address::Endpoint;
use super::context::Cx;
use super::fault::Fault;

/// A zero-sized tag that callers name: `Central`, `Worker` …
pub trait Service: Send + Sync + 'static {
    /// The name that instances mount under.
    const NAME: &'static str;

    /// An endpoint for one more instance of this service, with an id of its own.
    #[must_use]
    fn endpoint() -> Endpoint
    where
        Self: Sized,
    {
        Endpoint::new::<Self>()
    }
}

/// Something that can be said to a service. Declared with [`rpcs!`](crate::rpcs), not by hand.
pub trait Message: Serialize + DeserializeOwned + Clone + Send + 'static {
    /// The service that handles it.
    type To: Service;
    /// What a call of it resolves to; `()` for messages that can also be cast.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// The name on the wire, unique within the service, never reused.
    const NAME: &'static str;
    /// Grows by one with every change of shape of the message or its reply.
    const SCHEMA: u16 = 1;
    /// True if running it twice does no harm: such messages are acknowledged after running and may be retried even
    /// when the first attempt may have been done.
    const REPEATABLE: bool = false;

    /// True if the handler claims [`Cx::once`] in the transaction that does the work: sent again under the same key, it
    /// is done at most once and answered with the first outcome. Calls of such messages carry a key.
    const ONCE: bool = false;

    /// True if the handler waits for others of its kind and does the work of all at once: those that wait in a lane at the same time
    /// are handled at the same time.
    const TOGETHER: bool = false;

    /// Messages with equal keys are handled one at a time, in order of arrival, by one instance.
    fn key(&self) -> Option<LaneKey> {
        None
    }

    /// Reads a body of an older schema.
    fn upgrade(_from: u16, _body: &[u8]) -> Option<Self> {
        None
    }

    /// Writes this message in an older schema, for services that are not upgraded yet.
    fn downgrade(&self, _to: u16) -> Option<Vec<u8>> {
        None
    }

    /// Reads a reply of an older schema.
    fn upgrade_reply(_from: u16, _body: &[u8]) -> Option<Self::Reply> {
        None
    }

    /// Writes a reply in the older schema its request came in.
    fn downgrade_reply(_reply: &Self::Reply, _to: u16) -> Option<Vec<u8>> {
        None
    }
}

/// How a message and its reply look in schemas before the present one; named in the table by `older = Type`.
///
/// Every function defaults to «this schema is not known».
pub trait Older<M: Message> {
    /// Reads a message written in schema `from`.
    fn read(_from: u16, _body: &[u8]) -> Option<M> {
        None
    }

    /// Writes a message in schema `to`.
    fn write(_message: &M, _to: u16) -> Option<Vec<u8>> {
        None
    }

    /// Reads a reply written in schema `from`.
    fn read_reply(_from: u16, _body: &[u8]) -> Option<M::Reply> {
        None
    }

    /// Writes a reply in schema `to`.
    fn write_reply(_reply: &M::Reply, _to: u16) -> Option<Vec<u8>> {
        None
    }
}

/// A service's state handling one kind of message.
pub trait Handle<M: Message>: Send + Sync + 'static {
    /// Does the work. Runs as a task of its own, is not cancelled when the caller goes away, and should spend no more
    /// than [`Cx::remaining`] on anything it waits for.
    fn handle(&self, cx: &Cx, message: M) -> impl Future<Output = Result<M::Reply, Fault>> + Send;
}

/// What messages of equal keys share: a lane, handled one at a time.
///
/// A hash that every process computes alike; two keys that collide share a lane, which costs time and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneKey(u64);

impl LaneKey {
    /// The lane of `value`.
    #[must_use]
    pub fn of<T: Hash + ?Sized>(value: &T) -> Self {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// FNV-1a, with integers always hashed in little-endian order, so that senders on all machines agree.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn write_u16(&mut self, value: u16) {
        self.write(&value.to_le_bytes());
    }

    fn write_u32(&mut self, value: u32) {
        self.write(&value.to_le_bytes());
    }

    fn write_u64(&mut self, value: u64) {
        self.write(&value.to_le_bytes());
    }

    fn write_u128(&mut self, value: u128) {
        self.write(&value.to_le_bytes());
    }

    fn write_usize(&mut self, value: usize) {
        self.write(&(value as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_the_same_in_every_process() {
        assert_eq!(LaneKey::of("example.org."), LaneKey(0xda2f_6d05_36ba_40f6));
        assert_eq!(LaneKey::of("example.org."), LaneKey::of(&String::from("example.org.")));
        assert_ne!(LaneKey::of("example.org."), LaneKey::of("example.com."));
    }
}
