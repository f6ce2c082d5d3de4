//! The way into one instance of a service, whichever transport a parcel came by.
//!
//! Invariants: every delivery is answered exactly once, also when its actor or its task dies under it, and the answer
//! says truly whether the work had begun. The inbox outlives its actor: a replaced actor is found through the same one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::Recipient;
use actix::prelude::SendError;
use arc_swap::ArcSwapOption;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::fault::{Fault, FaultCode};
use super::layers::meter::{Meter, Reading};
use super::payload::{Parcel, Payload};
use super::routes::Again;

/// Resolves to the answer, exactly once.
pub type Answer = oneshot::Receiver<Result<Payload, Fault>>;

/// A parcel handed to an instance, with the way back for its answer.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub struct Delivery {
    pub(super) parcel: Parcel,
    pub(super) reply: ReplySlot,
    pub(super) accepted: Instant,
}

/// Where the one answer of a delivery goes.
#[derive(Debug)]
pub(super) struct ReplySlot {
    to: Option<oneshot::Sender<Result<Payload, Fault>>>,
    begun: bool,
    meter: Arc<Meter>,
    _unfinished: TaskTrackerToken,
}

impl ReplySlot {
    /// From here on a lost answer means that the work may have been done.
    pub(super) const fn begin(&mut self) {
        self.begun = true;
    }

    pub(super) fn answer(mut self, outcome: Result<Payload, Fault>) {
        self.settle(outcome);
    }

    fn settle(&mut self, outcome: Result<Payload, Fault>) {
        if let Some(to) = self.to.take() {
            self.meter.finished(outcome.as_ref().err());
            // A caller that went away does not want its answer; that is no failure.
            drop(to.send(outcome));
        }
    }
}

impl Drop for ReplySlot {
    fn drop(&mut self) {
        if self.to.is_some() {
            let lost = Fault::unavailable("instance_lost", "the instance went away before it answered");
            let lost = if self.begun { lost.and_maybe_done() } else { lost };
            self.settle(Err(lost));
        }
    }
}

/// The actor that lives at the moment.
#[derive(Debug)]
pub(super) struct Living {
    pub(super) mailbox: Recipient<Delivery>,
    pub(super) life: CancellationToken,
}

/// The way into one instance of a service; cheap to clone.
#[derive(Debug, Clone)]
pub struct Inbox(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) service: &'static str,
    pub(super) permits: usize,
    pub(super) again: BTreeMap<&'static str, Again>,
    pub(super) living: ArcSwapOption<Living>,
    pub(super) up: watch::Sender<bool>,
    /// Set by closing: nothing more is taken.
    pub(super) refusing: AtomicBool,
    /// Set at the end of a drain: what has not begun is refused, the actor stops and is not replaced.
    pub(super) stop: CancellationToken,
    pub(super) unfinished: TaskTracker,
    pub(super) meter: Arc<Meter>,
    /// Where handlers run.
    pub(super) runtime: Handle,
    /// The way past the mailbox.
    pub(super) direct: OnceLock<Direct>,
}

/// What [`Direct`] makes of a delivery: its work, or the delivery again.
pub(super) type Begun = Result<BoxFuture<'static, ()>, Box<Delivery>>;

/// Begins a delivery that need not wait for anything.
pub(super) struct Direct(pub(super) Box<dyn Fn(Delivery) -> Begun + Send + Sync>);

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Direct")
    }
}

/// A parcel that was taken.
pub(super) struct Taken {
    /// What its sender hears.
    pub(super) answer: Answer,
    /// The work, if it is up to the taker to do it: to its end, on the runtime of the instance.
    pub(super) work: Option<BoxFuture<'static, ()>>,
}

impl Inbox {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Hands over a parcel without waiting for room.
    ///
    /// # Errors
    /// `Overloaded` if there is no room, `Unavailable` if the instance is being replaced or closed. The parcel was then
    /// not begun, and comes back.
    pub fn offer(&self, parcel: Parcel) -> Result<Answer, Box<Refused>> {
        let Taken { answer, work } = self.take(parcel)?;
        if let Some(work) = work {
            drop(self.0.runtime.spawn(work));
        }
        Ok(answer)
    }

