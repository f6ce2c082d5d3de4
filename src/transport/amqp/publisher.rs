//! Sending requests, with a window of publisher confirms.
//!
//! Invariants: messages leave in the order of their first poll; once one is on its way, its sender's going away changes
//! nothing; no more than the window are unconfirmed, and a bounded number waits for room in it, not longer than it is of use.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::confirms::{Confirms, Sent};
use super::replies::{Errand, Place, Waiting};
use super::slot::News;
use super::{Load, error, properties};
use crate::transport::context::Cx;
use crate::transport::fault::Fault;
use crate::transport::payload::{Payload, Want};

/// How many may wait for room in the window, in multiples of it.
const QUEUE: usize = 7;

/// Where a message goes on the broker.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) exchange: ShortString,
    pub(super) key: ShortString,
    /// Reaching no queue is a failure.
    pub(super) mandatory: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// There will be none.
    Fault(Fault),
    /// It is late, while another instance answers others.
    Hangs(Hanging),
}

impl From<Fault> for Unanswered {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A message that waits for its answer, and the instance that answers others.
#[derive(Debug)]
pub(super) struct Hanging {
    place: Place,
    pub(super) instance: ShortString,
}

/// The sending side of one connection.
#[derive(Debug)]
pub(super) struct Publisher {
    channel: Arc<Channel>,
    /// Of the window.
    size: usize,
    window: Arc<Semaphore>,
    /// Who waits for room in the window.
    queue: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    confirms: Arc<Confirms>,
    ended: CancellationToken,
    runtime: Handle,
}

/// A message to be sent.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) route: Route,
    pub(super) frame: Bytes,
    /// When the frame was written.
    pub(super) stamp: ShortString,
    pub(super) method: &'a str,
    pub(super) cx: &'a Cx,
}

impl Publisher {
    /// Inside a tokio runtime.
    pub(super) fn new(
        channel: Channel,
        window: usize,
        waiting: Arc<Waiting>,
        ended: CancellationToken,
    ) -> Self {
        Self {
            channel: Arc::new(channel),
            size: window,
            window: Arc::new(Semaphore::new(window)),
            queue: Arc::new(Semaphore::new(window.saturating_mul(QUEUE))),
            confirms: Arc::new(Confirms::new(Arc::clone(&waiting))),
            waiting,
            ended,
            runtime: Handle::current(),
        }
    }

    /// How much is under way.
    pub(super) fn load(&self) -> Load {
        Load {
            waiting: self.waiting.len(),
            unconfirmed: self.size - self.window.available_permits(),
            queued: self.size * QUEUE - self.queue.available_permits(),
        }
    }

    /// Follows what is on its way. Never ends.
    pub(super) async fn keep(self: Arc<Self>) {
        self.confirms.keep().await;
    }

    /// Sends a request and waits for what is wanted, or until it hangs.
    pub(super) async fn send(
        self: &Arc<Self>,
        errand: Errand,
        request: Request<'_>,
    ) -> Result<Payload, Unanswered> {
        let place = self.waiting.register(errand)?;
        let (number, cx) = (place.number, request.cx);
        let letter = Letter::new(number, errand.want, request);
        if let Ok(room) = Arc::clone(&self.window).try_acquire_owned() {
            self.begin(letter, room);
        } else {
            let queued = Arc::clone(&self.queue).try_acquire_owned();
            let queued = queued.map_err(|_| Fault::overloaded(errand.service))?;
            let (publisher, cx) = (Arc::clone(self), cx.clone());
            let carrying = async move {
                publisher.carry(letter, &cx).await;
                drop(queued);
            };
            let carrying = Carrying { rest: Some(carrying.boxed()), runtime: self.runtime.clone() };
            tokio::select! {
                biased;
                outcome = place.slot.outcome() => return outcome.map_err(Unanswered::from),
                () = carrying => {}
            }
        }
        match place.slot.next().await {
            News::Outcome(outcome) => {
                self.confirms.answered(number);
                Ok(outcome?)
            }
            News::Elsewhere(instance) => Err(Unanswered::Hangs(Hanging { place, instance })),
        }
    }

    /// Sends what hangs a second time, if there is room, and waits for whichever answer comes first.
    pub(super) async fn send_again(
        &self,
        hanging: Hanging,
        errand: Errand,
        request: Request<'_>,
    ) -> Result<Payload, Fault> {
        tracing::debug!(
            service = errand.service,
            request.method,
            "a call hangs and is sent to another instance"
        );
        let Hanging { place, .. } = hanging;
        let spare = self.waiting.register_spare(errand, &place.slot);
        if let Some(spare) = &spare
            && let Ok(room) = Arc::clone(&self.window).try_acquire_owned()
        {
            self.begin(Letter::new(spare.number, errand.want, request), room);
        }
        place.slot.outcome().await
    }

    /// Waits for room.
    async fn carry(&self, letter: Letter, cx: &Cx) {
        let room = tokio::select! {
            biased;
            room = Arc::clone(&self.window).acquire_owned() => room.ok(),
            () = self.ended.cancelled() => None,
        };
        match room {
            None => self.waiting.settle(letter.number, error::away()),
            Some(_) if cx.is_expired() => self.waiting.settle(letter.number, Fault::expired()),
            Some(room) => {
                let properties = properties::expiring(letter.properties, cx);
                self.begin(Letter { properties, ..letter }, room);
            }
        }
    }

    /// Puts a message on its way.
    fn begin(&self, letter: Letter, room: OwnedSemaphorePermit) {
        let Letter { number, want, route: Route { exchange, key, mandatory }, frame, properties } = letter;
        let channel = Arc::clone(&self.channel);
        let way = async move {
            let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
            channel.basic_publish(exchange, key, options, &frame, properties).await?.await
        };
        self.confirms.begin(number, Sent { way: way.boxed(), want, mandatory, _room: room });
    }
}

/// A message with its number.
struct Letter {
    number: u64,
    want: Want,
    route: Route,
    frame: Bytes,
    properties: BasicProperties,
}

impl Letter {
    fn new(number: u64, want: Want, request: Request<'_>) -> Self {
        let Request { route, frame, stamp, method, cx } = request;
        Self { number, want, route, frame, properties: properties::request(cx, method, want, number, stamp) }
    }
}

/// One message's way to the broker: with its sender, or by itself once the sender has gone away.
struct Carrying {
    rest: Option<BoxFuture<'static, ()>>,
    runtime: Handle,
}

impl Future for Carrying {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
        }
        self.rest = None;
        Poll::Ready(())
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            drop(self.runtime.spawn(rest));
        }
    }
}
