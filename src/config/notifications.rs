//! `[notifications]`: what others are told of, and how.
//!
//! Invariants: off unless a driver is named.

use std::time::Duration;

use super::BrokerUrl;
use super::reader::Section;
use super::setting::choices;

choices! {
    /// How notifications are sent.
    NotificationDriver {
        /// Not at all.
        Noop = "noop",
        /// Over AMQP, in the envelope of oslo.messaging 2.0.
        MessagingV2 = "messagingv2",
        /// Over AMQP, without an envelope.
        Messaging = "messaging",
        /// As log lines.
        Log = "log",
    } later { "routing" }
}

choices! {
    /// What notifications say.
    PayloadFormat {
        /// The object after the change.
        Default = "default",
        /// One notification per field that changed, with the old and the new value.
        Audit = "audit",
    } later {}
}

/// `[notifications]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationsConfig {
    /// How they are sent.
    pub driver: NotificationDriver,
    /// What they say.
    pub payload: PayloadFormat,
    /// The topic exchange they go to.
    pub exchange: String,
    /// Routing keys and queues, each followed by the priority.
    pub topics: Vec<String>,
    /// Exchange and queues outlive the broker.
    pub durable: bool,
    /// Brokers; those of the transport if empty.
    pub urls: Vec<BrokerUrl>,
    /// Notifications that may wait.
    pub outbox_length: u32,
    /// How long a notification may wait.
    pub outbox_age: Duration,
    /// Time between two looks into the outbox.
    pub interval: Duration,
    /// Notifications sent at once.
    pub batch_size: u32,
    /// Requests to the API that fail are told of, too.
    pub api_faults: bool,
}

impl NotificationsConfig {
    /// True if somebody is to be notified.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        !matches!(self.driver, NotificationDriver::Noop)
    }

    pub(super) fn read(s: &mut Section<'_>) -> Self {
        let config = Self {
            driver: s.get(
                "driver",
                NotificationDriver::Noop,
                "messagingv2: AMQP, envelope of oslo.messaging 2.0; messaging: without envelope; log: log lines; noop: off.",
            ),
            payload: s.get(
                "payload",
                PayloadFormat::Default,
                "default: the object after the change; audit: each changed field with its old and new value.",
            ),
            exchange: s.get("exchange", String::from("designate"), "The topic exchange they go to."),
            topics: s.get(
                "topics",
                vec![String::from("notifications")],
                "Routing keys and queues, each followed by a dot and the priority, such as notifications.info.",
            ),
            durable: s.get("durable", false, "Exchange and queues outlive a restart of the broker."),
            urls: s.get("urls", Vec::new(), "Brokers, tried in turn; those of transport.amqp if empty."),
            outbox_length: s.within(
                "outbox_length",
                100_000u32,
                1..=100_000_000,
                "Notifications that may wait; more are lost, and an error is logged.",
            ),
            outbox_age: s.get(
                "outbox_age",
                Duration::from_secs(86_400),
                "How long a notification may wait; older ones are lost, and an error is logged.",
            ),
            interval: s.get("interval", Duration::from_secs(1), "Time between two looks into the outbox."),
            batch_size: s.within("batch_size", 200u32, 1..=10_000, "Notifications sent at once."),
            api_faults: s.get(
                "api_faults",
                false,
                "Requests to the API that fail are told of as dns.api.fault, with the priority error.",
            ),
        };
        let named = |name: &String| (1..=200).contains(&name.len());
        s.check("exchange", named(&config.exchange), || String::from("must be 1 to 200 octets long"));
        s.check("topics", !config.topics.is_empty() && config.topics.iter().all(named), || {
            String::from("must be at least one, each 1 to 200 octets long")
        });
        s.check("interval", !config.interval.is_zero(), || String::from("must not be zero"));
        s.check("outbox_age", !config.outbox_age.is_zero(), || String::from("must not be zero"));
        config
    }
}
