//! Sending requests, with a window of publisher confirms.
//!
//! Invariants: messages leave in the order of their first poll; once one is on its way, its sender's going away changes
//! nothing; no more than the window are unconfirmed. What the broker gives back is told to the one who sent it, by its
//! number: the client library may hand a returned message to another's confirm when several are confirmed at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::replies::Waiting;
use super::{error, properties};
use crate::transport::fault::Fault;
use crate::transport::payload::{Payload, Want};

/// Where a message goes on the broker.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) exchange: ShortString,
    pub(super) key: ShortString,
    /// Reaching no queue is a failure.
    pub(super) mandatory: bool,
}

/// The sending side of one connection.
#[derive(Debug)]
pub(super) struct Publisher {
    channel: Channel,
    window: Semaphore,
    /// Messages not confirmed yet, those that wait for room in the window included.
    unconfirmed: Arc<Semaphore>,
    waiting: Arc<Waiting>,
    ended: CancellationToken,
    runtime: Handle,
}

impl Publisher {
    /// Inside a tokio runtime.
    pub(super) fn new(
        channel: Channel,
        window: usize,
        waiting: Arc<Waiting>,
        ended: CancellationToken,
    ) -> Self {
        let unconfirmed = Arc::new(Semaphore::new(window.saturating_mul(8)));
        Self {
            channel,
            window: Semaphore::new(window),
            unconfirmed,
            waiting,
            ended,
            runtime: Handle::current(),
        }
    }

    /// Sends a request made by `write` from its number, and waits for what is wanted.
    pub(super) async fn send(
        self: &Arc<Self>,
        service: &'static str,
        route: Route,
        want: Want,
        message: (Bytes, impl FnOnce(u64) -> BasicProperties),
    ) -> Result<Payload, Fault> {
        let room = Arc::clone(&self.unconfirmed).try_acquire_owned();
        let room = room.map_err(|_| Fault::overloaded(service))?;
        let (place, outcome) = self.waiting.register(service, want)?;
        let (frame, write) = message;
        let number = place.number;
        let (publisher, properties) = (Arc::clone(self), write(number));
        let carrying = async move {
            publisher.carry(number, want, route, properties, frame).await;
            drop(room);
        };
        let mut carrying = Carrying { rest: Some(carrying.boxed()), runtime: self.runtime.clone() };
        let mut outcome = outcome;
        let outcome = tokio::select! {
            biased;
            outcome = &mut outcome => outcome,
            () = &mut carrying => outcome.await,
        };
        outcome.unwrap_or_else(|_| Err(error::lost()))
    }

    async fn carry(&self, number: u64, want: Want, route: Route, properties: BasicProperties, frame: Bytes) {
        let room = tokio::select! {
            biased;
            room = self.window.acquire() => room.ok(),
            () = self.ended.cancelled() => None,
        };
        let Some(_room) = room else {
            return self.waiting.settle(number, Err(error::away()));
        };
        let Route { exchange, key, mandatory } = route;
        let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
        let confirm = match self.channel.basic_publish(exchange, key, options, &frame, properties).await {
            Ok(confirm) => confirm.await,
            Err(failure) => Err(failure),
        };
        let (taken, returned) = match confirm {
            Ok(Confirmation::Ack(returned)) => (true, returned),
            Ok(Confirmation::Nack(returned)) => (false, returned),
            Ok(Confirmation::NotRequested) => (true, None),
            Err(_) => return self.waiting.settle(number, Err(error::lost())),
        };
        match returned {
            Some(message) => {
                if let Some(sender) = properties::number(&message.delivery.properties) {
                    self.waiting.returned(sender);
                }
            }
            // Whoever got our returned message with the same confirmation tells us now.
            None if want == Want::Acceptance => tokio::task::yield_now().await,
            None => {}
        }
        if taken || !mandatory {
            self.waiting.confirmed(number);
        } else {
            self.waiting.refused(number);
        }
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
