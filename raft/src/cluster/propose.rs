//! Gathers waiting commands and gets them decided, here or by the leader.
//!
//! **Invariants**: one batch is under way at a time; what comes meanwhile goes together into the next. A batch is sent
//! again only if no earlier copy of it can be decided after the last. Nobody waits longer than the limit: what is still open then is unknown.
use std::{sync::Weak, time::Duration};

use openraft::error::{ClientWriteError, RaftError};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout_at},
};

use super::{
    network::CallError,
    node::Node,
    peer::{LinkError, Refusal, Request, Response},
    types::{Answer, Batch, NodeId, Peer},
};
use crate::{Applied, CoordError, Index, command::Entry};

/// Commands in one batch.
pub(crate) const BATCH: usize = 256;
/// Commands that may wait.
pub(crate) const QUEUE: usize = 16_384;
/// How long to wait for a leader to be known.
const PAUSE: Duration = Duration::from_millis(10);

/// Commands that wait to be decided, all by one caller.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) commands: Vec<Entry>,
    pub(crate) deadline: Instant,
    pub(crate) done: oneshot::Sender<Result<Answer, CoordError>>,
}

/// Decides what waits until the node is gone.
pub(crate) async fn run(node: Weak<Node>, mut queue: mpsc::Receiver<Waiting>) {
    while let Some(first) = queue.recv().await {
        let mut size = first.commands.len();
        let mut batch = vec![first];
        while size < BATCH
            && let Ok(next) = queue.try_recv()
        {
            size += next.commands.len();
            batch.push(next);
        }
        let Some(node) = node.upgrade() else { return };
        node.decide_all(batch).await;
    }
}

/// How one attempt ended.
enum Attempt {
    Done(Answer),
    /// Not decided so far; perhaps next time.
    Again(String),
    Failed(CoordError),
}

fn unavailable(reason: impl Into<String>) -> CoordError {
    CoordError::Unavailable { reason: reason.into() }
}

fn unknown(reason: impl Into<String>) -> CoordError {
    CoordError::Unknown { reason: reason.into() }
}

impl Node {
    async fn decide_all(self: std::sync::Arc<Self>, waiting: Vec<Waiting>) {
        let now = Instant::now();
        let waiting: Vec<Waiting> = waiting.into_iter().filter(|one| !one.done.is_closed()).collect();
        let (live, late): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| one.deadline > now);
        for one in late {
            drop(one.done.send(Err(unavailable("nobody decided in time"))));
        }
        let Some(deadline) = live.iter().map(|one| one.deadline).min() else { return };
        let batch: Batch = live.iter().flat_map(|one| one.commands.iter().cloned()).collect();
        match self.decide(batch, deadline).await {
            // What was decided elsewhere reaches this copy a little later, which is no reason to keep the next batch waiting.
            Ok(answer) if self.ledger.look(crate::machine::State::applied) < last(&answer) => {
                tokio::spawn(async move {
                    match timeout_at(deadline, self.ledger.reached(last(&answer))).await {
                        Ok(()) => hand_out(live, answer),
                        Err(_) => fail(live, || unknown("decided, but not seen here in time")),
                    }
                });
            }
            Ok(answer) => hand_out(live, answer),
            Err(CoordError::Unknown { reason }) => fail(live, || unknown(reason.clone())),
            Err(error) => fail(live, || unavailable(error.to_string())),
        }
    }

    /// Gets a batch decided by whoever leads.
    pub(crate) async fn decide(&self, batch: Batch, deadline: Instant) -> Result<Answer, CoordError> {
        loop {
            let attempt = match self.leader() {
                Some((id, _)) if id == self.id => self.decide_here(batch.clone(), deadline).await,
                Some((id, peer)) => self.decide_there(id, &peer, batch.clone(), deadline).await,
                None => Attempt::Again("no leader is known".to_owned()),
            };
            match attempt {
                Attempt::Done(answer) => return Ok(answer),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again(reason) if Instant::now() + PAUSE >= deadline => {
                    return Err(unavailable(reason));
                }
                Attempt::Again(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn decide_here(&self, batch: Batch, deadline: Instant) -> Attempt {
        if let Err(reason) = self.may_grant() {
            return Attempt::Again(reason);
        }
        match timeout_at(deadline, self.raft.client_write(batch)).await {
            Ok(Ok(written)) => Attempt::Done(written.data),
            // It was refused, or overruled by a new leader. In the second case it may be decided yet, but then before its
            // repetition: both are entries of one log, and the caller hears of the later one only.
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => {
                Attempt::Again("not the leader".to_owned())
            }
            Ok(Err(error)) => Attempt::Failed(unknown(error.to_string())),
            Err(_) => Attempt::Failed(unknown("not decided in time")),
        }
    }

    async fn decide_there(&self, id: NodeId, peer: &Peer, batch: Batch, deadline: Instant) -> Attempt {
        let limit = deadline.saturating_duration_since(Instant::now());
        match self.voice.ask(Some(id), peer, Request::Submit(batch), limit).await {
            Ok(Response::Decided(answer)) => Attempt::Done(answer),
            Ok(_) => Attempt::Failed(unknown("the leader answered something else")),
            Err(CallError::Refused(Refusal::NotLeader { .. } | Refusal::Unavailable { .. })) => {
                Attempt::Again("the leader does not lead any more".to_owned())
            }
            Err(CallError::Link(error @ (LinkError::Gone { .. } | LinkError::Unreachable { .. }))) => {
                Attempt::Again(error.to_string())
            }
            Err(CallError::Refused(refusal)) => Attempt::Failed(unavailable(refusal.to_string())),
            Err(error) => Attempt::Failed(unknown(error.to_string())),
        }
    }
}

/// Index of the last command.
fn last(answer: &Answer) -> Index {
    Index((answer.first.0 + answer.replies.len() as u64).saturating_sub(1))
}

fn hand_out(waiting: Vec<Waiting>, answer: Answer) {
    let mut replies = answer.replies.into_iter();
    let mut first = answer.first;
    for one in waiting {
        let count = one.commands.len();
        let part = Answer { first, replies: replies.by_ref().take(count).collect() };
        first = Index(first.0 + count as u64);
        let complete = part.replies.len() == count;
        // Whoever waited may have given up.
        drop(one.done.send(if complete { Ok(part) } else { Err(unknown("replies are missing")) }));
    }
}

fn fail(waiting: Vec<Waiting>, error: impl Fn() -> CoordError) {
    for one in waiting {
        drop(one.done.send(Err(error())));
    }
}

impl TryFrom<Answer> for Applied {
    type Error = CoordError;

    fn try_from(answer: Answer) -> Result<Self, CoordError> {
        let reply = answer.replies.into_iter().next().ok_or_else(|| unknown("the reply is missing"))?;
        Ok(Self { index: answer.first, reply })
    }
}
