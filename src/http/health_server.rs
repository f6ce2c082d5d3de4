//! `/healthcheck` behind a listener of its own, for processes without an API and for questions that are not everybody's.
//!
//! Invariants: nothing but `/healthcheck` is answered; it is the first to listen and the last to end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

use super::health::{self, HealthCheck};
use super::root::nothing_here;
use super::server::ServerHandle;

/// Time for a client to send its question.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most connections at once.
const CONNECTIONS: usize = 256;

/// A server that is bound and runs once it is awaited or spawned.
pub struct HealthServer {
    server: Server,
    addresses: Vec<SocketAddr>,
}

impl std::fmt::Debug for HealthServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthServer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl HealthServer {
    /// Binds the listeners. Must be called inside an actix system.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub fn bind(check: &HealthCheck, addresses: &[SocketAddr]) -> io::Result<Self> {
        let check = check.clone();
        let app = move || {
            App::new()
                .app_data(web::Data::new(check.clone()))
                .configure(health::configure)
                .default_service(web::to(nothing_here))
        };
        let mut server = HttpServer::new(app)
            .workers(1)
            .max_connections(CONNECTIONS)
            .keep_alive(PATIENCE)
            .client_request_timeout(PATIENCE)
            .shutdown_timeout(1)
            .disable_signals();
        for address in addresses {
            server = server.bind(address)?;
        }
        let addresses = server.addrs();
        Ok(Self { server: server.run(), addresses })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A handle to stop it with.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { server: self.server.handle(), connections: None }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// If a listener fails.
    pub async fn run(self) -> io::Result<()> {
        self.server.await
    }
}
