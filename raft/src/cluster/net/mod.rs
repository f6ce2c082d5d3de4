//! The network between the nodes of a cluster and their clients: framed TCP of its own.
//!
//! `frame` cuts the stream, `handshake` (and `tls`) say who is there, `connection` carries requests, `channel`
//! keeps one connection per address, `server` answers. [`Network`] is the [`Link`] over all that.
//!
//! **Invariants**: everything is bounded: frames, queues, connections, strangers, and each request in time. Whoever is not
//! of the cluster is refused and counted. What a peer sends may be anything; it never ends this process.
mod channel;
mod codec;
mod connection;
mod counters;
mod envelope;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod outbox;
mod secret;
mod server;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use tokio::net::TcpListener;

use self::{
    channel::Channel,
    connection::{CallError, Pace},
    envelope::{Fault, Lane},
    handshake::{Credentials, Party},
    outbox::Bound,
    tls::Tls,
};
pub use self::{
    counters::{Counts, Refused},
    secret::{MIN_SECRET, Secret},
    server::Server,
    tls::{TlsError, TlsFiles},
};
use super::{
    ClusterId, NodeId, Peer,
    peer::{Call, Link, LinkError, Refusal, Request, Response, Serve},
    types::SCHEMA,
};

/// How the nodes of a cluster know each other: at least one of both.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// A secret that all of them know.
    pub secret: Option<Secret>,
    /// Certificates of one authority.
    pub tls: Option<TlsFiles>,
}

/// What is bounded by how much.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Bytes of a frame, once its sender is let in.
    frame: usize,
    /// What may wait to be written to one connection.
    queue: Bound,
    /// How long an attempt to connect may take, the handshake included.
    connect: Duration,
    pace: Pace,
    /// Connections that are not let in yet.
    strangers: usize,
    /// Connections that are.
    connections: usize,
    /// Requests of one connection under way at once, vital ones not counted.
    requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 32 << 20,
            queue: Bound { count: 16_384, bytes: 64 << 20 },
            connect: Duration::from_secs(2),
            pace: Pace {
                ask: Duration::from_secs(1),
                dead: Duration::from_secs(5),
                write: Duration::from_secs(5),
            },
            strangers: 64,
            connections: 4096,
            requests: 8192,
        }
    }
}

/// What all connections of a process have in common.
#[derive(Debug)]
struct Wire {
    cluster: String,
    name: String,
    secret: Option<Secret>,
    tls: Option<Arc<Tls>>,
    limits: Limits,
    counters: Arc<counters::Counters>,
    /// Who wants to know of connections that were closed.
    serve: Mutex<Option<Weak<dyn Serve>>>,
}

impl Wire {
    fn credentials(&self, of: Option<ClusterId>, node: Option<NodeId>) -> Credentials {
        Credentials {
            me: Party { cluster: self.cluster.clone(), of: of.map(|id| id.0), node, name: self.name.clone() },
            secret: self.secret.clone(),
            within_tls: self.tls.is_some(),
        }
    }

    fn closed(&self, node: NodeId) {
        let serve = self.serve.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(serve) = serve.and_then(|serve| serve.upgrade()) {
            serve.closed(node);
        }
    }
}

/// A process's end of the network; clones share it.
#[derive(Debug, Clone)]
pub struct Network {
    wire: Arc<Wire>,
    channels: Arc<Mutex<HashMap<String, Channel>>>,
}

impl Network {
    /// The network of the cluster with this configured name, for a process that calls itself `name`.
    ///
    /// # Errors
    /// If certificates are given and cannot be used.
    pub async fn new(cluster: String, name: String, security: Security) -> io::Result<Self> {
        Self::within(cluster, name, security, Limits::default()).await
    }

    async fn within(cluster: String, name: String, security: Security, limits: Limits) -> io::Result<Self> {
        let tls = security.tls.map(|files| Arc::new(Tls::new(files)));
        if let Some(tls) = &tls {
            tls.check().await?;
        }
        let wire = Wire {
            cluster,
            name,
            secret: security.secret,
            tls,
            limits,
            counters: Arc::default(),
            serve: Mutex::new(None),
        };
        Ok(Self { wire: Arc::new(wire), channels: Arc::default() })
    }

    /// Brings what arrives at the socket to `serve`, which is the node of this id. Ends when the answer is dropped.
    ///
    /// # Errors
    /// If the socket has no address.
    pub fn serve(&self, listener: TcpListener, node: NodeId, serve: &Arc<dyn Serve>) -> io::Result<Server> {
        *self.wire.serve.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(serve));
        Server::start(listener, Arc::clone(&self.wire), Some(node), Arc::clone(serve))
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.wire.counters.read()
    }

    fn channel(&self, address: &str) -> Channel {
        let mut channels: MutexGuard<'_, HashMap<_, _>> =
            self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return channel.clone();
        }
        // Addresses come from the configuration and from members that came and went.
        if channels.len() >= self.wire.limits.connections {
            channels.retain(|_, channel| channel.is_up());
        }
        let channel = Channel::new(Arc::clone(&self.wire), address.to_owned());
        channels.insert(address.to_owned(), channel.clone());
        channel
    }
}

const fn lane(request: &Request) -> Lane {
    match request {
        Request::Append(_)
        | Request::Vote(_)
        | Request::Snapshot(_)
        | Request::Yield(_)
        | Request::Campaign => Lane::Vital,
        _ => Lane::Common,
    }
}

#[async_trait]
impl Link for Network {
    async fn call(&self, peer: &Peer, call: Call, limit: Duration) -> Result<Response, LinkError> {
        let unreachable = |reason: String| LinkError::Unreachable { peer: peer.clone(), reason };
        let lost = |reason: String| LinkError::Lost { peer: peer.clone(), reason };
        let (lane, of, from) = (lane(&call.request), call.cluster, call.from);
        let body = codec::encode(&call).ok_or_else(|| unreachable("it cannot be encoded".to_owned()))?;
        drop(call);
        let called = self.channel(&peer.address).call((of, from), lane, SCHEMA, &body, limit).await;
        match called {
            Ok(answer) => codec::decode(&answer).ok_or_else(|| lost("the answer cannot be read".to_owned())),
            Err(CallError::Gone) => Err(LinkError::Gone { peer: peer.clone() }),
            Err(error @ (CallError::Lost | CallError::TimedOut(_))) => Err(lost(error.to_string())),
            Err(CallError::Fault(fault @ (Fault::Unknown | Fault::Malformed))) => {
                Ok(Response::Refused(Refusal::Unavailable { reason: fault.to_string() }))
            }
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}
