//! The driver for our own name servers: they read the database themselves, so there is nothing to push.

use async_trait::async_trait;

use super::{Backend, BackendError, Effect, ZoneSpec};

/// A target that is one of our own mdns services.
#[derive(Debug, Clone, Copy)]
pub struct Native;

#[async_trait]
impl Backend for Native {
    async fn ensure_zone(&self, _zone: &ZoneSpec) -> Result<Effect, BackendError> {
        Ok(Effect::Unchanged)
    }

    async fn ensure_absent(&self, _zone: &ZoneSpec, _hard_delete: bool) -> Result<Effect, BackendError> {
        Ok(Effect::Unchanged)
    }
    fn takes_notify(&self) -> bool {
        false
    }
}
