//! `Host<H>`: the actix actor around any service state.
//!
//! A parcel passes the mailbox (bounded), its lane (if it has a key), the door (permits) and then runs as a task of its
//! own on the shared runtime. One without a key that finds a permit free need not wait for anything and passes the mailbox
//! by: that saves the way through the actor's thread. With no permit free the actor pauses its mailbox, which fills, so that senders are told
//! `Overloaded` at once.
//!
//! Invariants: nothing that input decides runs on the actor's thread; a panicking handler is an `Internal` fault and
//! nothing else; an actor that dies is replaced after a pause, with the same state and behind the same [`Inbox`].

use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use actix::prelude::{Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, WrapFuture};
use arc_swap::ArcSwapOption;
use futures::FutureExt;
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::fault::Fault;
use super::inbox::{Begun, Delivery, Direct, Inbox, Living, Shared};
use super::layers::admit::{Admission, Permit, QueueLimits};
use super::layers::deadline;
use super::layers::lanes::{Lanes, Turn};
use super::layers::meter::Meter;
use super::layers::trace;
use super::payload::{Parcel, Payload};
use super::place::Place;
use super::routes::Routes;

/// The limits of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostConfig {
    /// How many handlers run at a time.
    pub permits: usize,
    /// What may wait for a permit.
    pub queue: QueueLimits,
    /// What may wait in one lane; all lanes together hold 64 times as much.
    pub lane: QueueLimits,
    /// After this a handler is given up, its caller long gone: whatever it hangs on, its permit is needed.
    pub longest_run: Duration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            permits: 64,
            queue: QueueLimits { capacity: 256, patience: Duration::from_secs(2) },
            lane: QueueLimits { capacity: 64, patience: Duration::from_secs(60) },
            longest_run: Duration::from_secs(600),
        }
    }
}

/// So many messages of a lane are handled at a time at most, if they can be.
const TOGETHER: usize = 32;

/// What outlives the actor.
struct Core<H> {
    state: Arc<H>,
    routes: Routes<H>,
    config: HostConfig,
    place: Place,
    door: Admission,
    lanes: Arc<Lanes>,
    shared: Arc<Shared>,
}

/// The actor of one service instance.
pub struct Host<H: Send + Sync + 'static> {
    core: Arc<Core<H>>,
    life: CancellationToken,
    born: Instant,
    deaths: u32,
}

impl<H: Send + Sync + 'static> std::fmt::Debug for Host<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("service", &self.core.shared.service).finish_non_exhaustive()
    }
}

impl<H: Send + Sync + 'static> Host<H> {
    /// Starts an instance of the service that `routes` belong to, and gives the way into it, to be mounted with
    /// [`Transport::serve`](super::Transport::serve).
    pub fn start(state: Arc<H>, routes: Routes<H>, config: HostConfig, place: &Place) -> Inbox {
        let service = routes.service();
        let permits = config.permits.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            service,
            permits,
            again: routes.again(),
            living: ArcSwapOption::empty(),
            up: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            stop: CancellationToken::new(),
            unfinished: TaskTracker::new(),
            meter: Arc::new(Meter::default()),
            runtime: place.runtime().clone(),
            direct: OnceLock::new(),
        });
        let core = Arc::new(Core {
            state,
            routes,
            config,
            place: place.clone(),
            door: Admission::new(service, permits, config.queue.patience),
            lanes: Arc::new(Lanes::new(service, config.lane)),
            shared: Arc::clone(&shared),
        });
        let at_once = Arc::downgrade(&core);
        let direct = Direct(Box::new(move |delivery| match at_once.upgrade() {
            Some(core) => core.begin_at_once(delivery),
            None => Err(Box::new(delivery)),
        }));
        // It is set this once.
        drop(shared.direct.set(direct));
        begin_life(&core, 0);
        Inbox::new(shared)
    }
}

