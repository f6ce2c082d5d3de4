//! Who waits for what: messages sent and not yet answered or, where acceptance is enough, confirmed.
//!
//! Invariants: bounded in number; every waiter is told exactly once, at the latest when the connection ends, and nobody
//! is registered on a connection that has ended.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use lapin::Consumer;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{error, properties};
use crate::transport::fault::Fault;
use crate::transport::frame;
use crate::transport::payload::{Payload, Want};

/// How many may wait at a time.
const CAPACITY: usize = 16_384;

/// Resolves to the outcome of one message.
pub(super) type Outcome = oneshot::Receiver<Result<Payload, Fault>>;

/// The waiters of one connection.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiters: HashMap<u64, Waiter>,
    last: u64,
    ended: bool,
}

#[derive(Debug)]
struct Waiter {
    service: &'static str,
    want: Want,
    tell: oneshot::Sender<Result<Payload, Fault>>,
}

impl Waiting {
    /// One more waiter, and the number that its message goes by.
    pub(super) fn register(
        self: &Arc<Self>,
        service: &'static str,
        want: Want,
    ) -> Result<(Place, Outcome), Fault> {
        let mut state = self.0.lock();
        if state.ended {
            return Err(error::away());
        }
        if state.waiters.len() >= CAPACITY {
            return Err(Fault::overloaded(service));
        }
        state.last += 1;
        let number = state.last;
        let (tell, outcome) = oneshot::channel();
        state.waiters.insert(number, Waiter { service, want, tell });
        drop(state);
        Ok((Place { waiting: Arc::clone(self), number }, outcome))
    }

    /// Tells the waiter its outcome, if it still waits.
    pub(super) fn settle(&self, number: u64, outcome: Result<Payload, Fault>) {
        self.tell(number, |_| outcome);
    }

    /// The broker has the message: enough for some.
    pub(super) fn confirmed(&self, number: u64) {
        let mut state = self.0.lock();
        if state.waiters.get(&number).is_some_and(|waiter| waiter.want == Want::Acceptance)
            && let Some(waiter) = state.waiters.remove(&number)
        {
            drop(waiter.tell.send(Ok(Payload::Accepted)));
        }
    }

    /// The broker found no queue for the message.
    pub(super) fn returned(&self, number: u64) {
        self.tell(number, |service| Err(Fault::unreachable(service)));
    }

    /// The queue for the message is full.
    pub(super) fn refused(&self, number: u64) {
        self.tell(number, |service| Err(Fault::overloaded(service)));
    }

    /// The connection has ended: whoever waits waits in vain.
    pub(super) fn end(&self) {
        let waiters = {
            let mut state = self.0.lock();
            state.ended = true;
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters.into_values() {
            drop(waiter.tell.send(Err(error::lost())));
        }
    }

    fn tell(&self, number: u64, outcome: impl FnOnce(&'static str) -> Result<Payload, Fault>) {
        let waiter = self.0.lock().waiters.remove(&number);
        if let Some(Waiter { service, tell, .. }) = waiter {
            // A caller that went away does not want to know; that is no failure.
            drop(tell.send(outcome(service)));
        }
    }
}

/// The place of one waiter; leaving it means not to wait any more.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    pub(super) number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.waiting.0.lock().waiters.remove(&self.number);
    }
}

/// Hands answers to those who wait for them until there come no more.
pub(super) async fn hand_out(mut answers: Consumer, waiting: Arc<Waiting>) {
    while let Some(Ok(answer)) = answers.next().await {
        if let Some(number) = properties::number(&answer.properties) {
            waiting.settle(number, frame::read_reply(&Bytes::from(answer.data)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_a_connection_tells_everybody() {
        let waiting = Arc::new(Waiting::default());
        let (_place, call) = waiting.register("probe", Want::Reply).unwrap();
        let (place, cast) = waiting.register("probe", Want::Acceptance).unwrap();
        waiting.confirmed(place.number);
        waiting.end();
        assert!(call.await.unwrap().unwrap_err().maybe_done);
        assert!(cast.await.unwrap().is_ok());
        assert!(!waiting.register("probe", Want::Reply).unwrap_err().maybe_done);
    }

    #[tokio::test]
    async fn who_went_away_leaves_no_place_taken() {
        let waiting = Arc::new(Waiting::default());
        drop(waiting.register("probe", Want::Reply).unwrap());
        assert!(waiting.0.lock().waiters.is_empty());
        let places: Vec<_> = (0..CAPACITY).map(|_| waiting.register("probe", Want::Reply).unwrap()).collect();
        assert_eq!(waiting.register("probe", Want::Reply).unwrap_err(), Fault::overloaded("probe"));
        drop(places);
        assert!(waiting.register("probe", Want::Reply).is_ok());
    }
}
