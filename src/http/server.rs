//! The API behind listeners: HTTP/1.1 over TCP.
//!
//! Invariants: a client gets a bounded time for its head and for its body, to take its answer, and a bounded number of
//! connections; idle connections end. Stopping lets requests under way finish, for a bounded time. (HTTP/2 is left to TLS: telling it
//! from HTTP/1.1 on a plain connection would mean to wait for a client's first byte without a limit.)

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer};

use super::connections::{Connections, in_use};
use super::{Api, configure, cors};

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Time for a client to take the end of its connection.
const DISCONNECT: Duration = Duration::from_secs(5);

/// A server that is bound and runs once it is awaited or spawned.
pub struct ApiServer {
    server: Server,
    connections: Arc<Connections>,
    addresses: Vec<SocketAddr>,
}

impl std::fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiServer").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Stops a running server.
#[derive(Clone)]
pub struct ServerHandle {
    pub(super) server: actix_web::dev::ServerHandle,
    pub(super) connections: Option<Arc<Connections>>,
}

impl std::fmt::Debug for ServerHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerHandle").finish_non_exhaustive()
    }
}

impl ApiServer {
    /// Binds the listeners; `drain` is how long requests under way may take when the server stops. Must be called
    /// inside an actix system.
    ///
    /// # Errors
    /// If an address cannot be bound.
    pub fn bind(
        api: &Arc<Api>,
        addresses: &[SocketAddr],
        workers: usize,
        drain: Duration,
    ) -> io::Result<Self> {
        let settings = &api.settings;
        let (keep_alive, client_timeout, max_connections) =
            (settings.keep_alive, settings.client_timeout, settings.max_connections);
        let connections = Arc::new(Connections::new(keep_alive + client_timeout, Arc::clone(&api.counters)));
        let (api, opened) = (Arc::clone(api), Arc::clone(&connections));
        let app = move || {
            App::new().configure(configure(Arc::clone(&api))).wrap(from_fn(cors::run)).wrap(from_fn(in_use))
        };
        let mut server = HttpServer::new(app)
            .on_connect(move |io, data| opened.opened(io, data))
            .workers(workers.max(1))
            .backlog(BACKLOG)
            .tcp_nodelay(true)
            .max_connections(max_connections)
            .keep_alive(keep_alive)
            .client_request_timeout(client_timeout)
            .client_disconnect_timeout(DISCONNECT)
            .shutdown_timeout(drain.as_secs())
            .disable_signals();
        for address in addresses {
            server = server.bind(address)?;
        }
        let addresses = server.addrs();
        Ok(Self { server: server.run(), connections, addresses })
    }

    /// Where the server listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// A handle to stop it with.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { server: self.server.handle(), connections: Some(Arc::clone(&self.connections)) }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// If a listener fails.
    pub async fn run(self) -> io::Result<()> {
        tokio::select! {
            ended = self.server => ended,
            () = self.connections.watch() => Ok(()),
        }
    }
}

impl ServerHandle {
    /// Stops taking connections and waits for the requests under way, if `graceful`; connections that none is on end.
    pub async fn stop(&self, graceful: bool) {
        let stopped = self.server.stop(graceful);
        match &self.connections {
            Some(connections) => tokio::select! {
                () = stopped => {}
                () = connections.end_idle() => {}
            },
            None => stopped.await,
        }
    }
}
