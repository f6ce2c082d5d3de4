//! Accepting connections.
//!
//! Invariants: never more connections than allowed, and no address has more than half of them; one too many is closed
//! at once, so its client need not wait.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::connection::serve_connection;
use super::responder::Responder;
use crate::dns::answer::{Carrier, Peer};

/// Pause after a failure to accept, such as for want of file descriptors.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Counts connections.
#[derive(Debug)]
pub(super) struct Admission {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A counted connection; it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), open: Mutex::default() })
    }

    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let mut open = self.open.lock();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        if open.total >= self.most || of_address >= self.most.div_ceil(2) {
            return None;
        }
        open.total += 1;
        open.by_address.insert(address, of_address + 1);
        drop(open);
        Some(Admitted { admission: Arc::clone(self), address })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock();
        open.total -= 1;
        let left = open.by_address.get_mut(&self.address).map(|count| {
            *count -= 1;
            *count
        });
        if left == Some(0) {
            open.by_address.remove(&self.address);
        }
    }
}

/// The task that accepts on one address.
pub(super) struct Acceptor {
    pub(super) listener: TcpListener,
    pub(super) responder: Arc<Responder>,
    pub(super) admission: Arc<Admission>,
    pub(super) limits: Limits,
    pub(super) tasks: TaskTracker,
}

impl Acceptor {
    pub(super) async fn run(self, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, from)) => self.serve(stream, from, &stop),
                Err(error) => {
                    tracing::debug!(%error, "cannot accept");
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    fn serve(&self, stream: TcpStream, from: SocketAddr, stop: &CancellationToken) {
        let Some(admitted) = self.admission.admit(from.ip()) else {
            tracing::debug!(%from, "too many connections: closed");
            return;
        };
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let peer = Peer { address: from, carrier: Carrier::Tcp };
        let serving = serve_connection(stream, peer, Arc::clone(&self.responder), self.limits, stop.clone());
        self.tasks.spawn(async move {
            serving.await;
            drop(admitted);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_never_takes_all_connections() {
        let admission = Admission::new(4);
        let address = |n| IpAddr::from([192, 0, 2, n]);
        let first: Vec<_> = (0..4).filter_map(|_| admission.admit(address(1))).collect();
        assert_eq!(first.len(), 2);
        let others: Vec<_> = (2..9).filter_map(|n| admission.admit(address(n))).collect();
        assert_eq!(others.len(), 2);
        drop(first);
        assert!(admission.admit(address(1)).is_some());
        drop(others);
        let open = admission.open.lock();
        assert_eq!((open.total, open.by_address.len()), (0, 0));
    }
}
