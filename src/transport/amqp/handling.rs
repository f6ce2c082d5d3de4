//! What becomes of one delivery: offered, answered, acknowledged, passed on or buried.
//!
//! Invariants: a repeatable message is acknowledged after running, any other when it is offered, and one of those that
//! comes a second time is not run: nobody knows how far the first time went. Whoever wants an answer gets one. What is
//! put elsewhere is acknowledged here when the broker has it there.

use std::time::Duration;

use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error;
use super::properties::{self, ReturnAddress};
use super::topology::Topology;
use crate::transport::address::Endpoint;
use crate::transport::fault::{Fault, FaultCode};
use crate::transport::frame;
use crate::transport::inbox::{Inbox, Refused, Taken};
use crate::transport::payload::{Parcel, Payload};

/// How often a message may bring its consumer down.
const DELIVERIES: u64 = 5;
/// The pause before a message that found no room is offered again.
const PAUSE: Duration = Duration::from_millis(20);

/// Which queue a delivery came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// That of the service.
    Shared,
    /// That of the instance.
    Own,
}

/// Handles the deliveries of one channel; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Handling {
    channel: Channel,
    /// For what must be confirmed.
    aside: Channel,
    at: Endpoint,
    inbox: Inbox,
    topology: Topology,
    leaving: CancellationToken,
    broken: CancellationToken,
    /// What is being put elsewhere.
    unsettled: TaskTracker,
}

impl Handling {
    pub(super) fn new(
        channel: &Channel,
        aside: &Channel,
        at: Endpoint,
        inbox: &Inbox,
        topology: &Topology,
        leaving: &CancellationToken,
    ) -> Self {
        Self {
            channel: channel.clone(),
            aside: aside.clone(),
            at,
            inbox: inbox.clone(),
            topology: topology.clone(),
            leaving: leaving.clone(),
            broken: CancellationToken::new(),
            unsettled: TaskTracker::new(),
        }
    }

    /// Resolves when something could not be said to the broker: all must be set up again.
    pub(super) async fn broken(&self) {
        self.broken.cancelled().await;
    }

    /// Resolves when nothing is being put elsewhere any more. What runs may still run.
    pub(super) async fn settled(&self) {
        self.unsettled.close();
        self.unsettled.wait().await;
    }

    /// Offers a delivery and sees to the rest of it beside.
    pub(super) fn take(&self, delivery: Delivery, queue: Queue) {
        let letter = Letter::new(delivery, queue);
        let parcel = match frame::read_request(&letter.frame) {
            Ok(parcel) => parcel,
            Err(fault) => return self.beside(|this| async move { this.bury(letter, &fault).await }),
        };
        let repeatable = self.inbox.repeatable(parcel.method.as_str()) == Some(true);
        if letter.delivery.redelivered && !repeatable {
            let fault = error::interrupted();
            return self.beside(|this| async move { this.decline(letter, &fault).await });
        }
        if properties::deliveries(&letter.delivery.properties) >= DELIVERIES {
            let fault =
                Fault::internal("delivered_too_often", "it ended its handler every time").and_maybe_done();
            return self.beside(|this| async move { this.bury(letter, &fault).await });
        }
        match self.inbox.take(parcel) {
            Ok(taken) => self.spawn(move |this| this.finish(letter, repeatable, taken)),
            Err(refused) => {
                let Refused { fault, parcel } = *refused;
                if queue == Queue::Shared && self.leaving.is_cancelled() {
                    self.beside(|this| async move { this.forward(letter).await });
                } else if ReturnAddress::of(&letter.delivery.properties).is_some() {
                    self.beside(|this| async move { this.decline(letter, &fault).await });
                } else {
                    self.beside(move |this| async move { this.hold(letter, repeatable, parcel).await });
                }
            }
        }
    }

    /// Lets another instance have a delivery of the shared queue that was not begun.
    pub(super) async fn pass_on(&self, delivery: Delivery) -> lapin::Result<()> {
        self.forward(Letter::new(delivery, Queue::Shared)).await
    }

    /// Answers a delivery that was not begun.
    pub(super) async fn refuse(&self, delivery: Delivery, fault: &Fault) -> lapin::Result<()> {
        self.decline(Letter::new(delivery, Queue::Own), fault).await
    }

    /// Does what does not take long: leaving waits for it.
    fn beside<F>(&self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        let unsettled = self.unsettled.token();
        let work = work(self.clone());
        self.spawn(move |_| async move {
            let done = work.await;
            drop(unsettled);
            done
        });
    }

    fn spawn<F>(&self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        let (work, broken) = (work(self.clone()), self.broken.clone());
        drop(self.inbox.runtime().spawn(async move {
            // The broker delivers again what it has no acknowledgement for, once the channel is closed.
            if let Err(error) = work.await {
                tracing::debug!(%error, "the broker went away under a message");
                broken.cancel();
            }
        }));
    }