/// Puts a new actor into its place on one of the arbiters.
fn begin_life<H: Send + Sync + 'static>(core: &Arc<Core<H>>, deaths: u32) {
    let reborn = Arc::clone(core);
    let begun = core.place.spawn_fn(move || {
        let core = Arc::clone(&reborn);
        let host = Host { core, life: CancellationToken::new(), born: Instant::now(), deaths };
        host.start_here();
    });
    if !begun {
        tracing::debug!(service = core.shared.service, "no arbiter is left to host the actor");
    }
}

impl<H: Send + Sync + 'static> Host<H> {
    fn start_here(self) {
        Self::create(|ctx| {
            // To the channel a capacity of zero means none.
            ctx.set_mailbox_capacity(self.core.config.queue.capacity.max(1));
            self
        });
    }
}

impl<H: Send + Sync + 'static> Actor for Host<H> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (life, stop) = (self.life.clone(), self.core.shared.stop.clone());
        let end = async move {
            tokio::select! {
                () = stop.cancelled() => End::Told,
                () = life.cancelled() => End::Killed,
            }
        };
        ctx.spawn(end.into_actor(self).map(|end, _, ctx: &mut Context<Self>| match end {
            End::Told => ctx.stop(),
            End::Killed => die(),
        }));
        let shared = &self.core.shared;
        let living = Living { mailbox: ctx.address().recipient(), life: self.life.clone() };
        shared.living.store(Some(Arc::new(living)));
        if shared.stop.is_cancelled() {
            shared.living.store(None);
        } else {
            shared.up.send_replace(true);
        }
    }
}

/// Why an actor ends.
enum End {
    Told,
    Killed,
}

/// Unwinds the actor's task, as a defect in it would.
fn die() {
    std::panic::resume_unwind(Box::new("the actor was killed"));
}

impl<H: Send + Sync + 'static> Drop for Host<H> {
    /// However the actor ended: unless it was told to, another takes its place.
    fn drop(&mut self) {
        const SHORT_LIFE: Duration = Duration::from_secs(30);
        let shared = &self.core.shared;
        if shared.stop.is_cancelled() {
            return;
        }
        shared.living.store(None);
        shared.up.send_replace(false);
        shared.meter.replaced();
        let deaths = if self.born.elapsed() < SHORT_LIFE { self.deaths.saturating_add(1) } else { 1 };
        let pause = Duration::from_millis(10).saturating_mul(2_u32.saturating_pow(deaths - 1));
        let pause = pause.min(Duration::from_secs(5));
        tracing::error!(service = shared.service, deaths, ?pause, "an actor died and will be replaced");
        let core = Arc::clone(&self.core);
        self.core.place.runtime().spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(pause) => begin_life(&core, deaths),
                () = core.shared.stop.cancelled() => {}
            }
        });
    }
}

impl<H: Send + Sync + 'static> Handler<Delivery> for Host<H> {
    type Result = ();

    fn handle(&mut self, delivery: Delivery, ctx: &mut Self::Context) {
        let core = &self.core;
        if core.shared.stop.is_cancelled() {
            return delivery.reply.answer(Err(closing()));
        }
        if let Err(expired) = deadline::begin(&delivery.parcel.cx) {
            return delivery.reply.answer(Err(expired));
        }
        let delivery = match delivery.parcel.lane {
            Some(key) => match core.lanes.queue(key, delivery) {
                Some(first_in_lane) => first_in_lane,
                None => return,
            },
            None => delivery,
        };
        if let Some(permit) = core.door.try_enter() {
            return core.run(delivery, permit);
        }
        let core = Arc::clone(core);
        let life = self.life.clone();
        let paused = async move {
            let entered = tokio::select! {
                entered = core.door.enter(&delivery.parcel.cx, delivery.accepted) => entered,
                () = core.shared.stop.cancelled() => Err(closing()),
                // Dropping the delivery answers it.
                () = life.cancelled() => return true,
            };
            match entered {
                Ok(permit) => core.run(delivery, permit),
                Err(fault) => delivery.reply.answer(Err(fault)),
            }
            false
        };
        ctx.wait(paused.into_actor(self).map(|killed, _, _| {
            if killed {
                die();
            }
        }));
    }
}

