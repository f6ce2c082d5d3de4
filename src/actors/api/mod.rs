//! The API's actor: what other services and operators can ask of one running API, and tell it.
//!
//! Requests do not come this way: [`crate::http`] serves them, which this actor knows as a [`Front`] and nothing more.
//!
//! Invariants: nothing here waits, so that an API that does not answer here is one that is not well.

#[expect(
    clippy::module_inception,
    reason = "every service's contract is the module `api` in it; this service is the API"
)]
pub mod api;

use std::sync::Arc;

use self::api::{Describe, Front, Readmit, Traffic, Withdraw};
use crate::transport::{Cx, Fault, Handle};

/// The state of one API's actor.
#[derive(Debug)]
pub struct ApiService {
    front: Arc<dyn Front>,
}

impl ApiService {
    /// The actor of the API that `front` serves.
    #[must_use]
    pub const fn new(front: Arc<dyn Front>) -> Self {
        Self { front }
    }

    fn withdraw(&self) {
        self.front.admit(false);
        tracing::info!("the API is withdrawn: clients are asked to go elsewhere");
    }
}

impl Handle<Describe> for ApiService {
    async fn handle(&self, _cx: &Cx, _: Describe) -> Result<Traffic, Fault> {
        Ok(self.front.traffic())
    }
}

impl Handle<Withdraw> for ApiService {
    async fn handle(&self, _cx: &Cx, _: Withdraw) -> Result<Traffic, Fault> {
        self.withdraw();
        Ok(self.front.traffic())
    }
}

impl Handle<Readmit> for ApiService {
    async fn handle(&self, _cx: &Cx, _: Readmit) -> Result<Traffic, Fault> {
        self.front.admit(true);
        tracing::info!("the API is readmitted");
        Ok(self.front.traffic())
    }
}
