//! The peer port: lets nodes and clients in and answers what they ask.
//!
//! **Invariants**: strangers are bounded in number, bytes and time; of those let in, each has a bound on what it asks at
//! once, and what the cluster cannot live without does not wait behind anything else. A request is given up when its caller
//! has given it up. Nothing that arrives ends the listener.
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    Wire, codec,
    connection::{End, traffic},
    counters::{Refused, one_more},
    envelope::{self, Envelope, Fault, Lane, Request},
    handshake::{self, HandshakeError, PATIENCE, Party, Secured},
    outbox::Outbox,
    tls::{Stream, is_about_certificates},
};
use crate::cluster::{
    ClusterId, NodeId,
    operation::Operated,
    peer::{Call, Refusal, Response, Serve},
    types::SCHEMA,
};

/// Vital requests of one connection under way at once.
const VITAL: usize = 64;
/// Longest that a request is worked on, whatever its caller says.
const LONGEST: Duration = Duration::from_secs(120);
/// The pause after the system refused to accept a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener; ends when dropped, with all its connections.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

struct Port {
    wire: Arc<Wire>,
    node: Option<NodeId>,
    serve: Arc<dyn Serve>,
    strangers: Arc<Semaphore>,
    connected: AtomicUsize,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// Answers on a socket; must be called within a tokio runtime.
    pub(super) fn start(
        listener: TcpListener,
        wire: Arc<Wire>,
        node: Option<NodeId>,
        serve: Arc<dyn Serve>,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let port = Arc::new(Port {
            strangers: Arc::new(Semaphore::new(wire.limits.strangers)),
            wire,
            node,
            serve,
            connected: AtomicUsize::new(0),
            stop: stopped,
        });
        let accepting = tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((tcp, from)) => port.meet(tcp, from),
                    Err(error) => {
                        tracing::warn!(%error, "the peer port cannot accept a connection");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        });
        Ok(Self { address, accepting, stop })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.stop.send_replace(true);
    }
}

