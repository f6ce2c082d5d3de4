//! Exchanges and queues: their names, and how they are declared.
//!
//! ```text
//! some instance   PREFIX.any ─────── SERVICE ──────────> queue PREFIX.SERVICE, shared by the instances
//! one instance    PREFIX.one ─────── SERVICE.INSTANCE ─> queue PREFIX.SERVICE.INSTANCE, gone with its consumer
//! every instance  PREFIX.all ─────── SERVICE ──────────> the same queues
//! nothing                                                queue PREFIX.SERVICE.here, whose consumers are who is there
//! poison          PREFIX.dead ─────────────────────────> queue PREFIX.dead
//! ```
//!
//! Invariants: every queue is bounded in length, bytes and, unused, in time; whatever is missing is declared again by
//! whoever needs it. The shared queue outlives a crash of its last consumer for a while, so that what was not finished
//! finds the next one.

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ErrorKind, ExchangeKind};

use crate::config::AmqpConfig;
use crate::transport::address::Endpoint;

/// The most that waits in one queue, in bytes.
const QUEUE_BYTES: i64 = 256 * 1024 * 1024;
/// How many dead letters are kept; the oldest go first.
const DEAD_LETTERS: i64 = 10_000;
/// How long a dead letter is kept.
const DEAD_LETTER_AGE: Duration = Duration::from_secs(7 * 86_400);

/// What is set up on a broker.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    prefix: String,
    quorum: bool,
    length: u32,
    grace: Duration,
}

impl Topology {
    pub(super) fn new(config: &AmqpConfig) -> Self {
        Self {
            prefix: config.exchange_prefix.clone(),
            quorum: config.quorum_queues,
            length: config.queue_length,
            grace: config.queue_grace,
        }
    }

    pub(super) const fn quorum(&self) -> bool {
        self.quorum
    }

    /// The queue that the instances of a service share.
    pub(super) fn shared(&self, service: &str) -> ShortString {
        name(format!("{}.{service}", self.prefix))
    }

    /// The queue whose consumers are the instances that are there.
    pub(super) fn here(&self, service: &str) -> ShortString {
        name(format!("{}.{service}.here", self.prefix))
    }

    /// The queue of one instance.
    pub(super) fn own(&self, at: Endpoint) -> ShortString {
        name(format!("{}.{}", self.prefix, Self::key(at)))
    }

    /// What one instance is addressed by.
    pub(super) fn key(at: Endpoint) -> String {
        format!("{}.{}", at.service, at.instance)
    }

    /// The exchange of messages for whoever of a service has room.
    pub(super) fn any(&self) -> ShortString {
        name(format!("{}.any", self.prefix))
    }

    /// The exchange of addressed messages.
    pub(super) fn one(&self) -> ShortString {
        name(format!("{}.one", self.prefix))
    }

    /// The exchange of fanouts.
    pub(super) fn all(&self) -> ShortString {
        name(format!("{}.all", self.prefix))
    }

    /// Exchange and queue of what nobody can read.
    pub(super) fn dead(&self) -> ShortString {
        name(format!("{}.dead", self.prefix))
    }

    /// Declares what everybody needs.
    pub(super) async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        for exchange in [self.any(), self.one(), self.all(), self.dead()] {
            channel.exchange_declare(exchange, ExchangeKind::Direct, durable, FieldTable::default()).await?;
        }
        let mut limits = FieldTable::default();
        limits.insert("x-max-length".into(), AMQPValue::LongLongInt(DEAD_LETTERS));
        limits.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(QUEUE_BYTES));
        limits.insert("x-message-ttl".into(), millis(DEAD_LETTER_AGE));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.dead(), durable, limits).await?;
        self.bind(channel, self.dead(), self.dead(), self.dead()).await
    }

    /// Declares the queue that shows who is there; how many are.
    pub(super) async fn declare_here(&self, channel: &Channel, service: &str) -> lapin::Result<u32> {
        let options = QueueDeclareOptions::default();
        let state = channel.queue_declare(self.here(service), options, self.limits()).await?;
        Ok(state.consumer_count())
    }

    /// Declares the queues of one instance.
    pub(super) async fn declare_instance(&self, channel: &Channel, at: Endpoint) -> lapin::Result<()> {
        self.declare_here(channel, at.service).await?;
        let mut limits = self.limits();
        if self.quorum {
            limits.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.shared(at.service), durable, limits).await?;
        let passing = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.own(at), passing, self.limits()).await.map(drop)
    }

    /// Fails if one instance has no queue.
    pub(super) async fn look_at_own(&self, channel: &Channel, at: Endpoint) -> lapin::Result<()> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(self.own(at), passive, FieldTable::default()).await.map(drop)
    }

    /// Lets senders find the queues of one instance.
    pub(super) async fn bind_instance(&self, channel: &Channel, at: Endpoint) -> lapin::Result<()> {
        self.bind_shared(channel, at.service).await?;
        self.bind(channel, self.own(at), self.one(), name(Self::key(at))).await?;
        self.bind(channel, self.own(at), self.all(), name(at.service.to_owned())).await
    }

    /// Lets senders find the queue of a service.
    pub(super) async fn bind_shared(&self, channel: &Channel, service: &str) -> lapin::Result<()> {
        self.bind(channel, self.shared(service), self.any(), name(service.to_owned())).await
    }

    /// Takes the queue of a service off its exchange: nobody finds it any more.
    pub(super) async fn unbind_shared(&self, channel: &Channel, service: &str) -> lapin::Result<()> {
        let key = name(service.to_owned());
        channel.queue_unbind(self.shared(service), self.any(), key, FieldTable::default()).await
    }

    /// Takes an instance off the exchanges: nobody finds its queue any more.
    pub(super) async fn unbind_instance(&self, channel: &Channel, at: Endpoint) -> lapin::Result<()> {
        let (one, all) = (name(Self::key(at)), name(at.service.to_owned()));
        channel.queue_unbind(self.own(at), self.one(), one, FieldTable::default()).await?;
        channel.queue_unbind(self.own(at), self.all(), all, FieldTable::default()).await
    }

    async fn bind(
        &self,
        channel: &Channel,
        queue: ShortString,
        exchange: ShortString,
        key: ShortString,
    ) -> lapin::Result<()> {
        channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), FieldTable::default()).await
    }

    fn limits(&self) -> FieldTable {
        let mut limits = FieldTable::default();
        limits.insert("x-max-length".into(), AMQPValue::LongLongInt(i64::from(self.length)));
        limits.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(QUEUE_BYTES));
        limits.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        limits.insert("x-expires".into(), millis(self.grace));
        limits
    }
}

/// True if the broker does not know what it was asked for.
pub(super) fn is_not_found(error: &lapin::Error) -> bool {
    let not_found = AMQPErrorKind::from(AMQPSoftError::NOTFOUND);
    matches!(error.kind(), ErrorKind::ProtocolError(error) if *error.kind() == not_found)
}

fn millis(duration: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// A name on the broker. Prefixes are at most 64 bytes and services short words, so it always fits.
pub(super) fn name(text: String) -> ShortString {
    ShortString::try_new(text).unwrap_or_default()
}
