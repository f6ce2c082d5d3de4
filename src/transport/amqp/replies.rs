//! Who waits for what: messages sent and not yet answered or, where acceptance is enough, confirmed.
//!
//! Invariants: bounded in number; every waiter is told exactly once, at the latest when the connection ends, and nobody
//! is registered on a connection that has ended.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use lapin::Consumer;
use lapin::types::ShortString;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::presence::{Served, Standing};
use super::slot::Slot;
use super::{error, properties};
use crate::domain::ids::InstanceId;
use crate::transport::address::{Address, Endpoint};
use crate::transport::fault::{Fault, FaultCode};
use crate::transport::frame;
use crate::transport::payload::{Parcel, Payload, Want};

/// How many may wait at a time.
const CAPACITY: usize = 16_384;
/// How many messages may be sent to another instance as well at a time.
const SPARES: usize = 64;

/// The waiters of one connection.
#[derive(Debug)]
pub(super) struct Waiting {
    state: Mutex<State>,
    /// There is somebody to look after.
    pub(super) due: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) waiters: HashMap<u64, Waiter>,
    pub(super) standing: Standing,
    /// Nobody looks after the waiters until [`Waiting::due`].
    pub(super) idle: bool,
    spares: usize,
    last: u64,
    ended: bool,
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) errand: Errand,
    pub(super) since: Instant,
    pub(super) slot: Arc<Slot>,
    /// Another message does for it.
    pub(super) doubled: bool,
    /// It is that other message.
    spare: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Errand {
    pub(super) service: &'static str,
    pub(super) want: Want,
    /// Whichever instance has room may do it.
    pub(super) anywhere: bool,
    /// Only this instance may.
    pub(super) instance: Option<InstanceId>,
    /// It may be run a second time.
    pub(super) again: bool,
}

impl Errand {
    /// What is waited for when a parcel is sent.
    pub(super) fn of(to: Address, parcel: &Parcel) -> Self {
        let instance = match to {
            Address::One(_, instance) => Some(instance),
            Address::Any(_) | Address::All(_) => None,
        };
        let anywhere = matches!(to, Address::Any(_));
        Self { service: to.service(), want: parcel.want, anywhere, instance, again: parcel.repeatable }
    }

    /// Somebody waits for whichever instance there is.
    pub(super) fn is_call_to_any(&self) -> bool {
        self.anywhere && self.want == Want::Reply
    }

    /// The one instance that somebody waits for.
    pub(super) fn addressee(&self) -> Option<Endpoint> {
        let instance = self.instance.filter(|_| self.want == Want::Reply)?;
        Some(Endpoint { service: self.service, instance })
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self { state: Mutex::new(State { idle: true, ..State::default() }), due: Notify::new() }
    }
}

impl Waiting {
    /// One more waiter.
    pub(super) fn register(self: &Arc<Self>, errand: Errand) -> Result<Place, Fault> {
        let mut state = self.state.lock();
        if errand.is_call_to_any() && state.standing.is_deserted(errand.service) {
            return Err(Fault::unreachable(errand.service));
        }
        self.enter(&mut state, errand, Arc::default(), false)
    }

    /// A second message for one that waits. `None` if there are many of them, or its own connection is no more.
    pub(super) fn register_spare(self: &Arc<Self>, errand: Errand, slot: &Arc<Slot>) -> Option<Place> {
        let mut state = self.state.lock();
        if state.spares >= SPARES {
            return None;
        }
        let place = self.enter(&mut state, errand, Arc::clone(slot), true).ok()?;
        state.spares += 1;
        Some(place)
    }

    fn enter(
        self: &Arc<Self>,
        state: &mut State,
        errand: Errand,
        slot: Arc<Slot>,
        spare: bool,
    ) -> Result<Place, Fault> {
        if state.ended {
            return Err(error::away());
        }
        if state.waiters.len() >= CAPACITY {
            return Err(Fault::overloaded(errand.service));
        }
        state.last += 1;
        let number = state.last;
        let waiter = Waiter { errand, since: Instant::now(), slot: Arc::clone(&slot), doubled: spare, spare };
        state.waiters.insert(number, waiter);
        if state.idle {
            state.idle = false;
            self.due.notify_one();
        }
        Ok(Place { waiting: Arc::clone(self), number, slot })
    }

