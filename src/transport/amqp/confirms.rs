//! Messages on their way to the broker, until it confirms them.
//!
//! A call is followed at leisure: its answer says all, so its confirm is looked at when the answer is there, and now and
//! then before, for what the broker gave back or has no room for. A cast waits for its confirm.
//!
//! Invariants: messages are written one at a time, in the order in which they came: the client library numbers a message
//! and queues it in two steps, and of two that are written at once each might get the other's confirm. Everything sent on
//! the channel is here until its confirm was seen. What the broker gives
//! back is told to the one who sent it, by its number: the client library puts a returned message into whichever confirm
//! comes first of those that are confirmed at once. That one came no later than the sender's own, so nobody is told
//! that his message arrived before every other confirm there is was looked at.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use lapin::Confirmation;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::Instant;

use super::replies::Waiting;
use super::{error, properties};
use crate::transport::payload::Want;

/// The pause between two looks at the calls.
const PAUSE: Duration = Duration::from_millis(2);
/// After so many looks at nothing it is waited for.
const QUIET: u32 = 10;

/// A message that was sent.
pub(super) struct Sent {
    /// Resolves to its confirm. It is written in its first poll.
    pub(super) way: BoxFuture<'static, lapin::Result<Confirmation>>,
    pub(super) want: Want,
    pub(super) mandatory: bool,
    pub(super) _room: OwnedSemaphorePermit,
}

/// What one channel has sent.
#[derive(Debug)]
pub(super) struct Confirms {
    waiting: Arc<Waiting>,
    state: Mutex<State>,
    /// Held by the one who writes, for all.
    pen: Mutex<()>,
    due: Notify,
}

struct State {
    /// What is to be written.
    outbox: VecDeque<(u64, Sent)>,
    /// The numbers of those, and of the one that is being written.
    begun: BTreeSet<u64>,
    calls: HashMap<u64, Sent>,
    casts: HashMap<u64, Sent>,
    /// Casts that were confirmed, and the last number that was begun then.
    arrived: Vec<(u64, u64)>,
    /// [`Confirms::keep`] waits until there is something.
    idle: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("calls", &self.calls.len()).field("casts", &self.casts.len()).finish()
    }
}

/// A message arrived, if nobody gets it back.
struct Arrived(u64);

impl Confirms {
    pub(super) fn new(waiting: Arc<Waiting>) -> Self {
        let state = State {
            outbox: VecDeque::new(),
            begun: BTreeSet::new(),
            calls: HashMap::new(),
            casts: HashMap::new(),
            arrived: Vec::new(),
            idle: true,
        };
        Self { waiting, state: Mutex::new(state), pen: Mutex::new(()), due: Notify::new() }
    }

    /// Sends a message.
    pub(super) fn begin(&self, number: u64, sent: Sent) {
        {
            let mut state = self.state.lock();
            state.begun.insert(number);
            state.outbox.push_back((number, sent));
        }
        let mut notify = false;
        // Whoever has the pen looks once more when he has put it down.
        while let Some(pen) = self.pen.try_lock() {
            let mut next = self.state.lock().outbox.pop_front();
            while let Some((number, mut sent)) = next {
                // Not under the lock: it wakes the thread that sends.
                let confirm = (&mut sent.way).now_or_never();
                let mut state = self.state.lock();
                state.begun.remove(&number);
                notify |= std::mem::take(&mut state.idle) || sent.want == Want::Acceptance;
                match confirm {
                    // Somebody else ran so long that the confirm is there already.
                    Some(confirm) => {
                        let last = state.begun.last().copied().unwrap_or_default();
                        let arrived = self.see(number, &sent, confirm);
                        state.arrived.extend(arrived.map(|Arrived(number)| (number, last)));
                    }
                    None if sent.want == Want::Acceptance => drop(state.casts.insert(number, sent)),
                    None => drop(state.calls.insert(number, sent)),
                }
                next = state.outbox.pop_front();
            }
            drop(pen);
            if self.state.lock().outbox.is_empty() {
                break;
            }
        }
        if notify {
            self.due.notify_one();
        }
    }

    /// The caller has its answer: its confirm is most likely there.
    pub(super) fn answered(&self, number: u64) {
        let mut state = self.state.lock();
        if let Some(mut sent) = state.calls.remove(&number) {
            match (&mut sent.way).now_or_never() {
                Some(confirm) => drop(self.see(number, &sent, confirm)),
                None => drop(state.calls.insert(number, sent)),
            }
        }
    }

    /// Tells senders what becomes of their messages. Never ends.
    pub(super) async fn keep(&self) {
        loop {
            self.due.notified().await;
            let (mut quiet, mut next) = (0, Instant::now() + PAUSE);
            while quiet < QUIET {
                let mut casts = pin!(poll_fn(|cx| {
                    self.look_at_casts(cx);
                    Poll::<()>::Pending
                }));
                tokio::select! {
                    biased;
                    () = tokio::time::sleep_until(next) => {}
                    () = self.due.notified() => continue,
                    () = &mut casts => {}
                }
                next = Instant::now() + PAUSE;
                let mut state = self.state.lock();
                self.look_at(&mut state.calls, &mut Context::from_waker(Waker::noop()));
                let nothing = state.calls.is_empty() && state.casts.is_empty() && state.arrived.is_empty();
                quiet = if nothing { quiet + 1 } else { 0 };
                state.idle = quiet == QUIET;
            }
        }
    }

    /// Tells the senders of casts what became of them.
    fn look_at_casts(&self, cx: &mut Context<'_>) {
        let mut guard = self.state.lock();
        let State { calls, casts, begun, arrived, .. } = &mut *guard;
        let last = begun.last().copied().unwrap_or_default();
        arrived.extend(self.look_at(casts, cx).into_iter().map(|Arrived(number)| (number, last)));
        // Whoever got a message back instead of its sender got it before: it is among what was begun by then.
        let first = begun.first().copied().unwrap_or(u64::MAX);
        let certain: Vec<u64> =
            arrived.extract_if(.., |(_, last)| *last < first).map(|(number, _)| number).collect();
        if certain.is_empty() {
            return;
        }
        self.look_at(calls, &mut Context::from_waker(Waker::noop()));
        let more = self.look_at(casts, cx);
        arrived.extend(more.into_iter().map(|Arrived(number)| (number, last)));
        if !arrived.is_empty() {
            cx.waker().wake_by_ref();
        }
        for number in certain {
            self.waiting.confirmed(number);
        }
    }

    fn look_at(&self, sent: &mut HashMap<u64, Sent>, cx: &mut Context<'_>) -> Vec<Arrived> {
        let mut arrived = Vec::new();
        sent.retain(|number, sent| match sent.way.poll_unpin(cx) {
            Poll::Ready(confirm) => {
                arrived.extend(self.see(*number, sent, confirm));
                false
            }
            Poll::Pending => true,
        });
        arrived
    }

    /// Tells of everything but arrival.
    fn see(&self, number: u64, sent: &Sent, confirm: lapin::Result<Confirmation>) -> Option<Arrived> {
        let (taken, returned) = match confirm {
            Ok(Confirmation::Ack(returned)) => (true, returned),
            Ok(Confirmation::Nack(returned)) => (false, returned),
            Ok(Confirmation::NotRequested) => (true, None),
            Err(_) => {
                self.waiting.settle(number, error::lost());
                return None;
            }
        };
        if let Some(message) = returned
            && let Some(sender) = properties::number(&message.delivery.properties)
        {
            self.waiting.returned(sender);
        }
        if taken || !sent.mandatory {
            return Some(Arrived(number));
        }
        self.waiting.refused(number);
        None
    }
}
