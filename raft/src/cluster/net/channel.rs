//! The way to one address: a connection that is kept, and made anew when it is needed.
//!
//! **Invariants**: one connection at a time, shared by all; names are resolved for each attempt; an attempt goes on when
//! whoever wanted it has gone, and while one fails again and again the pauses between them grow. Nobody waits for a pause:
//! what is asked in one is unreachable at once.
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpStream, lookup_host},
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Wire,
    connection::{CallError, Connection, End},
    counters::{Refused, one_more},
    envelope::Lane,
    handshake::{self, HandshakeError},
    tls::{Stream, is_about_certificates},
};
use crate::{
    chance,
    cluster::{ClusterId, NodeId},
};

/// Of which cluster a caller is, and which node.
type Caller = (Option<ClusterId>, Option<NodeId>);

/// Pauses between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(1000));

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Dead {
    /// The machine is there and nobody listens: a process that ended.
    #[error("nobody listens there")]
    Closed,
    /// We do not want each other.
    #[error("{0}")]
    Refused(Refused),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

#[derive(Debug, Clone)]
enum State {
    /// Not tried, or not again before this time.
    Idle {
        not_before: Option<Instant>,
        failed: u32,
        why: Option<Dead>,
    },
    Trying,
    Up(Connection),
}

#[derive(Debug)]
struct Shared {
    address: String,
    wire: Arc<Wire>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// The way to one address; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    shared: Arc<Shared>,
}

impl Channel {
    /// A way to `address`. Nothing is connected yet.
    pub(crate) fn new(wire: Arc<Wire>, address: String) -> Self {
        let idle = State::Idle { not_before: None, failed: 0, why: None };
        let state = Mutex::new(idle);
        Self { shared: Arc::new(Shared { address, wire, state, changed: watch::Sender::new(0) }) }
    }

    /// Whether there is a connection at present.
    pub(crate) fn is_up(&self) -> bool {
        matches!(&*self.shared.state(), State::Up(connection) if !connection.is_over())
    }

    /// The connection, made if need be by whoever `me` says.
    async fn connection(&self, me: Caller) -> Result<Connection, Dead> {
        let mut changed = self.shared.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(settled) = self.shared.begin(me) {
                return settled;
            }
            // The sender lives as long as we do.
            let _ = changed.changed().await;
            if let State::Idle { why: Some(why), .. } = &*self.shared.state() {
                return Err(why.clone());
            }
        }
    }

    /// Asks, making the connection if need be; `limit` holds for all of it.
    pub(crate) async fn call(
        &self,
        me: Caller,
        lane: Lane,
        schema: u16,
        body: &[u8],
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let until = Instant::now() + limit;
        let connection = match timeout(limit, self.connection(me)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(Dead::Closed)) => return Err(CallError::Gone),
            Ok(Err(dead)) => return Err(CallError::Unreachable(dead.to_string())),
            Err(_) => return Err(CallError::Unreachable("no connection in time".to_owned())),
        };
        connection.call(lane, schema, body, until.saturating_duration_since(Instant::now())).await
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.state() = state;
        self.changed.send_modify(|change| *change += 1);
    }

    /// What is known already; otherwise sees to it that an attempt is under way.
    fn begin(self: &Arc<Self>, me: Caller) -> Option<Result<Connection, Dead>> {
        let mut state = self.state();
        let failed = match &*state {
            State::Up(connection) if !connection.is_over() => return Some(Ok(connection.clone())),
            State::Up(_) => 0,
            State::Trying => return None,
            State::Idle { not_before: Some(at), why: Some(why), .. } if Instant::now() < *at => {
                return Some(Err(why.clone()));
            }
            State::Idle { failed, .. } => *failed,
        };
        *state = State::Trying;
        drop(state);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let made = timeout(this.wire.limits.connect, this.connect(me)).await;
            let made = made.unwrap_or_else(|_| Err(Dead::Other("no connection in time".to_owned())));
            match made {
                Ok(connection) => {
                    one_more(&this.wire.counters.connected);
                    this.set(State::Up(connection));
                }
                Err(why) => {
                    one_more(&this.wire.counters.unreachable);
                    tracing::debug!(address = this.address, reason = %why, "a node cannot be reached");
                    let pause = PAUSES.0.saturating_mul(2_u32.saturating_pow(failed)).min(PAUSES.1);
                    let pause = pause.mul_f64(0.75 + 0.5 * chance::part());
                    let not_before = Some(Instant::now() + pause);
                    this.set(State::Idle { not_before, failed: failed.saturating_add(1), why: Some(why) });
                }
            }
        });
        None
    }

    async fn connect(&self, me: Caller) -> Result<Connection, Dead> {
        let wire = &self.wire;
        let tcp = self.dial().await?;
        let stream: Stream = match &wire.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                tls.connect(host, tcp).await.map_err(|error| {
                    if is_about_certificates(&error) {
                        tracing::debug!(address = self.address, %error, "TLS failed");
                        self.refused(Refused::Certificate)
                    } else {
                        Dead::Other(error.to_string())
                    }
                })?
            }
        };
        let limit = wire.limits.frame;
        let secured = handshake::call(stream, &wire.credentials(me.0, me.1), limit).await;
        let secured = secured.map_err(|error| match error {
            HandshakeError::WeRefuse(why) | HandshakeError::TheyRefuse(why) => self.refused(why),
            HandshakeError::Frame(error) => Dead::Other(error.to_string()),
        })?;
        tracing::debug!(address = self.address, peer = secured.peer.name, "connected to a node");
        let connection = Connection::start(
            secured,
            wire.limits.queue,
            limit,
            wire.limits.pace,
            Arc::clone(&wire.counters),
        );
        if let Some(node) = connection.peer().node {
            let (wire, mut over) = (Arc::clone(wire), connection.over());
            tokio::spawn(async move {
                let ended = over.wait_for(Option::is_some).await.map(|end| *end);
                if let Ok(Some(End::Theirs)) = ended {
                    wire.closed(node);
                }
            });
        }
        Ok(connection)
    }

    async fn dial(&self) -> Result<TcpStream, Dead> {
        let addresses = lookup_host(&self.address).await.map_err(|error| Dead::Other(error.to_string()))?;
        let mut last = Dead::Other("the name has no address".to_owned());
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(tcp) => {
                    let _ = tcp.set_nodelay(true);
                    return Ok(tcp);
                }
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => last = Dead::Closed,
                Err(error) => last = Dead::Other(error.to_string()),
            }
        }
        Err(last)
    }

    fn refused(&self, why: Refused) -> Dead {
        self.wire.counters.refused(why, &self.address);
        Dead::Refused(why)
    }
}