fn closing() -> Fault {
    Fault::unavailable("instance_away", "the instance is being closed")
}

impl<H: Send + Sync + 'static> Core<H> {
    /// Runs the delivery, and whatever comes to wait in its lane meanwhile, on the shared runtime.
    fn run(self: &Arc<Self>, delivery: Delivery, permit: Permit) {
        let turn = delivery.parcel.lane.map(|key| self.lanes.open(key));
        let core = Arc::clone(self);
        // Whoever counts what is unfinished counts answers, so the task need not be tracked.
        drop(self.place.runtime().spawn(core.run_all(delivery, turn, permit)));
    }

    /// The work of a delivery without a lane, if a permit is free. Nobody is overtaken who waits for a permit: those that
    /// become free go to him first.
    fn begin_at_once(self: Arc<Self>, delivery: Delivery) -> Begun {
        match self.door.try_enter() {
            Some(permit) if delivery.parcel.lane.is_none() => {
                Ok(self.run_all(delivery, None, permit).boxed())
            }
            _ => Err(Box::new(delivery)),
        }
    }

    async fn run_all(self: Arc<Self>, first: Delivery, mut turn: Option<Turn>, permit: Permit) {
        let mut next = Some(first);
        while let Some(delivery) = next {
            let beside = match &mut turn {
                Some(turn) if self.is_together(&delivery) => {
                    turn.next_while(TOGETHER, |d| self.is_together(d))
                }
                _ => Vec::new(),
            };
            if beside.is_empty() {
                self.execute(delivery).await;
            } else {
                let all = std::iter::once(delivery).chain(beside);
                join_all(all.map(|delivery| self.execute(delivery))).await;
            }
            next = turn.as_mut().and_then(Turn::next);
        }
        drop(permit);
    }

    fn is_together(&self, delivery: &Delivery) -> bool {
        self.routes.get(delivery.parcel.method.as_str()).is_some_and(|route| route.together)
    }

    async fn execute(&self, delivery: Delivery) {
        let Delivery { parcel, mut reply, .. } = delivery;
        if self.shared.stop.is_cancelled() {
            return reply.answer(Err(closing()));
        }
        if let Err(expired) = deadline::begin(&parcel.cx) {
            return reply.answer(Err(expired));
        }
        let Some(route) = self.routes.get(parcel.method.as_str()) else {
            return reply.answer(Err(Fault::unknown_method(self.shared.service, parcel.method.as_str())));
        };
        reply.begin();
        let span = trace::span(self.shared.service, &parcel);
        async {
            let outcome = self.contain(route, parcel).await;
            if let Err(fault) = &outcome {
                log_fault(fault);
            }
            reply.answer(outcome);
        }
        .instrument(span)
        .await;
    }

    /// Runs the handler so that neither a panic nor a hang gets out of it.
    async fn contain(&self, route: &super::routes::Route<H>, parcel: Parcel) -> Result<Payload, Fault> {
        let Parcel { cx, body, .. } = parcel;
        // A handler that panics while it is being called is contained as well: the call is inside the future.
        let work = async { (route.run)(Arc::clone(&self.state), cx, body).await };
        let contained = AssertUnwindSafe(work).catch_unwind();
        match tokio::time::timeout(self.config.longest_run, contained).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_panic)) => {
                self.shared.meter.panicked();
                tracing::error!(method = route.name, "a handler panicked");
                Err(Fault::internal("handler_panicked", "the handler failed unexpectedly").and_maybe_done())
            }
            Err(_elapsed) => {
                tracing::error!(method = route.name, "a handler was given up");
                Err(Fault::timeout())
            }
        }
    }
}

fn log_fault(fault: &Fault) {
    if fault.code.status() >= 500 {
        tracing::warn!(kind = %fault.kind, message = fault.message.as_deref(), "the handler failed");
    } else {
        tracing::debug!(kind = %fault.kind, message = fault.message.as_deref(), "the handler refused");
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
