//! The drivers of pool targets: how a name server is told which zones it has to serve.
//!
//! A driver brings one server to a wanted state and may be asked for the same state any number of times.
//!
//! Invariants: no driver ever deletes a zone in order to create it; every call ends within a bounded time; an error says
//! whether trying again can help.

mod bind9;
mod fake;
#[cfg(feature = "testing")]
mod fake_server;
mod native;
pub mod rndc;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;

pub use self::bind9::Bind9;
pub use self::fake::{FakeBackend, Script};
pub use self::native::Native;
use crate::clock::Clock;
use crate::domain::ids::ZoneId;
use crate::domain::name::Name;
use crate::domain::pool::Target;

/// What a driver has to know about a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneSpec {
    /// Id of the zone.
    pub id: ZoneId,
    /// Name of the zone.
    pub name: Name,
}

/// What a driver found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The server was as wanted.
    Unchanged,
    /// The server was brought to the wanted state.
    Changed,
}

/// Why a server is not in the wanted state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BackendError {
    /// The server could not be asked, or gave no trustworthy answer.
    #[error("target is unreachable: {reason}")]
    Unreachable {
        /// What happened.
        reason: String,
    },
    /// The server did not do it.
    #[error("target refused: {reason}")]
    Refused {
        /// What the server said.
        reason: String,
    },
    /// The server has a zone of that name that is not ours to change.
    #[error("target already has another zone {name}: {reason}")]
    Conflict {
        /// Name of the zone.
        name: Name,
        /// What is different.
        reason: String,
    },
    /// The target's options cannot work.
    #[error("target is misconfigured: {reason}")]
    Misconfigured {
        /// What is wrong.
        reason: String,
    },
}

impl BackendError {
    /// True if the same call may succeed later without anybody changing the pool or the server's own zones.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Refused { .. } => true,
            Self::Conflict { .. } | Self::Misconfigured { .. } => false,
        }
    }
}

/// A driver bound to one target.
#[async_trait]
pub trait Backend: Send + Sync + fmt::Debug {
    /// Makes the server serve the zone, transferred from the target's masters.
    ///
    /// # Errors
    /// The server does not serve it, or maybe not as wanted.
    async fn ensure_zone(&self, zone: &ZoneSpec) -> Result<Effect, BackendError>;

    /// Makes the server not serve the zone; with `hard_delete` its files there go too.
    ///
    /// # Errors
    /// The server may still serve it.
    async fn ensure_absent(&self, zone: &ZoneSpec, hard_delete: bool) -> Result<Effect, BackendError>;

    /// Makes the server ask another of the target's masters first: the one that it asks may be there without answering.
    ///
    /// # Errors
    /// It may go on as before.
    async fn turn_to_another_master(&self, _zone: &ZoneSpec) -> Result<Effect, BackendError> {
        Ok(Effect::Unchanged)
    }

    /// True if the server wants to be told of changes by NOTIFY.
    fn takes_notify(&self) -> bool {
        true
    }
}

type Factory = dyn Fn(&Target) -> Result<Arc<dyn Backend>, BackendError> + Send + Sync;

/// The known drivers by name.
#[derive(Clone, Default)]
pub struct Backends {
    factories: BTreeMap<String, Arc<Factory>>,
}

impl Backends {
    /// The drivers that come with the program: `bind9`, `native` and `fake`.
    #[must_use]
    pub fn standard(clock: Clock) -> Self {
        Self::default()
            .with("bind9", move |target| Ok(Arc::new(Bind9::new(target, clock)?)))
            .with("native", |_| Ok(Arc::new(Native)))
            .with("fake", |_| Ok(Arc::new(FakeBackend::default())))
    }

    /// These and one more, which takes the place of any of the same name.
    #[must_use]
    pub fn with(
        mut self,
        driver: &str,
        factory: impl Fn(&Target) -> Result<Arc<dyn Backend>, BackendError> + Send + Sync + 'static,
    ) -> Self {
        self.factories.insert(driver.to_owned(), Arc::new(factory));
        self
    }

    /// True if there is a driver of that name.
    #[must_use]
    pub fn knows(&self, driver: &str) -> bool {
        self.factories.contains_key(driver)
    }

    /// A driver for the target. Nothing is connected yet.
    ///
    /// # Errors
    /// The driver is unknown or the options are wrong.
    pub fn build(&self, target: &Target) -> Result<Arc<dyn Backend>, BackendError> {
        match self.factories.get(&target.driver) {
            Some(factory) => factory(target),
            None => {
                Err(BackendError::Misconfigured { reason: format!("there is no driver {:?}", target.driver) })
            }
        }
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.factories.keys()).finish()
    }
}

/// Builds targets for the tests of the drivers.
#[cfg(test)]
fn target(driver: &str, options: &[(&str, &str)]) -> Target {
    use crate::domain::host_port::HostPort;
    use crate::domain::ids::TargetId;
    Target {
        id: TargetId::random(),
        driver: driver.to_owned(),
        description: None,
        masters: vec![HostPort::new("192.0.2.1", 5354), HostPort::new("2001:db8::1", 53)],
        options: options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        tsigkey_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_found_by_name_and_unknown_ones_named() {
        let backends = Backends::standard(Clock::system());
        assert!(["bind9", "native", "fake"].into_iter().all(|driver| backends.knows(driver)));
        assert!(backends.build(&target("native", &[])).is_ok());
        let error = backends.build(&target("bind8", &[])).unwrap_err();
        assert_eq!(error.to_string(), "target is misconfigured: there is no driver \"bind8\"");
        assert!(!error.is_retryable());
    }
}
