//! What answers HTTP: the API, how it knows its callers, and questions about health.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::StartError;
use super::services::Assembly;
use crate::actors::lifecycle::Tier;
use crate::config::AuthStrategy;
use crate::http::{Api, ApiServer, ApiSettings, Authentication, HealthCheck, HealthServer};
use crate::remote::neutron::Neutron;
use crate::transport::TransportExt as _;

impl Assembly {
    /// Makes the API, which can be called from then on.
    ///
    /// # Errors
    /// If a file that the identity service is known by cannot be used.
    pub(super) fn make_api(&self) -> Result<Arc<Api>, StartError> {
        let auth = self.authentication()?;
        let neutron = Neutron::new(self.config.neutron.clone(), self.runtime().clone())?;
        let settings = ApiSettings::from(&self.config);
        let check = self.health_check(self.config.health.detailed);
        Ok(Api::new(self.transport.service_ref(), self.policy.clone(), auth, neutron, settings, check))
    }

    /// How the API knows its callers, and what is to be done beside it.
    fn authentication(&self) -> Result<Authentication, StartError> {
        let (config, clock, runtime) = (&self.config.auth, self.edges.clock, self.runtime().clone());
        let auth = match config.strategy {
            AuthStrategy::None => Authentication::none(),
            AuthStrategy::Keystone => Authentication::keystone(config, clock, runtime)?,
            AuthStrategy::Token => {
                Authentication::tokens(config, self.transport.service_ref(), clock, runtime)
            }
        };
        if let Some(watch) = auth.revocations(config, clock) {
            let stop = CancellationToken::new();
            let watching = self.runtime().spawn(watch.run(stop.clone()));
            self.state.lock().lifecycle.task(Tier::Api, "revocations", stop, watching);
        }
        Ok(auth)
    }

    /// Answers requests on the configured addresses. To be called inside the actix system.
    pub(super) fn listen(&self, api: &Arc<Api>) -> Result<Vec<SocketAddr>, StartError> {
        let listen = &self.config.api.listen;
        if listen.is_empty() {
            return Ok(Vec::new());
        }
        let drain = self.config.node.graceful_shutdown_timeout;
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let server = ApiServer::bind(api, listen, threads, drain)
            .map_err(|source| StartError::Api { addresses: listed(listen), source })?;
        let addresses = server.addresses().to_vec();
        let handle = server.handle();
        let running = self.runtime().spawn(server.run());
        self.at_the_end(Tier::Api, "api listeners", async move {
            handle.stop(true).await;
            if let Ok(Err(error)) = running.await {
                tracing::error!(%error, "the API's listener failed");
            }
        });
        Ok(addresses)
    }

    /// Answers questions about health on addresses of its own, if there are any. To be called inside the actix system.
    pub(super) fn tell_health(&self) -> Result<Vec<SocketAddr>, StartError> {
        let listen = &self.config.health.listen;
        if listen.is_empty() {
            return Ok(Vec::new());
        }
        let server = HealthServer::bind(&self.health_check(true), listen)
            .map_err(|source| StartError::Health { addresses: listed(listen), source })?;
        let (addresses, handle) = (server.addresses().to_vec(), server.handle());
        let running = self.runtime().spawn(server.run());
        self.at_the_end(Tier::Ground, "health listeners", async move {
            handle.stop(true).await;
            if let Ok(Err(error)) = running.await {
                tracing::error!(%error, "the listener for questions about health failed");
            }
        });
        Ok(addresses)
    }

    fn health_check(&self, detailed: bool) -> HealthCheck {
        let disable_by_file = self.config.health.disable_by_file.clone();
        HealthCheck { health: self.health().clone(), detailed, disable_by_file }
    }
}

fn listed(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(", ")
}
