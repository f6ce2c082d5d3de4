//! What a world is to be like.

use std::time::Duration;

use super::Wire;
use crate::config::{Config, DatabaseUrl, TransportKind};
use crate::deployment::ServiceKind;
use crate::domain::time::Timestamp;

/// 2026-01-01T00:00:00Z, when worlds begin unless told otherwise.
const BEGINNING: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// What a busy machine is given in real time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A description of a world.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(super) config: Config,
    pub(super) services: Vec<ServiceKind>,
    pub(super) nameservers: usize,
    pub(super) ns_records: Vec<String>,
    pub(super) held: bool,
    pub(super) beginning: Timestamp,
}

impl Spec {
    /// Every service; the pool is the deployment's own name server.
    #[must_use]
    pub fn all_in_one() -> Self {
        let mut config = Config::default();
        config.api.listen.clear();
        config.mdns.listen.clear();
        config.database.url = DatabaseUrl::SqliteMemory;
        config.coordinator.state_path = None;
        config.transport.kind = TransportKind::InProcessCodec;
        config.node.host = "world".to_owned();
        Self {
            config,
            services: ServiceKind::ALL.to_vec(),
            nameservers: 0,
            ns_records: Vec::new(),
            held: false,
            beginning: BEGINNING,
        }
    }

    /// The pool is so many name servers of other makes, faked; all of them have to have a change.
    #[must_use]
    pub fn nameservers(mut self, count: usize) -> Self {
        self.nameservers = count;
        self
    }

    /// Only the API and central run, and time stands still until it is advanced, on every wire. A change stays PENDING: the
    /// worker is a fake that takes its nudges and counts them ([`super::World::held_worker`]), and the test itself says
    /// what became of a change ([`super::World::report`]).
    #[must_use]
    pub fn held() -> Self {
        Self { held: true, ..Self::all_in_one().services(&[ServiceKind::Central, ServiceKind::Api]) }
    }

    /// The names in the NS records of zones, the most preferred first; otherwise `ns1.world.test.` and so on, one for each
    /// name server.
    #[must_use]
    pub fn ns_records(mut self, names: &[&str]) -> Self {
        self.ns_records = names.iter().map(|name| (*name).to_owned()).collect();
        self
    }

    /// What messages between services travel over; the wire codec unless told otherwise. Over a broker time is real and passes
    /// on a busy machine, too, so the time-outs of the way there become a minute.
    #[must_use]
    pub fn over(mut self, wire: &Wire) -> Self {
        self.config.transport.kind = match wire {
            Wire::Typed => TransportKind::InProcess,
            Wire::Codec => TransportKind::InProcessCodec,
            Wire::Amqp(url) => {
                let transport = &mut self.config.transport;
                transport.queue_timeout = PATIENCE;
                transport.amqp.heartbeat = PATIENCE;
                transport.amqp.connect_timeout = PATIENCE;
                transport.amqp.urls = vec![url.clone()];
                TransportKind::Amqp
            }
        };
        self
    }

    /// Messages travel as typed values instead of through the wire codec.
    #[must_use]
    pub fn typed(self) -> Self {
        self.over(&Wire::Typed)
    }

    /// Only these services.
    #[must_use]
    pub fn services(mut self, services: &[ServiceKind]) -> Self {
        self.services = services.to_vec();
        self
    }

    /// Changes the configuration.
    #[must_use]
    pub fn configured(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The moment at which wall time begins.
    #[must_use]
    pub const fn beginning(mut self, at: Timestamp) -> Self {
        self.beginning = at;
        self
    }
}
