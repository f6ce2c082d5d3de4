//! The listeners: UDP and TCP sockets in front of a [`Responder`].
//!
//! Invariants: no packet, however malformed, and no client, however slow, ends a listener or holds what others need;
//! all work under way is bounded; TCP_NODELAY is set on every connection, so a transfer never waits for an
//! acknowledgement.

mod connection;
mod responder;
mod tcp;
mod udp;
#[cfg(feature = "testing")]
mod unplugged;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use connection::serve_connection;
pub use responder::{Backing, BackingError, InMemory, Reply, Responder, Sets, ZoneReader};
#[cfg(feature = "testing")]
pub use unplugged::Unplugged;

use crate::config::MdnsConfig;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Ports tried for one that is free for both UDP and TCP, if the system is to choose.
const PORT_ATTEMPTS: usize = 32;

/// What the listeners allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// TCP connections open at once; one address may have half of them.
    pub connections: usize,
    /// How long a connection may be idle, and how long a client may take to send a message.
    pub receive: Duration,
    /// How long a client may take to accept what is sent at a time.
    pub send: Duration,
    /// UDP queries that wait for the database at once; more are dropped.
    pub udp_waiting: usize,
}

impl From<&MdnsConfig> for Limits {
    fn from(config: &MdnsConfig) -> Self {
        Self {
            connections: config.tcp_max_connections,
            receive: config.tcp_recv_timeout,
            send: config.tcp_send_timeout,
            udp_waiting: config.udp_max_in_flight,
        }
    }
}

/// An address that cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address} ({protocol})")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// UDP or TCP.
    pub protocol: &'static str,
    /// What the system said.
    pub source: io::Error,
}

/// Listeners at work. Dropping it closes them; [`Self::drain`] does so gently.
#[derive(Debug)]
#[must_use = "dropping it closes the listeners"]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Listens on every address, UDP and TCP, and answers by `responder`. With port 0 the system chooses a port, the
    /// same for both.
    ///
    /// # Errors
    /// If any of the addresses cannot be had; then none is listened on.
    pub async fn bind(
        listen: &[SocketAddr],
        responder: Arc<Responder>,
        limits: Limits,
    ) -> Result<Self, BindError> {
        let mut sockets = Vec::with_capacity(listen.len());
        for address in listen {
            sockets.push(bind_both(*address).await?);
        }
        let mut server =
            Self { addresses: Vec::new(), stop: CancellationToken::new(), tasks: TaskTracker::new() };
        let waiting = Arc::new(Semaphore::new(limits.udp_waiting.min(Semaphore::MAX_PERMITS)));
        let admission = tcp::Admission::new(limits.connections);
        let receivers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        for (address, udp, tcp) in sockets {
            server.addresses.push(address);
            let udp = Arc::new(udp);
            for _ in 0..receivers {
                let receiver = udp::Receiver {
                    socket: Arc::clone(&udp),
                    responder: Arc::clone(&responder),
                    waiting: Arc::clone(&waiting),
                    tasks: server.tasks.clone(),
                };
                server.tasks.spawn(receiver.run(server.stop.clone()));
            }
            let acceptor = tcp::Acceptor {
                listener: tcp,
                responder: Arc::clone(&responder),
                admission: Arc::clone(&admission),
                limits,
                tasks: server.tasks.clone(),
            };
            server.tasks.spawn(acceptor.run(server.stop.clone()));
        }
        tracing::info!(addresses = ?server.addresses, "answering DNS");
        Ok(server)
    }

    /// The addresses listened on, in the order given, with their actual ports.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Listens until `stop` is cancelled, then drains for at most `patience`. True if all requests were answered.
    pub async fn until(self, stop: CancellationToken, patience: Duration) -> bool {
        stop.cancelled().await;
        self.drain(Instant::now() + patience).await
    }

    /// Stops taking requests, and waits until those under way are answered, or until `deadline`. True if all were.
    pub async fn drain(self, deadline: Instant) -> bool {
        self.stop.cancel();
        self.tasks.close();
        tokio::time::timeout_at(deadline, self.tasks.wait()).await.is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Binds UDP and TCP to one address and port.
async fn bind_both(address: SocketAddr) -> Result<(SocketAddr, UdpSocket, TcpListener), BindError> {
    let mut attempt = 1;
    loop {
        let failed = |protocol| move |source| BindError { address, protocol, source };
        let tcp = listen_tcp(address).map_err(failed("TCP"))?;
        let actual = tcp.local_addr().map_err(failed("TCP"))?;
        match UdpSocket::bind(actual).await {
            Ok(udp) => return Ok((actual, udp, tcp)),
            Err(_) if address.port() == 0 && attempt < PORT_ATTEMPTS => attempt += 1,
            Err(source) => return Err(failed("UDP")(source)),
        }
    }
}

fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
