//! The driver for name servers in memory: a zone is added to and removed from them as from real ones.
//!
//! Invariants: a server that is told to be silent takes no orders either.

use async_trait::async_trait;

use super::{Backend, BackendError, Backends, Effect, ZoneSpec};
use crate::dns::fake_server::{FakeNet, FakeServer, Manner};

impl Backends {
    /// These, with `fake` for the servers of `net`: a target is the server where its NOTIFY goes.
    #[must_use]
    pub fn with_fake_net(self, net: FakeNet) -> Self {
        self.with("fake", move |target| Ok(std::sync::Arc::new(net.server(&target.notify_at()))))
    }
}

#[async_trait]
impl Backend for FakeServer {
    async fn ensure_zone(&self, zone: &ZoneSpec) -> Result<Effect, BackendError> {
        ready(self)?;
        Ok(if self.add_zone(&zone.name) { Effect::Changed } else { Effect::Unchanged })
    }

    async fn ensure_absent(&self, zone: &ZoneSpec, _hard_delete: bool) -> Result<Effect, BackendError> {
        ready(self)?;
        Ok(if self.remove_zone(&zone.name) { Effect::Changed } else { Effect::Unchanged })
    }
}

fn ready(server: &FakeServer) -> Result<(), BackendError> {
    match server.manner() {
        Manner::Normal => Ok(()),
        Manner::Silent => Err(BackendError::Unreachable { reason: "the server is silent".to_owned() }),
        manner => Err(BackendError::Refused { reason: format!("the server is {manner:?}") }),
    }
}
