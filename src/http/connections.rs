//! Ends connections that are held without being used: a request after the first that never gets complete, an answer
//! that is never read. (actix-web limits the time of the first head and of an idle connection only.)
//!
//! Invariants: while a request is served its connection is left alone; between two requests it lives no longer than
//! the patience, plus one round; a connection that is gone leaves nothing behind after the next round.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::{Arc, Weak};
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::web;
use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Api;
use super::traffic::Counters;

/// The pause between two rounds at the end.
const ROUND: Duration = Duration::from_millis(50);
/// How long a connection without a request may stand at the end: its client may have sent one.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// All connections of one server.
#[derive(Debug)]
pub(super) struct Connections {
    open: Mutex<Vec<Weak<Connection>>>,
    patience: Duration,
    counters: Arc<Counters>,
}

/// One connection: a second handle of its socket, and since when no request of it is being served.
#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    waiting_since: Mutex<Option<Instant>>,
}

impl Connections {
    /// None yet; `patience` is the time between two requests, writing the answer and reading the head included.
    pub(super) const fn new(patience: Duration, counters: Arc<Counters>) -> Self {
        Self { open: Mutex::new(Vec::new()), patience, counters }
    }

    /// Takes up a new connection. If the process has no handle left for it, it goes unwatched.
    pub(super) fn opened(&self, io: &dyn Any, data: &mut Extensions) {
        data.insert(self.counters.connection());
        let Some(io) = io.downcast_ref::<actix_web::rt::net::TcpStream>() else { return };
        let Ok(handle) = io.as_fd().try_clone_to_owned() else { return };
        let waiting_since = Mutex::new(Some(Instant::now()));
        let connection = Arc::new(Connection { socket: TcpStream::from(handle), waiting_since });
        self.open.lock().push(Arc::downgrade(&connection));
        data.insert(connection);
    }

    /// Ends, round after round, what has waited for too long. Never resolves.
    pub(super) async fn watch(&self) {
        let mut rounds =
            interval((self.patience / 4).clamp(Duration::from_millis(50), Duration::from_secs(5)));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            self.end(self.patience, Shutdown::Both);
        }
    }

    /// Ends, round after round, what no request is on, except for what is so new that one may be on its way. Never
    /// resolves.
    pub(super) async fn end_idle(&self) {
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            // An answer that is being taken is left to be taken.
            self.end(ON_ITS_WAY, Shutdown::Read);
        }
    }

    /// Ends what has waited for longer than `patience`.
    fn end(&self, patience: Duration, how: Shutdown) {
        let now = Instant::now();
        self.open.lock().retain(|connection| {
            let Some(connection) = connection.upgrade() else { return false };
            let waited = connection.waiting_since.lock().map(|since| now.saturating_duration_since(since));
            let overdue = waited.is_some_and(|waited| waited > patience);
            if overdue && let Err(error) = connection.socket.shutdown(how) {
                tracing::debug!(%error, "connection was gone already");
            }
            !overdue
        });
    }
}

/// Marks the connection as in use while a request is served, and lets it end with the answer while the API is withdrawn;
/// middleware around the whole application.
pub(super) async fn in_use(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let connection = request.conn_data::<Arc<Connection>>().cloned();
    let _in_use = connection.as_deref().map(InUse::of);
    let mut response = next.call(request).await?;
    let api = response.request().app_data::<web::Data<Api>>();
    if api.is_some_and(|api| api.is_withdrawn()) {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Until it is dropped, a request is being served.
struct InUse<'c>(&'c Connection);

impl<'c> InUse<'c> {
    fn of(connection: &'c Connection) -> Self {
        *connection.waiting_since.lock() = None;
        Self(connection)
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        *self.0.waiting_since.lock() = Some(Instant::now());
    }
}
