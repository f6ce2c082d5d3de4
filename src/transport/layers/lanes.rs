//! Lanes: parcels of equal keys run one at a time, in order of arrival, or some that can be handled together do so.
//!
//! Invariants: a lane uses one permit, however many wait in it, so a busy zone cannot starve the others; what waits is
//! bounded per lane and in all, in number and time; a lane exists only while something runs in it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::admit::QueueLimits;
use crate::transport::fault::Fault;
use crate::transport::inbox::Delivery;
use crate::transport::message::LaneKey;

/// How long the waiting parcels of all lanes together may be, in multiples of one lane's capacity.
const LANES_FULL: usize = 64;

/// The lanes of one instance.
#[derive(Debug)]
pub(in crate::transport) struct Lanes {
    service: &'static str,
    limits: QueueLimits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<LaneKey, VecDeque<Delivery>>,
    waiting: usize,
}

impl Lanes {
    pub(in crate::transport) fn new(service: &'static str, limits: QueueLimits) -> Self {
        Self { service, limits, state: Mutex::default() }
    }

    /// Gives the delivery back if its lane is free; otherwise it waits in the lane, or is answered `Overloaded`.
    pub(in crate::transport) fn queue(&self, key: LaneKey, delivery: Delivery) -> Option<Delivery> {
        let mut stale = Vec::new();
        let mut refused = None;
        {
            let mut guard = self.state.lock();
            let State { lanes, waiting } = &mut *guard;
            let Some(lane) = lanes.get_mut(&key) else { return Some(delivery) };
            if lane.len() >= self.limits.capacity {
                while lane.front().is_some_and(|first| self.is_stale(first)) {
                    stale.extend(lane.pop_front());
                }
                *waiting -= stale.len();
            }
            let room = lane.len() < self.limits.capacity
                && *waiting < self.limits.capacity.saturating_mul(LANES_FULL);
            if room {
                lane.push_back(delivery);
                *waiting += 1;
            } else {
                refused = Some(delivery);
            }
        }
        for delivery in stale {
            self.refuse(delivery);
        }
        if let Some(delivery) = refused {
            delivery.reply.answer(Err(Fault::overloaded(self.service)));
        }
        None
    }

    /// Opens the lane `key`, which must be free, for the work that is about to run in it.
    pub(in crate::transport) fn open(self: &Arc<Self>, key: LaneKey) -> Turn {
        self.state.lock().lanes.entry(key).or_default();
        Turn { lanes: Arc::clone(self), key, over: false }
    }

    fn is_stale(&self, delivery: &Delivery) -> bool {
        delivery.parcel.cx.is_expired() || Instant::now() >= delivery.accepted + self.limits.patience
    }

    fn refuse(&self, delivery: Delivery) {
        let fault =
            if delivery.parcel.cx.is_expired() { Fault::expired() } else { Fault::overloaded(self.service) };
        delivery.reply.answer(Err(fault));
    }
}

/// The turn of running things in one lane; ending it closes the lane.
#[derive(Debug)]
pub(in crate::transport) struct Turn {
    lanes: Arc<Lanes>,
    key: LaneKey,
    over: bool,
}

impl Turn {
    /// The next parcel of the lane. After `None` the lane is closed.
    pub(in crate::transport) fn next(&mut self) -> Option<Delivery> {
        while !self.over {
            let next = {
                let mut guard = self.lanes.state.lock();
                let State { lanes, waiting } = &mut *guard;
                let next = lanes.get_mut(&self.key).and_then(VecDeque::pop_front);
                if next.is_some() {
                    *waiting -= 1;
                } else {
                    lanes.remove(&self.key);
                    self.over = true;
                }
                next
            };
            match next {
                Some(delivery) if self.lanes.is_stale(&delivery) => self.lanes.refuse(delivery),
                next => return next,
            }
        }
        None
    }

    /// At most `most` parcels of the lane that follow each other, each of which is `wanted`. The lane stays open.
    pub(in crate::transport) fn next_while(
        &mut self,
        most: usize,
        wanted: impl Fn(&Delivery) -> bool,
    ) -> Vec<Delivery> {
        let found: Vec<_> = {
            let mut guard = self.lanes.state.lock();
            let State { lanes, waiting } = &mut *guard;
            let Some(lane) = lanes.get_mut(&self.key) else { return Vec::new() };
            let count = lane.iter().take(most).take_while(|delivery| wanted(delivery)).count();
            *waiting -= count;
            lane.drain(..count).collect()
        };
        let (stale, found): (Vec<_>, Vec<_>) = found.into_iter().partition(|d| self.lanes.is_stale(d));
        for delivery in stale {
            self.lanes.refuse(delivery);
        }
        found
    }
}

impl Drop for Turn {
    /// Only a task that was cut off leaves its turn early; what waits behind it is answered as lost.
    fn drop(&mut self) {
        if !self.over {
            let mut guard = self.lanes.state.lock();
            let lost = guard.lanes.remove(&self.key).unwrap_or_default();
            guard.waiting -= lost.len();
            drop(guard);
            drop(lost);
        }
    }
}
