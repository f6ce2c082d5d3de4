//! Receiving and answering datagrams.
//!
//! Invariants: what memory can answer is answered at once, in the receiving task; what has to wait does so in tasks of
//! which there are only so many, and beyond that is dropped, as UDP may.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::responder::{Reply, Responder};
use crate::dns::answer::{Carrier, Outcome, Peer};

/// Octets of a request that are looked at. There is no good reason for longer ones.
const LONGEST_REQUEST: usize = 4096;
/// Datagrams answered before other tasks get their turn.
const BATCH: usize = 64;
/// Pause after an error of the socket itself.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// One of the tasks that receive from a socket.
pub(super) struct Receiver {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) responder: Arc<Responder>,
    pub(super) waiting: Arc<Semaphore>,
    pub(super) tasks: TaskTracker,
}

impl Receiver {
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut request = vec![0; LONGEST_REQUEST];
        let mut answer = Vec::with_capacity(LONGEST_REQUEST);
        loop {
            let readable = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                readable = self.socket.readable() => readable,
            };
            if readable.is_err() {
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            for _ in 0..BATCH {
                match self.socket.try_recv_from(&mut request) {
                    Ok((length, from)) => {
                        let request = request.get(..length).unwrap_or_default();
                        self.answer(request, from, &mut answer).await;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Such as an ICMP message about an earlier answer: of no concern to the next request.
                    Err(error) => {
                        tracing::debug!(%error, "cannot receive");
                        break;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }

    async fn answer(&self, request: &[u8], from: SocketAddr, answer: &mut Vec<u8>) {
        // Nobody can be reached at port 0.
        if from.port() == 0 {
            return;
        }
        let peer = Peer { address: from, carrier: Carrier::Udp };
        answer.clear();
        match self.responder.respond_now(request, &peer, answer) {
            Some(Outcome::Answered) => send(&self.socket, answer, from).await,
            Some(Outcome::Silent | Outcome::Transfer(_)) => {}
            None => {
                let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() else {
                    tracing::debug!("too many queries waiting: dropped");
                    return;
                };
                let (socket, responder) = (Arc::clone(&self.socket), Arc::clone(&self.responder));
                let request = request.to_vec();
                self.tasks.spawn(async move {
                    if let Reply::Message(answer) = responder.respond(&request, &peer, 0).await {
                        send(&socket, &answer, from).await;
                    }
                    drop(permit);
                });
            }
        }
    }
}

/// Sends an answer; one that cannot be sent is lost, as UDP may.
async fn send(socket: &UdpSocket, answer: &[u8], to: SocketAddr) {
    let sent = match socket.try_send_to(answer, to) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => socket.send_to(answer, to).await,
        sent => sent,
    };
    if let Err(error) = sent {
        tracing::debug!(%error, %to, "cannot send");
    }
}
