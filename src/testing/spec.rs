//! What a world is to be like.

use crate::config::{Config, DatabaseUrl, TransportKind};
use crate::deployment::ServiceKind;
use crate::domain::time::Timestamp;

/// 2026-01-01T00:00:00Z, when worlds begin unless told otherwise.
const BEGINNING: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A description of a world.
#[derive(Debug, Clone)]
pub struct Spec {
    pub(super) config: Config,
    pub(super) services: Vec<ServiceKind>,
    pub(super) nameservers: usize,
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
        Self { config, services: ServiceKind::ALL.to_vec(), nameservers: 0, beginning: BEGINNING }
    }

    /// The pool is so many name servers of other makes, faked; all of them have to have a change.
    #[must_use]
    pub fn nameservers(mut self, count: usize) -> Self {
        self.nameservers = count;
        self
    }

    /// Messages travel as typed values instead of through the wire codec.
    #[must_use]
    pub fn typed(mut self) -> Self {
        self.config.transport.kind = TransportKind::InProcess;
        self
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