    /// Looks after the waiters.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock())
    }

    /// Tells the waiter that nothing will come, if it still waits.
    pub(super) fn settle(&self, number: u64, fault: Fault) {
        let waiter = self.state.lock().take(number);
        if let Some(Waiter { slot, spare: false, .. }) = waiter {
            slot.settle(Err(fault));
        }
    }

    /// Tells the waiter the answer that came for it from an instance.
    fn answer(&self, number: u64, by: Option<&ShortString>, outcome: Result<Payload, Fault>) {
        let waiter = {
            let mut state = self.state.lock();
            let Some(waiter) = state.take(number) else { return };
            if let (Some(instance), true) = (by, waiter.errand.is_call_to_any()) {
                state.standing.answered(waiter.errand.service, number, instance);
            }
            waiter
        };
        if waiter.spare && outcome.as_ref().is_err_and(not_begun) {
            return;
        }
        // That one message was not begun says nothing of the other.
        let outcome = if waiter.doubled { outcome.map_err(Fault::and_maybe_done) } else { outcome };
        waiter.slot.settle(outcome);
    }

    /// The broker has the message: enough for some.
    pub(super) fn confirmed(&self, number: u64) {
        let waiter = {
            let mut state = self.state.lock();
            let enough = |waiter: &Waiter| waiter.errand.want == Want::Acceptance;
            if !state.waiters.get(&number).is_some_and(enough) {
                return;
            }
            state.take(number)
        };
        if let Some(waiter) = waiter {
            waiter.slot.settle(Ok(Payload::Accepted));
        }
    }

    /// The broker found no queue for the message.
    pub(super) fn returned(&self, number: u64) {
        self.tell(number, Fault::unreachable);
    }

    /// The queue for the message is full.
    pub(super) fn refused(&self, number: u64) {
        self.tell(number, Fault::overloaded);
    }

    fn tell(&self, number: u64, fault: impl FnOnce(&str) -> Fault) {
        let waiter = self.state.lock().take(number);
        if let Some(Waiter { errand, slot, spare: false, .. }) = waiter {
            slot.settle(Err(fault(errand.service)));
        }
    }

    /// The connection has ended: whoever waits waits in vain.
    pub(super) fn end(&self) {
        let waiters = {
            let mut state = self.state.lock();
            state.ended = true;
            std::mem::take(&mut state.waiters)
        };
        for waiter in waiters.into_values() {
            waiter.slot.settle(Err(error::lost()));
        }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.state.lock().waiters.len()
    }
}

impl State {
    pub(super) fn take(&mut self, number: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&number)?;
        if waiter.spare {
            self.spares = self.spares.saturating_sub(1);
        }
        Some(waiter)
    }

    /// Asks senders of these for a second message, to the instance that serves others.
    pub(super) fn send_elsewhere(&mut self, numbers: &[u64], served: &Served) {
        for number in numbers {
            if let Some(waiter) = self.waiters.get_mut(number) {
                waiter.doubled = true;
                waiter.slot.elsewhere(served.by().clone());
            }
        }
    }
}

/// An instance that refused; the first message is with another.
fn not_begun(fault: &Fault) -> bool {
    !fault.maybe_done
        && matches!(fault.code, FaultCode::Overloaded | FaultCode::Unavailable | FaultCode::Unreachable)
}

/// The place of one waiter; leaving it means not to wait any more.
#[derive(Debug)]
pub(super) struct Place {
    waiting: Arc<Waiting>,
    pub(super) number: u64,
    pub(super) slot: Arc<Slot>,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.waiting.state.lock().take(self.number));
    }
}

/// Hands answers to those who wait for them until there come no more.
pub(super) async fn hand_out(mut answers: Consumer, waiting: Arc<Waiting>) {
    while let Some(Ok(answer)) = answers.next().await {
        if let Some(number) = properties::number(&answer.properties) {
            let outcome = frame::read_reply(&Bytes::from(answer.data));
            waiting.answer(number, answer.properties.app_id().as_ref(), outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errand(want: Want) -> Errand {
        Errand { service: "probe", want, anywhere: true, instance: None, again: true }
    }

    #[tokio::test]
    async fn the_end_of_a_connection_tells_everybody() {
        let waiting = Arc::new(Waiting::default());
        let call = waiting.register(errand(Want::Reply)).unwrap();
        let cast = waiting.register(errand(Want::Acceptance)).unwrap();
        waiting.confirmed(call.number);
        waiting.confirmed(cast.number);
        waiting.end();
        assert!(call.slot.outcome().await.unwrap_err().maybe_done);
        assert!(cast.slot.outcome().await.is_ok());
        assert!(!waiting.register(errand(Want::Reply)).unwrap_err().maybe_done);
    }

    #[tokio::test]
    async fn who_went_away_leaves_no_place_taken() {
        let waiting = Arc::new(Waiting::default());
        drop(waiting.register(errand(Want::Reply)).unwrap());
        assert_eq!(waiting.len(), 0);
        let places: Vec<_> = (0..CAPACITY).map(|_| waiting.register(errand(Want::Reply)).unwrap()).collect();
        assert_eq!(waiting.register(errand(Want::Reply)).unwrap_err(), Fault::overloaded("probe"));
        drop(places);
        assert!(waiting.register(errand(Want::Reply)).is_ok());
    }

    #[tokio::test]
    async fn a_spare_that_is_refused_leaves_the_first_message_waiting() {
        let waiting = Arc::new(Waiting::default());
        let first = waiting.register(errand(Want::Reply)).unwrap();
        let spare = || waiting.register_spare(errand(Want::Reply), &first.slot).unwrap();
        let (returned, full, served) = (spare(), spare(), spare());
        waiting.returned(returned.number);
        waiting.answer(full.number, None, Err(Fault::overloaded("probe")));
        waiting.answer(served.number, None, Ok(Payload::Accepted));
        waiting.answer(first.number, None, Err(Fault::timeout()));
        assert!(first.slot.outcome().await.is_ok());
        assert_eq!(waiting.with(|state| state.spares), 0);
    }
}
