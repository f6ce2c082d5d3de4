//! What becomes of one delivery: offered, answered, acknowledged, passed on or buried.
//!
//! Invariants: a message that may be run again (a repeatable one, or one that is done once under its key) is acknowledged
//! after running, any other when it is offered, and one of those that comes a second time is not run: nobody knows how
//! far the first time went. What was too long on its way is not begun. Whoever wants an answer gets one. What is put elsewhere is acknowledged here when the broker
//! has it there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::age::Ages;
use super::error;
use super::properties::{self, ReturnAddress};
use super::settling::{Settling, Writing};
use super::topology::{Topology, name};
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

/// Handles the deliveries of one channel.
#[derive(Debug)]
pub(super) struct Handling {
    channel: Arc<Channel>,
    settling: Settling,
    /// For what must be confirmed.
    aside: Channel,
    /// Held by the one who writes there.
    pen: tokio::sync::Mutex<()>,
    at: Endpoint,
    /// What the instance signs its answers with.
    name: ShortString,
    inbox: Inbox,
    ages: Arc<Ages>,
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
        ages: &Arc<Ages>,
        topology: &Topology,
        leaving: &CancellationToken,
    ) -> Arc<Self> {
        let broken = CancellationToken::new();
        Arc::new(Self {
            channel: Arc::new(channel.clone()),
            settling: Settling::new(channel, inbox.permits(), broken.clone()),
            aside: aside.clone(),
            pen: tokio::sync::Mutex::default(),
            at,
            name: name(at.instance.to_string()),
            inbox: inbox.clone(),
            ages: Arc::clone(ages),
            topology: topology.clone(),
            leaving: leaving.clone(),
            broken,
            unsettled: TaskTracker::new(),
        })
    }

    /// Acknowledges in time what nobody else comes to acknowledge. Never ends.
    pub(super) async fn keep_settling(&self) {
        self.settling.keep().await;
    }

    /// Waits for answers that are being written. From here on whoever answers waits himself.
    pub(super) async fn finish_settling(&self) {
        self.settling.finish().await;
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
    pub(super) fn take(self: &Arc<Self>, delivery: Delivery, queue: Queue) {
        let letter = Letter::new(delivery, queue, true);
        let age = self.ages.of(properties::stamp(&letter.delivery.properties));
        let parcel = match frame::read_request(&letter.frame) {
            Ok(parcel) => Parcel { cx: parcel.cx.older_by(age), ..parcel },
            Err(fault) => return self.beside(|this| async move { this.bury(letter, &fault).await }),
        };
        let again = self.inbox.may_run_again(&parcel);
        if letter.delivery.redelivered && !again {
            let fault = error::interrupted();
            return self.beside(|this| async move { this.decline(letter, &fault).await });
        }
        if properties::deliveries(&letter.delivery.properties) >= DELIVERIES {
            let fault =
                Fault::internal("delivered_too_often", "it ended its handler every time").and_maybe_done();
            return self.beside(|this| async move { this.bury(letter, &fault).await });
        }
        if parcel.cx.is_expired() {
            let late = Fault::expired();
            let fault = if letter.delivery.redelivered { late.and_maybe_done() } else { late };
            return self.beside(|this| async move { this.decline(letter, &fault).await });
        }
        match self.inbox.take(parcel) {
            Ok(taken) => self.spawn(Arc::clone(self).finish(letter, again, taken)),
            Err(refused) => {
                let Refused { fault, parcel } = *refused;
                if queue == Queue::Shared && self.leaving.is_cancelled() {
                    self.beside(|this| async move { this.forward(letter).await });
                } else if ReturnAddress::of(&letter.delivery.properties).is_some() {
                    self.beside(|this| async move { this.decline(letter, &fault).await });
                } else {
                    self.beside(move |this| async move { this.hold(letter, again, parcel).await });
                }
            }
        }
    }

    /// Lets another instance have a delivery of the shared queue that was not begun.
    pub(super) async fn pass_on(self: &Arc<Self>, delivery: Delivery) -> lapin::Result<()> {
        self.forward(Letter::new(delivery, Queue::Shared, false)).await
    }

    /// Answers a delivery that was not begun.
    pub(super) async fn refuse(self: &Arc<Self>, delivery: Delivery, fault: &Fault) -> lapin::Result<()> {
        self.decline(Letter::new(delivery, Queue::Own, false), fault).await
    }

    /// Does what does not take long: leaving waits for it.
    fn beside<F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        let unsettled = self.unsettled.token();
        let work = work(Arc::clone(self));
        self.spawn(async move {
            let done = work.await;
            drop(unsettled);
            done
        });
    }

    fn spawn(&self, work: impl Future<Output = lapin::Result<()>> + Send + 'static) {
        let broken = self.broken.clone();
        drop(self.inbox.runtime().spawn(async move {
            // The broker delivers again what it has no acknowledgement for, once the channel is closed.
            if let Err(error) = work.await {
                tracing::debug!(%error, "the broker went away under a message");
                broken.cancel();
            }
        }));
    }

    async fn finish(self: Arc<Self>, letter: Letter, again: bool, taken: Taken) -> lapin::Result<()> {
        if !again {
            self.acknowledge(&letter).await?;
        }
        if let Some(work) = taken.work {
            work.await;
        }
        let outcome = taken.answer.await.unwrap_or_else(|_| Err(error::interrupted()));
        match (ReturnAddress::of(&letter.delivery.properties), outcome) {
            (Some(address), outcome) => {
                let writing = self.write(&address, written(&letter, &outcome));
                return self.settling.answer(writing, again.then_some(letter.delivery.delivery_tag)).await;
            }
            (None, Err(fault)) if fault.code == FaultCode::UnknownSchema => {
                self.publish_dead(&letter, &fault).await?;
            }
            // Its actor is gone before it began: another instance will do it.
            (None, Err(fault)) if again && !fault.maybe_done && !self.inbox.is_up() => {
                return self.give_back(&letter).await;
            }
            (None, _) => {}
        }
        if again { self.acknowledge(&letter).await } else { Ok(()) }
    }

    /// Nobody waits for it: it is offered again until there is room. Unacknowledged it takes part of the prefetch, so
    /// that what cannot be held stays in the queue.
    async fn hold(self: Arc<Self>, letter: Letter, again: bool, parcel: Parcel) -> lapin::Result<()> {
        let mut parcel = parcel;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // Only what came for anybody can be had by another.
                () = self.leaving.cancelled() => return match letter.queue {
                    Queue::Shared => self.forward(letter).await,
                    Queue::Own => self.acknowledge(&letter).await,
                },
            }
            if parcel.cx.is_expired() {
                return self.acknowledge(&letter).await;
            }
            match self.inbox.take(parcel) {
                Ok(taken) => {
                    self.spawn(Arc::clone(&self).finish(letter, again, taken));
                    return Ok(());
                }
                Err(refused) => parcel = refused.parcel,
            }
        }
    }

    async fn decline(self: &Arc<Self>, letter: Letter, fault: &Fault) -> lapin::Result<()> {
        if let Some(address) = ReturnAddress::of(&letter.delivery.properties) {
            self.answer(&address, written(&letter, &Err(fault.clone()))).await?;
        } else {
            tracing::debug!(%fault, "a message that nobody waits for is dropped");
        }
        self.acknowledge(&letter).await
    }

    /// Puts a delivery of the shared queue back, as one that was not delivered before.
    async fn forward(self: &Arc<Self>, letter: Letter) -> lapin::Result<()> {
        let queue = self.topology.shared(self.at.service);
        let properties = letter.delivery.properties.clone();
        if self.publish_for_sure(ShortString::default(), queue, &letter.frame, properties).await? {
            return self.acknowledge(&letter).await;
        }
        if ReturnAddress::of(&letter.delivery.properties).is_some() {
            return self.decline(letter, &Fault::overloaded(self.at.service)).await;
        }
        self.give_back(&letter).await
    }

    /// A message that nobody can handle: kept with the reason, for people to look at.
    async fn bury(self: &Arc<Self>, letter: Letter, fault: &Fault) -> lapin::Result<()> {
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
        let request = frame::read_request(&letter.frame).ok().map(|parcel| parcel.cx.request);
        let properties = properties::dead(&letter.delivery.properties, request, queue.as_str(), &reason);
        let dead = self.topology.dead();
        self.publish_for_sure(dead.clone(), dead, &letter.frame, properties).await.map(drop)
    }

    fn write(&self, to: &ReturnAddress, frame: Bytes) -> Writing {
        let (channel, queue, properties) =
            (Arc::clone(&self.channel), to.queue.clone(), to.properties(&self.name));
        async move {
            let options = BasicPublishOptions::default();
            channel.basic_publish(ShortString::default(), queue, options, &frame, properties).await
        }
        .boxed()
    }

    async fn answer(&self, to: &ReturnAddress, frame: Bytes) -> lapin::Result<()> {
        self.write(to, frame).await.map(drop)
    }

    async fn acknowledge(&self, letter: &Letter) -> lapin::Result<()> {
        if letter.counted {
            self.settling.acknowledge(letter.delivery.delivery_tag);
            return Ok(());
        }
        letter.delivery.acker.ack(BasicAckOptions::default()).await.map(drop)
    }

    /// As a delivery that may have been begun.
    async fn give_back(&self, letter: &Letter) -> lapin::Result<()> {
        let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        letter.delivery.acker.nack(again).await?;
        if letter.counted {
            self.settling.given_back(letter.delivery.delivery_tag);
        }
        Ok(())
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
        let confirm = {
            // Of two that are written at once each might get the other's confirm.
            let _pen = self.pen.lock().await;
            self.aside.basic_publish(exchange, key, options, frame, properties).await?
        };
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
    /// It came by the channel whose deliveries are counted.
    counted: bool,
    delivery: Box<Delivery>,
}

impl Letter {
    fn new(mut delivery: Delivery, queue: Queue, counted: bool) -> Self {
        let frame = Bytes::from(std::mem::take(&mut delivery.data));
        Self { frame, queue, counted, delivery: Box::new(delivery) }
    }
}
