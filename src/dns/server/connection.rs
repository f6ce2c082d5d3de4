//! One connection (RFC 7766): messages with their length in front, any number of them, answered as they get ready.
//!
//! Works on any stream of octets, so TLS can stand in front.
//!
//! Invariants: requests under way and answers not yet taken are bounded; beyond that nothing more is read. Time limits
//! cover waiting for a request, receiving it and sending answers; ending the connection cancels what is under way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Limits;
use super::responder::{Reply, Responder};
use crate::dns::answer::{Outcome, Peer};

/// Requests of one connection that wait for the database, or are transfers, at once.
const UNDER_WAY: usize = 32;
/// Answers waiting to be sent.
const QUEUE: usize = 16;
/// Answers are sent together up to this size.
const SEGMENT: usize = 16 * 1024;
const PREFIX: usize = 2;

/// Answers the requests of a connection until the client closes it or is idle too long, or until `stop` is cancelled
/// and all that was asked is answered.
pub async fn serve_connection<S>(
    stream: S,
    peer: Peer,
    responder: Arc<Responder>,
    limits: Limits,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (input, output) = tokio::io::split(stream);
    let (answers, queue) = mpsc::channel(QUEUE);
    let mut sending = std::pin::pin!(send_answers(output, queue, limits.send));
    let connection = Connection { peer, responder: &responder, answers, limits };
    tokio::select! {
        ended = &mut sending => log_end(&peer, ended),
        () = connection.answer_all(input, &stop) => log_end(&peer, sending.await),
    }
}

fn log_end(peer: &Peer, ended: io::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(from = %peer.address, %error, "connection lost");
    }
}

struct Connection<'r> {
    peer: Peer,
    responder: &'r Responder,
    answers: mpsc::Sender<Vec<u8>>,
    limits: Limits,
}

impl Connection<'_> {
    async fn answer_all<R: AsyncRead + Unpin>(self, mut input: R, stop: &CancellationToken) {
        let mut received = BytesMut::new();
        let mut under_way = FuturesUnordered::new();
        let mut deadline = Instant::now() + self.limits.receive;
        loop {
            while under_way.len() < UNDER_WAY
                && let Some(request) = take_message(&mut received)
            {
                deadline = Instant::now() + self.limits.receive;
                let mut answer = vec![0; PREFIX];
                match self.responder.respond_now(&request, &self.peer, &mut answer) {
                    Some(Outcome::Answered) => {
                        prefix(&mut answer);
                        if self.answers.send(answer).await.is_err() {
                            return;
                        }
                    }
                    Some(Outcome::Silent) => {}
                    Some(Outcome::Transfer(_)) | None => under_way.push(self.answer_later(request)),
                }
            }
            let may_read = under_way.len() < UNDER_WAY;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(()) = under_way.next() => deadline = deadline.max(Instant::now() + self.limits.receive),
                read = timeout_at(deadline, input.read_buf(&mut received)), if may_read => match read {
                    Ok(Ok(1..)) => {}
                    Ok(Ok(0)) => break,
                    Ok(Err(_)) => return,
                    // Who waits for an answer is not idle.
                    Err(_) if received.is_empty() && !under_way.is_empty() => {
                        deadline = Instant::now() + self.limits.receive;
                    }
                    Err(_) => break,
                },
            }
        }
        while under_way.next().await.is_some() {}
    }

    async fn answer_later(&self, request: BytesMut) {
        match self.responder.respond(&request, &self.peer, PREFIX).await {
            Reply::Silent => {}
            Reply::Message(mut answer) => {
                prefix(&mut answer);
                // An error means that the connection is ending.
                drop(self.answers.send(answer).await);
            }
            Reply::Transfer(transfer) => self.responder.transfer(&transfer, &self.answers).await,
        }
    }
}

/// The next message, if all of it is there.
fn take_message(received: &mut BytesMut) -> Option<BytesMut> {
    let length = usize::from(u16::from_be_bytes(*received.first_chunk()?));
    if received.len() < PREFIX + length {
        return None;
    }
    received.advance(PREFIX);
    Some(received.split_to(length))
}

fn prefix(answer: &mut [u8]) {
    let length = u16::try_from(answer.len().saturating_sub(PREFIX)).unwrap_or(0);
    if let Some(front) = answer.first_chunk_mut() {
        *front = length.to_be_bytes();
    }
}

/// Sends what comes until all senders are gone.
async fn send_answers<W: AsyncWrite + Unpin>(
    mut output: W,
    mut queue: mpsc::Receiver<Vec<u8>>,
    limit: Duration,
) -> io::Result<()> {
    let mut waiting = Vec::with_capacity(QUEUE);
    while queue.recv_many(&mut waiting, QUEUE).await > 0 {
        let mut rest = &*waiting;
        while let Some((first, others)) = rest.split_first() {
            // One segment for many small answers; the limit is for one large one.
            let mut size = first.len();
            let more = others.iter().take_while(|answer| {
                size += answer.len();
                size <= SEGMENT
            });
            let (together, later) = rest.split_at(1 + more.count());
            match together {
                [only] => timeout(limit, output.write_all(only)).await??,
                several => timeout(limit, output.write_all(&several.concat())).await??,
            }
            rest = later;
        }
        waiting.clear();
    }
    timeout(limit, output.shutdown()).await?
}
