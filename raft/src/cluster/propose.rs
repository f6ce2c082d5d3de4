//! Gets a batch decided: here if this node leads, otherwise by the leader.
//!
//! **Invariant**: a batch is sent again only if no earlier copy of it can be decided after the last.
use std::time::Duration;

use openraft::error::{ClientWriteError, RaftError};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    gather::{Decide, unavailable, unknown},
    network::CallError,
    node::Node,
    peer::{LinkError, Refusal, Request, Response},
    types::{Answer, Batch, NodeId, Peer},
};
use crate::{CoordError, Ledger, command::Command};

/// How long to wait for a leader to be known.
const PAUSE: Duration = Duration::from_millis(10);

/// How one attempt ended.
enum Attempt {
    Done(Answer),
    /// Not decided so far; perhaps next time.
    Again(String),
    Failed(CoordError),
}

impl Decide for Node {
    async fn decide(&self, batch: Batch, deadline: Instant) -> Result<Answer, CoordError> {
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

    fn copy(&self) -> &Ledger {
        &self.ledger
    }
}

impl Node {
    async fn decide_here(&self, batch: Batch, deadline: Instant) -> Attempt {
        if let Err(reason) = self.may_grant() {
            return Attempt::Again(reason);
        }
        if let Some(incarnation) = self.overdue_incarnation() {
            let first = Batch::from_iter([Command::Incarnate { incarnation }.into()]);
            if !matches!(timeout_at(deadline, self.raft.client_write(first)).await, Ok(Ok(_))) {
                return Attempt::Again("tokens cannot be raised yet".to_owned());
            }
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
