//! `[transport.amqp]`: the brokers and what is set up on them.
//!
//! Invariants: at least one URL, each of them well-formed; a password is neither printed nor part of a refusal or of
//! `Debug`; a client certificate comes with its key.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use lapin::uri::{AMQPScheme, AMQPUri};
use serde_json::Value;

use super::reader::Section;
use super::setting::Setting;

/// Where a broker is, and who we are to it.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl(AMQPUri);

impl BrokerUrl {
    /// Reads `amqp://USER:PASSWORD@HOST:PORT/VHOST` or `amqps://…`, percent-encoded where need be.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri = AMQPUri::from_str(text).ok()?;
        (!uri.authority.host.is_empty()).then_some(Self(uri))
    }

    /// The parsed form, with the password.
    #[must_use]
    pub fn uri(&self) -> AMQPUri {
        self.0.clone()
    }

    /// Host and port, to be told to anybody.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.0.authority.host, self.0.authority.port)
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.0.scheme {
            AMQPScheme::AMQP => "amqp",
            AMQPScheme::AMQPS => "amqps",
        };
        let vhost = self.0.vhost.replace('%', "%25").replace('/', "%2f");
        write!(f, "{scheme}://{}:***@{}/{vhost}", self.0.authority.userinfo.username, self.place())
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Setting for BrokerUrl {
    /// A refused URL is not repeated: it may hold a password.
    fn read(value: &Value) -> Result<Self, String> {
        value
            .as_str()
            .and_then(Self::parse)
            .ok_or_else(|| String::from("expected a URL such as \"amqp://user:password@host:5672/%2f\""))
    }

    /// Without the password, unless it is the one that everybody knows.
    fn print(&self) -> String {
        if self == &Self::local() {
            String::from("\"amqp://127.0.0.1:5672/%2f\"")
        } else {
            format!("\"{self}\"")
        }
    }
}

impl BrokerUrl {
    /// The broker of this machine as it is installed.
    fn local() -> Self {
        let mut uri = AMQPUri::default();
        uri.authority.host = String::from("127.0.0.1");
        Self(uri)
    }
}

/// `[transport.amqp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmqpConfig {
    /// The brokers of one cluster, tried in turn.
    pub urls: Vec<BrokerUrl>,
    /// What the names of exchanges and queues begin with.
    pub exchange_prefix: String,
    /// Replicated queues.
    pub quorum_queues: bool,
    /// Messages that may wait in one queue; more are refused as overloaded.
    pub queue_length: u32,
    /// How long the queue of a service outlives its last instance that went without goodbye.
    pub queue_grace: Duration,
    /// Time between two signs of life on a connection.
    pub heartbeat: Duration,
    /// How long an attempt to connect may take.
    pub connect_timeout: Duration,
    /// Messages sent and not yet confirmed by the broker.
    pub confirm_window: usize,
    /// Certificates that a broker's is checked against besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to the broker.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

impl AmqpConfig {
    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            urls: s.get(
                "urls",
                vec![BrokerUrl::local()],
                "The brokers of one cluster, tried in turn; amqps for TLS. Passwords are percent-encoded and never shown.",
            ),
            exchange_prefix: s.get(
                "exchange_prefix",
                String::from("ordain"),
                "What the names of exchanges and queues begin with.",
            ),
            quorum_queues: s.get("quorum_queues", false, "Queues of services are replicated between brokers."),
            queue_length: s.within(
                "queue_length",
                10_000u32,
                1..=10_000_000,
                "Messages that may wait in one queue; more are refused as overloaded.",
            ),
            queue_grace: s.get(
                "queue_grace",
                Duration::from_secs(15),
                "How long messages wait for a service whose last instance went without goodbye.",
            ),
            heartbeat: s.get(
                "heartbeat",
                Duration::from_secs(5),
                "Time between two signs of life on a connection; it is lost after two without.",
            ),
            connect_timeout: s.get(
                "connect_timeout",
                Duration::from_secs(5),
                "How long an attempt to connect may take.",
            ),
            confirm_window: s.within(
                "confirm_window",
                1024usize,
                1..=65_535,
                "Messages sent and not yet confirmed by the broker.",
            ),
            ca_file: s.optional(
                "ca_file",
                &PathBuf::from("/etc/ordain/broker-ca.pem"),
                "Certificates that a broker's is checked against, besides the system's.",
            ),
            cert_file: s.optional(
                "cert_file",
                &PathBuf::from("/etc/ordain/client.pem"),
                "The certificate that is shown to the broker.",
            ),
            key_file: s.optional(
                "key_file",
                &PathBuf::from("/etc/ordain/client-key.pem"),
                "The key of the certificate that is shown to the broker.",
            ),
        };
        s.check("urls", !config.urls.is_empty(), || String::from("must name a broker"));
        let plain = config.exchange_prefix.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let length = config.exchange_prefix.len();
        s.check("exchange_prefix", plain && (1..=64).contains(&length), || {
            String::from("must be 1 to 64 letters, digits, dots, dashes and underscores")
        });
        let bounds = Duration::from_secs(1)..=Duration::from_secs(3600);
        s.check("queue_grace", bounds.contains(&config.queue_grace), || {
            String::from("must be from 1s to 1h")
        });
        s.check("heartbeat", bounds.contains(&config.heartbeat), || String::from("must be from 1s to 1h"));
        s.check("connect_timeout", bounds.contains(&config.connect_timeout), || {
            String::from("must be from 1s to 1h")
        });
        s.check("key_file", config.cert_file.is_some() == config.key_file.is_some(), || {
            String::from("cert_file and key_file go together")
        });
        config
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url = BrokerUrl::read(&json!("amqps://ordain:s3cr%2ft@mq.example:5671/zones")).unwrap();
        assert_eq!(url.uri().authority.userinfo.password, "s3cr/t");
        assert_eq!(url.print(), "\"amqps://ordain:***@mq.example:5671/zones\"");
        assert!(!format!("{url:?}").contains("s3cr"));
        let refused = BrokerUrl::read(&json!("http://ordain:s3cret@mq.example")).unwrap_err();
        assert!(!refused.contains("s3cret"));
    }

    #[test]
    fn the_local_broker_is_read_as_it_is_printed() {
        let printed = BrokerUrl::local().print();
        assert_eq!(BrokerUrl::parse(printed.trim_matches('"')), Some(BrokerUrl::local()));
    }
}