    /// As [`Inbox::offer`], but what can begin at once is left to the caller, whose task it saves.
    pub(super) fn take(&self, parcel: Parcel) -> Result<Taken, Box<Refused>> {
        let shared = &self.0;
        let living = shared.living.load();
        let (Some(living), false) = (living.as_ref(), shared.refusing.load(Ordering::Acquire)) else {
            let away = Fault::unavailable("instance_away", "the instance is being replaced or closed");
            return Err(Box::new(Refused { fault: away, parcel }));
        };
        let (to, answer) = oneshot::channel();
        shared.meter.offered();
        let reply = ReplySlot {
            to: Some(to),
            begun: false,
            meter: Arc::clone(&shared.meter),
            _unfinished: shared.unfinished.token(),
        };
        let mut delivery = Delivery { parcel, reply, accepted: Instant::now() };
        if let Some(direct) = shared.direct.get() {
            match (direct.0)(delivery) {
                Ok(work) => return Ok(Taken { answer, work: Some(work) }),
                Err(back) => delivery = *back,
            }
        }
        match living.mailbox.try_send(delivery) {
            Ok(()) => Ok(Taken { answer, work: None }),
            Err(SendError::Full(delivery)) => Err(delivery.take_back(Fault::overloaded(shared.service))),
            Err(SendError::Closed(delivery)) => Err(delivery
                .take_back(Fault::unavailable("instance_away", "the instance is being replaced or closed"))),
        }
    }

    /// The name of the service behind it.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.0.service
    }

    /// Where handlers run.
    pub(super) fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// How many handlers may run at a time: what a broker should let a consumer hold.
    #[must_use]
    pub fn permits(&self) -> usize {
        self.0.permits
    }

    /// Whether the message may be run a second time if nobody knows how far the first time went.
    #[must_use]
    pub fn may_run_again(&self, parcel: &Parcel) -> bool {
        match self.0.again.get(parcel.method.as_str()) {
            Some(Again::Always) => true,
            Some(Again::UnderKey) => parcel.cx.once.is_some(),
            Some(Again::Never) | None => false,
        }
    }

    /// Counts since the start.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.0.meter.read()
    }

    /// True while an actor is there to take parcels.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.0.living.load().is_some() && !self.0.refusing.load(Ordering::Acquire)
    }

    /// Resolves once an actor is there to take parcels.
    ///
    /// # Errors
    /// `Unavailable` if none is within `patience`.
    pub async fn ready(&self, patience: Duration) -> Result<(), Fault> {
        let mut up = self.0.up.subscribe();
        match tokio::time::timeout(patience, up.wait_for(|up| *up)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                Err(Fault::unavailable("instance_not_started", "the actor did not start in time"))
            }
        }
    }

    /// Takes no more parcels; what was accepted goes on.
    pub fn refuse(&self) {
        self.0.refusing.store(true, Ordering::Release);
        self.0.unfinished.close();
    }

    /// Takes no more parcels, lets what was accepted finish until `deadline`, then stops for good.
    pub async fn drain(&self, deadline: Instant) -> Drained {
        self.refuse();
        let all = tokio::time::timeout_at(deadline, self.0.unfinished.wait()).await.is_ok();
        let left = self.0.unfinished.len();
        self.close();
        if all { Drained::Complete } else { Drained::CutOff { left } }
    }

    /// Stops for good at once. What waits is refused; what runs goes on to its end.
    pub fn close(&self) {
        self.refuse();
        self.0.stop.cancel();
        self.0.living.store(None);
        self.0.up.send_replace(false);
    }

    /// Kills the actor as a defect in it would: what waits in its mailbox is lost, and a new actor takes its place.
    pub fn kill(&self) {
        if let Some(living) = self.0.living.load().as_ref() {
            living.life.cancel();
        }
    }
}

impl Delivery {
    fn take_back(self, fault: Fault) -> Box<Refused> {
        let Self { parcel, mut reply, .. } = self;
        reply.settle(Err(fault.clone()));
        Box::new(Refused { fault, parcel })
    }
}

/// A parcel that was not taken.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub fault: Fault,
    /// The parcel, to be offered to somebody else.
    pub parcel: Parcel,
}

impl Refused {
    /// True if another instance might have room.
    #[must_use]
    pub fn is_overload(&self) -> bool {
        self.fault.code == FaultCode::Overloaded
    }
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Everything accepted was finished.
    Complete,
    /// The deadline came first.
    CutOff {
        /// How many parcels were not finished.
        left: usize,
    },
}
