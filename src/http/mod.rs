//! The REST API: `/` tells the versions, `/healthcheck` how we are, `/v2` is Designate's API v2.
//!
//! Invariants: a request is checked for its shape here and for its meaning in central; types of responses are
//! separate from those of messages; nothing here holds state between requests, so any number of instances may run.

mod accept;
mod admin;
mod auth;
mod body;
mod connections;
mod context;
mod cors;
mod error;
mod forwarded;
mod health;
mod health_server;
mod identity;
mod links;
#[cfg(feature = "testing")]
mod local;
mod moment;
mod openapi;
mod paging;
mod path_id;
mod pipeline;
mod query;
mod rate;
mod root;
mod routes;
mod server;
mod settings;
mod shape;
mod switches;
mod traffic;
mod v2;
mod value;

use std::sync::Arc;

use actix_web::web;

pub use auth::{Authentication, RevocationWatch};
pub use health::HealthCheck;
pub use health_server::HealthServer;
#[cfg(feature = "testing")]
pub use local::{LocalApi, Reply};
pub use server::{ApiServer, ServerHandle};
pub use settings::ApiSettings;

use self::rate::Rates;
use self::traffic::Counters;
use crate::actors::central::api::Central;
use crate::domain::policy::PolicyInForce;
use crate::remote::neutron::Neutron;
use crate::transport::ServiceRef;

/// What all requests share.
#[derive(Debug)]
pub struct Api {
    central: ServiceRef<Central>,
    policy: PolicyInForce,
    auth: Authentication,
    neutron: Neutron,
    rates: Option<Rates>,
    settings: ApiSettings,
    health: HealthCheck,
    counters: Arc<Counters>,
    document: openapi::Document,
}

impl Api {
    /// An API in front of `central`, which tells how the process is.
    #[must_use]
    pub fn new(
        central: ServiceRef<Central>,
        policy: PolicyInForce,
        auth: Authentication,
        neutron: Neutron,
        settings: ApiSettings,
        health: HealthCheck,
    ) -> Arc<Self> {
        let rates = Rates::new(settings.rate_limit, settings.rate_burst);
        let (counters, document) = (Arc::default(), openapi::Document::default());
        Arc::new(Self { central, policy, auth, neutron, rates, settings, health, counters, document })
    }

    /// The start of links that do not depend on the request.
    fn base_uri(&self) -> &str {
        &self.settings.base_uri
    }

    /// How callers are known, for the document.
    const fn manner(&self) -> openapi::Manner {
        openapi::Manner { by_token: self.auth.is_by_token() }
    }

    /// What the API says that it is.
    #[cfg(feature = "testing")]
    fn document(&self) -> &serde_json::Value {
        self.document.get(|| root::tables(&self.settings), self.manner())
    }

    /// True if clients are asked to go elsewhere.
    fn is_withdrawn(&self) -> bool {
        self.health.health.is_withdrawn()
    }
}

/// Puts the API into an actix-web application, be it behind a listener or called directly.
pub fn configure(api: Arc<Api>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        // Before what says that it is not there.
        if !api.settings.admin_extensions.is_empty() {
            config.service(admin::scope(&api.settings.admin_extensions));
        }
        config
            .app_data(web::Data::new(api.health.clone()))
            .app_data(web::Data::from(api))
            .configure(root::configure)
            .service(v2::scope())
            .default_service(web::to(root::nothing_here));
    }
}