    async fn finish(self, letter: Letter, repeatable: bool, taken: Taken) -> lapin::Result<()> {
        if !repeatable {
            letter.acknowledge().await?;
        }
        if let Some(work) = taken.work {
            work.await;
        }
        let outcome = taken.answer.await.unwrap_or_else(|_| Err(error::interrupted()));
        match (ReturnAddress::of(&letter.delivery.properties), outcome) {
            (Some(address), outcome) => {
                let frame = written(&letter, &outcome);
                self.answer(&address, &frame).await?;
            }
            (None, Err(fault)) if fault.code == FaultCode::UnknownSchema => {
                self.publish_dead(&letter, &fault).await?;
            }
            // Its actor is gone before it began: another instance will do it.
            (None, Err(fault)) if repeatable && !fault.maybe_done && !self.inbox.is_up() => {
                return letter.give_back().await;
            }
            (None, _) => {}
        }
        if repeatable { letter.acknowledge().await } else { Ok(()) }
    }

    /// Nobody waits for it: it is offered again until there is room. Unacknowledged it takes part of the prefetch, so
    /// that what cannot be held stays in the queue.
    async fn hold(self, letter: Letter, repeatable: bool, parcel: Parcel) -> lapin::Result<()> {
        let mut parcel = parcel;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // Only what came for anybody can be had by another.
                () = self.leaving.cancelled() => return match letter.queue {
                    Queue::Shared => self.forward(letter).await,
                    Queue::Own => letter.acknowledge().await,
                },
            }
            if parcel.cx.is_expired() {
                return letter.acknowledge().await;
            }
            match self.inbox.take(parcel) {
                Ok(taken) => {
                    self.spawn(move |this| this.finish(letter, repeatable, taken));
                    return Ok(());
                }
                Err(refused) => parcel = refused.parcel,
            }
        }
    }

    async fn decline(&self, letter: Letter, fault: &Fault) -> lapin::Result<()> {
        if let Some(address) = ReturnAddress::of(&letter.delivery.properties) {
            self.answer(&address, &written(&letter, &Err(fault.clone()))).await?;
        } else {
            tracing::debug!(%fault, "a message that nobody waits for is dropped");
        }
        letter.acknowledge().await
    }

    /// Puts a delivery of the shared queue back, as one that was not delivered before.
    async fn forward(&self, letter: Letter) -> lapin::Result<()> {
        let queue = self.topology.shared(self.at.service);
        let properties = letter.delivery.properties.clone();
        if self.publish_for_sure(ShortString::default(), queue, &letter.frame, properties).await? {
            return letter.acknowledge().await;
        }
        if ReturnAddress::of(&letter.delivery.properties).is_some() {
            return self.decline(letter, &Fault::overloaded(self.at.service)).await;
        }
        letter.give_back().await
    }

    /// A message that nobody can handle: kept with the reason, for people to look at.
    async fn bury(&self, letter: Letter, fault: &Fault) -> lapin::Result<()> {
        self.publish_dead(&letter, fault).await?;
        self.decline(letter, fault).await
    }

    async fn publish_dead(&self, letter: &Letter, fault: &Fault) -> lapin::Result<()> {
        let reason = fault.to_string();
        let queue = match letter.queue {
            Queue::Shared => self.topology.shared(self.at.service),
            Queue::Own => self.topology.own(self.at),
        };
        tracing::warn!(queue = queue.as_str(), reason, "a message became a dead letter");
        let properties = properties::dead(&letter.delivery.properties, queue.as_str(), &reason);
        let dead = self.topology.dead();
        self.publish_for_sure(dead.clone(), dead, &letter.frame, properties).await.map(drop)
    }

    async fn answer(&self, to: &ReturnAddress, frame: &[u8]) -> lapin::Result<()> {
        self.publish(ShortString::default(), to.queue.clone(), frame, to.properties()).await
    }

    async fn publish(
        &self,
        exchange: ShortString,
        key: ShortString,
        frame: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<()> {
        let options = BasicPublishOptions::default();
        self.channel.basic_publish(exchange, key, options, frame, properties).await.map(drop)
    }

    /// True once the broker has it, false if its queue is full.
    async fn publish_for_sure(
        &self,
        exchange: ShortString,
        key: ShortString,
        frame: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<bool> {
        let options = BasicPublishOptions::default();
        let confirm = self.aside.basic_publish(exchange, key, options, frame, properties).await?;
        Ok(!matches!(confirm.await?, Confirmation::Nack(_)))
    }
}

fn written(letter: &Letter, outcome: &Result<Payload, Fault>) -> Bytes {
    let method = letter.delivery.properties.kind().as_ref().map_or("", ShortString::as_str);
    frame::write_reply(method, outcome)
}

/// A delivery, its frame and the queue it came by.
#[derive(Debug)]
struct Letter {
    frame: Bytes,
    queue: Queue,
    delivery: Delivery,
}

impl Letter {
    fn new(mut delivery: Delivery, queue: Queue) -> Self {
        Self { frame: Bytes::from(std::mem::take(&mut delivery.data)), queue, delivery }
    }

    async fn acknowledge(&self) -> lapin::Result<()> {
        self.delivery.acker.ack(BasicAckOptions::default()).await.map(drop)
    }

    /// As a delivery that may have been begun.
    async fn give_back(&self) -> lapin::Result<()> {
        let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        self.delivery.acker.nack(again).await.map(drop)
    }
}
