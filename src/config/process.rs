//! Settings of the process itself: who it is, how its services talk, how it logs.
//!
//! Invariants: every queue is bounded in length and in time.

use std::time::Duration;

use super::amqp::AmqpConfig;
use super::reader::Section;
use super::schema_ceiling::SchemaCeiling;
use super::setting::choices;

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeConfig {
    /// Name of this host in heartbeats and service statuses.
    pub host: String,
    /// Time for running work to end after a request to stop.
    pub graceful_shutdown_timeout: Duration,
}

impl NodeConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let host = s.get(
            "host",
            String::from("localhost"),
            "Name of this host in heartbeats and service statuses; unset, it is the machine's host name.",
        );
        s.check("host", !host.is_empty(), || String::from("must not be empty"));
        Self {
            host,
            graceful_shutdown_timeout: s.get(
                "graceful_shutdown_timeout",
                Duration::from_secs(30),
                "Time for running work to end after a request to stop.",
            ),
        }
    }
}

choices! {
    /// What messages between services travel on.
    TransportKind {
        /// Typed values within the process.
        InProcess = "in-process",
        /// Within the process, but encoded and decoded as on a wire: finds unencodable messages.
        InProcessCodec = "in-process-codec",
        /// A RabbitMQ broker.
        Amqp = "amqp",
    } later {}
}

/// `[transport]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportConfig {
    /// The transport.
    pub kind: TransportKind,
    /// Services that share a process talk in process.
    pub local: bool,
    /// Deadline of a call that inherits none.
    pub call_timeout: Duration,
    /// Messages a service instance handles at once.
    pub permits: usize,
    /// Messages that may wait for a permit; more are refused as overloaded.
    pub queue_capacity: usize,
    /// How long a message may wait for a permit; then it is refused as overloaded.
    pub queue_timeout: Duration,
    /// Messages that are sent in an older schema.
    pub schema_ceilings: Vec<SchemaCeiling>,
    /// The broker of `kind = "amqp"`.
    pub amqp: AmqpConfig,
}

impl TransportConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            kind: s.get("kind", TransportKind::InProcess, "What messages between services travel on."),
            local: s.get(
                "local",
                false,
                "With the kind \"amqp\": services that share a process talk in process, and over the broker only to others.",
            ),
            call_timeout: s.get(
                "call_timeout",
                Duration::from_secs(60),
                "Deadline of a call that inherits none.",
            ),
            permits: s.within(
                "permits",
                64usize,
                1..=100_000,
                "Messages a service instance handles at once.",
            ),
            queue_capacity: s.within(
                "queue_capacity",
                1024usize,
                1..=1_000_000,
                "Messages that may wait for their turn; more are refused as overloaded.",
            ),
            queue_timeout: s.get(
                "queue_timeout",
                Duration::from_secs(10),
                "How long a message may wait for its turn; then it is refused as overloaded.",
            ),
            schema_ceilings: s.get(
                "schema_ceilings",
                Vec::new(),
                "During an upgrade, until no old process is left: the newest schema that messages are sent in, such as \"central.create_zone=1\".",
            ),
            amqp: s.section("amqp", "The broker of the kind \"amqp\".", AmqpConfig::read),
        };
        s.check("call_timeout", !config.call_timeout.is_zero(), || String::from("must not be zero"));
        config
    }
}

choices! {
    /// How log lines look.
    LogFormat {
        /// Pretty on a terminal, JSON otherwise.
        Auto = "auto",
        /// For people.
        Pretty = "pretty",
        /// One JSON object per line.
        Json = "json",
    } later {}
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// How lines look.
    pub format: LogFormat,
    /// What is logged, as directives of `tracing`: a level, or levels per module.
    pub level: String,
}

impl LogConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            format: s.get("format", LogFormat::Auto, "How lines look; auto is pretty on a terminal, JSON otherwise."),
            level: s.get(
                "level",
                String::from("info"),
                "What is logged: a level, or levels per module such as \"info,ordain::actors=debug\"; RUST_LOG overrides it.",
            ),
        };
        let unusable = crate::telemetry::check(&config.level).err();
        s.check("level", unusable.is_none(), || unusable.map_or_else(String::new, |error| error.to_string()));
        config
    }
}
