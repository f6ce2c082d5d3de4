//! A driver without a server: it remembers which zones it was asked for.
//!
//! As a pool's driver it lets everything but the name servers be tried out; in tests it is told to fail or to hang, and
//! counts.
//!
//! Invariants: clones share their state; a call that hangs does so until its caller gives up or the script is changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::{Backend, BackendError, Effect, ZoneSpec};
use crate::domain::name::Name;

/// What the driver does when it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Script {
    /// Obeys.
    #[default]
    Obey,
    /// Gives this error.
    Fail(BackendError),
    /// Gives no answer.
    Hang,
}

/// The driver.
#[derive(Debug, Clone)]
pub struct FakeBackend {
    script: Arc<watch::Sender<Script>>,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Debug, Default)]
struct Memory {
    zones: BTreeSet<Name>,
    calls: usize,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self { script: Arc::new(watch::channel(Script::Obey).0), memory: Arc::default() }
    }
}

impl FakeBackend {
    /// Behaves so from now on; calls that hang take up the new script.
    pub fn follow(&self, script: Script) {
        self.script.send_replace(script);
    }

    /// True if the zone was asked for and not taken away again.
    #[must_use]
    pub fn has(&self, zone: &Name) -> bool {
        self.memory.lock().zones.contains(zone)
    }

    /// How often it was called so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.memory.lock().calls
    }

    /// Forgets a zone, as a server that lost its disk.
    pub fn lose(&self, zone: &Name) {
        self.memory.lock().zones.remove(zone);
    }

    async fn act(
        &self,
        change: impl FnOnce(&mut BTreeSet<Name>) -> bool + Send,
    ) -> Result<Effect, BackendError> {
        self.memory.lock().calls += 1;
        let mut script = self.script.subscribe();
        // The sender lives in `self`, so waiting ends with a script, never with an error.
        let now = script.wait_for(|script| *script != Script::Hang).await.map(|script| script.clone());
        if let Ok(Script::Fail(error)) = now {
            return Err(error);
        }
        let changed = change(&mut self.memory.lock().zones);
        Ok(if changed { Effect::Changed } else { Effect::Unchanged })
    }
}

#[async_trait]
impl Backend for FakeBackend {
    async fn ensure_zone(&self, zone: &ZoneSpec) -> Result<Effect, BackendError> {
        self.act(|zones| zones.insert(zone.name.clone())).await
    }

    async fn ensure_absent(&self, zone: &ZoneSpec, _hard_delete: bool) -> Result<Effect, BackendError> {
        self.act(|zones| zones.remove(&zone.name)).await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::domain::ids::ZoneId;

    #[tokio::test]
    async fn it_follows_its_script() {
        let fake = FakeBackend::default();
        let zone = ZoneSpec { id: ZoneId::random(), name: Name::parse("example.org.").unwrap() };
        assert_eq!(fake.ensure_zone(&zone).await, Ok(Effect::Changed));
        assert_eq!(fake.ensure_zone(&zone).await, Ok(Effect::Unchanged));

        let error = BackendError::Refused { reason: "no".to_owned() };
        fake.follow(Script::Fail(error.clone()));
        assert_eq!(fake.ensure_absent(&zone, false).await, Err(error));
        assert!(fake.has(&zone.name));

        fake.follow(Script::Hang);
        let mut hanging = Box::pin(fake.ensure_absent(&zone, false));
        assert_eq!(hanging.as_mut().now_or_never(), None);
        fake.follow(Script::Obey);
        assert_eq!(hanging.await, Ok(Effect::Changed));
        assert!(!fake.has(&zone.name));
        assert_eq!(fake.calls(), 4);
    }
}
