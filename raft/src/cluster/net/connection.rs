//! One connection to a peer, on which any number of requests are under way.
//!
//! **Invariants**: a request is answered, refused or given up by its time limit; when the connection ends, everything that
//! waits on it fails at once. A connection on which nothing is heard for [`Pace::dead`] is ended. It ends when the last
//! handle is dropped.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::{oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    counters::{Counters, Refused, one_more},
    envelope::{self, Envelope, Fault, Lane},
    frame::{FrameReader, Seal},
    handshake::{Party, Secured},
    outbox::{Bound, NotTaken, Outbox},
};

/// Signs of life on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// After so much silence the caller asks whether anybody is there.
    pub(crate) ask: Duration,
    /// After so much silence nobody is.
    pub(crate) dead: Duration,
    /// How long the other side may take to take what is written.
    pub(crate) write: Duration,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// It was not sent.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It was not sent, since nobody listens at the address any more.
    #[error("nobody listens there")]
    Gone,
    /// The connection ended before the answer came.
    #[error("the connection ended")]
    Lost,
    /// The answer did not come in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It is too large to be sent.
    #[error("{bytes} bytes, at most {limit} can be sent")]
    TooLarge { bytes: usize, limit: usize },
    /// Too much waits to be sent.
    #[error("too much waits to be sent")]
    Full,
    /// It was refused.
    #[error("{0}")]
    Fault(#[from] Fault),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed it, or its system did.
    Theirs,
    /// Nothing was heard any more, nothing could be written, or nonsense was heard.
    Broken,
    /// This side gave it up.
    Ours,
}

type Waiters = HashMap<u64, oneshot::Sender<Result<Bytes, Fault>>>;

struct Shared {
    outbox: Arc<Outbox>,
    waiters: Mutex<Option<Waiters>>,
    next: AtomicU64,
    over: watch::Sender<Option<End>>,
    peer: Party,
    limit: usize,
}

impl Shared {
    fn waiters(&self) -> MutexGuard<'_, Option<Waiters>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self, how: End) {
        self.outbox.close();
        self.waiters().take();
        self.over.send_replace(Some(how));
    }

    fn settle(&self, id: u64, outcome: Result<Bytes, Fault>) {
        let waiter = self.waiters().as_mut().and_then(|waiters| waiters.remove(&id));
        if let Some(waiter) = waiter {
            // Whoever asked may have given up.
            let _ = waiter.send(outcome);
        }
    }
}

/// Ends the connection with the last handle.
struct Handles(Arc<Shared>);

impl Drop for Handles {
    fn drop(&mut self) {
        self.0.outbox.close();
    }
}

/// A handle on a connection; clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
    handles: Arc<Handles>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("peer", &self.handles.0.peer).finish_non_exhaustive()
    }
}

/// Forgets a request that is not waited for any more.
struct Asked<'a>(&'a Shared, u64);

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let Some(waiters) = self.0.waiters().as_mut() {
            waiters.remove(&self.1);
        }
    }
}