/// Counts a connection for as long as it lasts.
struct Connected<'a>(&'a AtomicUsize);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Port {
    fn meet(self: &Arc<Self>, tcp: TcpStream, from: SocketAddr) {
        let Ok(stranger) = Arc::clone(&self.strangers).try_acquire_owned() else {
            self.wire.counters.refused(Refused::Busy, &from);
            return;
        };
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let mut stop = this.stop.clone();
            let work = async {
                let Some(secured) = this.let_in(tcp, from).await else { return };
                drop(stranger);
                let connected = Connected(&this.connected);
                if this.connected.fetch_add(1, Ordering::Relaxed) >= this.wire.limits.connections {
                    this.wire.counters.refused(Refused::Busy, &from);
                    return;
                }
                one_more(&this.wire.counters.accepted);
                let peer = secured.peer.node;
                let end = this.attend(secured).await;
                drop(connected);
                if let (Some(node), End::Theirs) = (peer, end) {
                    this.serve.closed(node);
                }
            };
            tokio::select! {
                () = work => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
        });
    }

    async fn let_in(&self, tcp: TcpStream, from: SocketAddr) -> Option<Secured<Stream>> {
        let _ = tcp.set_nodelay(true);
        match timeout(PATIENCE, self.know(tcp)).await {
            Ok(Ok(secured)) => Some(secured),
            Ok(Err(Some(why))) => {
                self.wire.counters.refused(why, &from);
                None
            }
            Ok(Err(None)) => None,
            Err(_) => {
                self.wire.counters.refused(Refused::Slow, &from);
                None
            }
        }
    }

    /// The stream of somebody who belongs here; otherwise why not, unless it just went away.
    async fn know(&self, tcp: TcpStream) -> Result<Secured<Stream>, Option<Refused>> {
        let stream: Stream = match &self.wire.tls {
            None => Box::new(tcp),
            Some(tls) => tls.accept(tcp).await.map_err(|error| {
                tracing::debug!(%error, "TLS failed");
                is_about_certificates(&error).then_some(Refused::Certificate)
            })?,
        };
        let own = self.wire.credentials(None, self.node);
        let admit = |peer: &Party| {
            self.serve.admit(peer.of.map(ClusterId), None).map_err(|refusal| match refusal {
                Refusal::OtherNode { .. } => Refused::Node,
                _ => Refused::Cluster,
            })
        };
        let known = handshake::answer(stream, &own, self.wire.limits.frame, admit).await;
        known.map_err(|error| match error {
            HandshakeError::WeRefuse(why) | HandshakeError::TheyRefuse(why) => Some(why),
            HandshakeError::Frame(_) => None,
        })
    }

    async fn attend(self: &Arc<Self>, secured: Secured<Stream>) -> End {
        let Secured { peer, reader, writer, seal } = secured;
        let limits = self.wire.limits;
        let outbox = Arc::new(Outbox::new(limits.queue));
        let vital = Arc::new(Semaphore::new(VITAL));
        let common = Arc::new(Semaphore::new(limits.requests));
        let receive = |payload| match envelope::read(payload) {
            Some(Envelope::Request(request)) => {
                let room = if request.lane == Some(Lane::Vital) { &vital } else { &common };
                match Arc::clone(room).try_acquire_owned() {
                    Ok(room) => {
                        let (this, outbox) = (Arc::clone(self), Arc::clone(&outbox));
                        tokio::spawn(async move {
                            this.answer(request, &outbox).await;
                            drop(room);
                        });
                    }
                    Err(_) => {
                        one_more(&self.wire.counters.overloaded);
                        put(&outbox, envelope::answer(request.id, Err(Fault::Overloaded)));
                    }
                }
                true
            }
            Some(Envelope::Ping) => {
                put(&outbox, envelope::pong());
                true
            }
            Some(Envelope::Answer(..) | Envelope::Fault(..) | Envelope::Pong) | None => false,
        };
        let counters = &self.wire.counters;
        let end = traffic(reader, writer, seal, &outbox, limits.pace, false, counters, &peer, receive).await;
        outbox.close();
        end
    }

    async fn answer(&self, request: Request, outbox: &Outbox) {
        let Request { id, lane, schema, left, body } = request;
        let call = match lane {
            Some(_) if schema == SCHEMA => codec::decode::<Call>(&body).ok_or(Fault::Malformed),
            _ => Err(Fault::Unknown),
        };
        drop(body);
        let call = match call {
            Ok(call) => call,
            Err(fault) => {
                if fault == Fault::Malformed {
                    self.wire.counters.refused(Refused::Malformed, &"a peer");
                }
                return put(outbox, envelope::answer(id, Err(fault)));
            }
        };
        let name = call.request.name();
        // When the time is over nobody waits for the answer any more.
        let served = timeout(left.min(LONGEST), self.serve.serve(call)).await;
        let Ok(mut response) = served else { return };
        match &mut response {
            Response::Operated(Ok(Operated::Status(status))) => {
                status.network = Some(self.wire.counters.read());
            }
            Response::Refused(Refusal::OtherCluster { .. }) => {
                self.wire.counters.refused(Refused::Cluster, &"a peer");
            }
            Response::Refused(Refusal::OtherNode { .. }) => {
                self.wire.counters.refused(Refused::Node, &"a peer");
            }
            _ => {}
        }
        let limit = self.wire.limits.frame;
        match codec::encode(&response) {
            Some(body) if body.len() + envelope::OVERHEAD <= limit => {
                put(outbox, envelope::answer(id, Ok(body)));
            }
            answer => {
                let bytes = answer.map(|body| body.len());
                tracing::error!(request = name, bytes, limit, "an answer cannot be sent");
            }
        }
    }
}

/// Queues an answer. A peer that asks and does not take the answers has its connection ended.
fn put(outbox: &Outbox, payload: Bytes) {
    if outbox.put(payload).is_err() {
        outbox.close();
    }
}