impl Connection {
    /// Starts the traffic on a connection; must be called within a tokio runtime.
    pub(crate) fn start<S: AsyncRead + AsyncWrite + Send + 'static>(
        secured: Secured<S>,
        bound: Bound,
        limit: usize,
        pace: Pace,
        counters: Arc<Counters>,
    ) -> Self {
        let Secured { peer, reader, writer, seal } = secured;
        let shared = Arc::new(Shared {
            outbox: Arc::new(Outbox::new(bound)),
            waiters: Mutex::new(Some(HashMap::new())),
            next: AtomicU64::new(1),
            over: watch::Sender::new(None),
            peer,
            limit,
        });
        let running = Arc::clone(&shared);
        tokio::spawn(async move {
            let outbox = Arc::clone(&running.outbox);
            let receive = |payload| match envelope::read(payload) {
                Some(Envelope::Answer(id, body)) => {
                    running.settle(id, Ok(body));
                    true
                }
                Some(Envelope::Fault(id, fault)) => {
                    running.settle(id, Err(fault));
                    true
                }
                Some(Envelope::Pong) => true,
                Some(Envelope::Request(_) | Envelope::Ping) | None => false,
            };
            let end =
                traffic(reader, writer, seal, &outbox, pace, true, &counters, &running.peer, receive).await;
            running.end(end);
        });
        Self { handles: Arc::new(Handles(shared)) }
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> &Party {
        &self.handles.0.peer
    }

    pub(crate) fn is_over(&self) -> bool {
        self.handles.0.over.borrow().is_some()
    }

    /// Tells when the connection has ended, without keeping it.
    pub(crate) fn over(&self) -> watch::Receiver<Option<End>> {
        self.handles.0.over.subscribe()
    }

    /// Asks and waits for the answer.
    pub(crate) async fn call(
        &self,
        lane: Lane,
        schema: u16,
        body: &[u8],
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        let shared = &*self.handles.0;
        let bytes = body.len() + envelope::OVERHEAD;
        if bytes > shared.limit {
            return Err(CallError::TooLarge { bytes, limit: shared.limit });
        }
        let id = shared.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        match shared.waiters().as_mut() {
            Some(waiters) => waiters.insert(id, tell),
            None => return Err(CallError::Unreachable("the connection ended".to_owned())),
        };
        let _asked = Asked(shared, id);
        match shared.outbox.put(envelope::request(id, lane, schema, limit, body)) {
            Ok(()) => {}
            Err(NotTaken::Full) => return Err(CallError::Full),
            Err(NotTaken::Closed) => {
                return Err(CallError::Unreachable("the connection ended".to_owned()));
            }
        }
        match timeout(limit, told).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(CallError::Lost),
            Err(_) => Err(CallError::TimedOut(limit)),
        }
    }
}

/// Carries frames both ways until the connection fails, falls silent or is given up by either side. `receive` says whether
/// a payload was one that may come.
#[expect(
    clippy::too_many_arguments,
    reason = "the two ends of a connection share this loop and nothing else"
)]
pub(super) async fn traffic<R, W>(
    mut reader: FrameReader<R>,
    mut writer: W,
    mut seal: Seal,
    outbox: &Outbox,
    pace: Pace,
    asks: bool,
    counters: &Counters,
    peer: &Party,
    mut receive: impl FnMut(Bytes) -> bool,
) -> End
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let heard = Mutex::new(Instant::now());
    let reading = async {
        loop {
            match reader.next().await {
                Ok(payload) => {
                    *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    one_more(&counters.frames_in);
                    counters.bytes_in.fetch_add(payload.len() as u64, Ordering::Relaxed);
                    if !receive(payload) {
                        counters.refused(Refused::Malformed, &peer.name);
                        return End::Broken;
                    }
                }
                Err(error) => {
                    tracing::debug!(peer = peer.name, %error, "a connection between nodes ended");
                    if error.is_misconduct() {
                        counters.refused(Refused::Malformed, &peer.name);
                        return End::Broken;
                    }
                    return End::Theirs;
                }
            }
        }
    };
    let writing = async {
        while let Some(payloads) = outbox.take().await {
            let mut out = BytesMut::new();
            for payload in &payloads {
                seal.write(payload, &mut out);
            }
            counters.frames_out.fetch_add(payloads.len() as u64, Ordering::Relaxed);
            counters.bytes_out.fetch_add(out.len() as u64, Ordering::Relaxed);
            drop(payloads);
            let written = timeout(pace.write, async {
                writer.write_all(&out).await?;
                writer.flush().await
            });
            if !matches!(written.await, Ok(Ok(()))) {
                return End::Broken;
            }
        }
        End::Ours
    };
    let listening = async {
        loop {
            sleep(pace.ask).await;
            let quiet = heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
            if quiet >= pace.dead {
                one_more(&counters.silent);
                tracing::info!(peer = peer.name, "nothing is heard of a node any more");
                return End::Broken;
            }
            if asks && quiet >= pace.ask / 2 {
                // A full queue is a sign of life to come.
                let _ = outbox.put(envelope::ping());
            }
        }
    };
    tokio::select! {
        end = reading => end,
        end = writing => end,
        end = listening => end,
    }
}
