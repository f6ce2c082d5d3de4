//! What becomes of one delivery: offered, answered, acknowledged, passed on or buried.
//!
//! Invariants: a repeatable message is acknowledged after running, any other when it is offered, and one of those that
//! comes a second time is not run: nobody knows how far the first time went. Whoever wants an answer gets one.

use std::time::Duration;

use bytes::Bytes;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicPublishOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel};
use tokio_util::sync::CancellationToken;

use super::error;
use super::properties::{self, ReturnAddress};
use super::topology::Topology;
use crate::transport::fault::{Fault, FaultCode};
use crate::transport::frame;
use crate::transport::inbox::{Answer, Inbox, Refused};
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
    inbox: Inbox,
    topology: Topology,
    leaving: CancellationToken,
}

impl Handling {
    pub(super) fn new(
        channel: &Channel,
        inbox: &Inbox,
        topology: &Topology,
        leaving: &CancellationToken,
    ) -> Self {
        let (channel, inbox, topology) = (channel.clone(), inbox.clone(), topology.clone());
        Self { channel, inbox, topology, leaving: leaving.clone() }
    }

    /// Offers a delivery and sees to the rest of it beside.
    pub(super) fn take(&self, mut delivery: Delivery, queue: Queue) {
        let frame = Bytes::from(std::mem::take(&mut delivery.data));
        let letter = Letter { frame, delivery };
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
        match self.inbox.offer(parcel) {
            Ok(answer) => {
                self.beside(move |this| async move { this.finish(letter, repeatable, answer).await });
            }
            Err(refused) => {
                let Refused { fault, parcel } = *refused;
                if queue == Queue::Shared && self.leaving.is_cancelled() {
                    self.beside(|this| async move { this.forward(letter).await });
                } else if ReturnAddress::of(&letter.delivery.properties).is_some() {
                    self.beside(|this| async move { this.decline(letter, &fault).await });
                } else {
                    self.beside(
                        move |this| async move { this.hold(letter, repeatable, queue, parcel).await },
                    );
                }
            }
        }
    }

    /// Lets another instance have a delivery that was not begun.
    pub(super) async fn pass_on(&self, mut delivery: Delivery) -> lapin::Result<()> {
        let frame = Bytes::from(std::mem::take(&mut delivery.data));
        self.forward(Letter { frame, delivery }).await
    }

    /// Answers a delivery that was not begun.
    pub(super) async fn refuse(&self, delivery: Delivery, fault: &Fault) -> lapin::Result<()> {
        self.decline(Letter { frame: Bytes::new(), delivery }, fault).await
    }

    fn beside<F>(&self, work: impl FnOnce(Self) -> F)
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        let work = work(self.clone());
        drop(tokio::spawn(async move {
            // The broker delivers again what it has no acknowledgement for.
            if let Err(error) = work.await {
                tracing::debug!(%error, "the broker went away under a message");
            }
        }));
    }

    async fn finish(self, letter: Letter, repeatable: bool, answer: Answer) -> lapin::Result<()> {
        if !repeatable {
            letter.acknowledge().await?;
        }
        let outcome = answer.await.unwrap_or_else(|_| Err(error::interrupted()));
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
                let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                return letter.delivery.acker.nack(again).await.map(drop);
            }
            (None, _) => {}
        }
        if repeatable { letter.acknowledge().await } else { Ok(()) }
    }

    /// Nobody waits for it: it is offered again until there is room. Unacknowledged it takes part of the prefetch, so
    /// that what cannot be held stays in the queue.
    async fn hold(self, letter: Letter, repeatable: bool, queue: Queue, parcel: Parcel) -> lapin::Result<()> {
        let mut parcel = parcel;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                // Only what came for anybody can be had by another.
                () = self.leaving.cancelled() => return match queue {
                    Queue::Shared => self.forward(letter).await,
                    Queue::Own => letter.acknowledge().await,
                },
            }
            if parcel.cx.is_expired() {
                return letter.acknowledge().await;
            }
            match self.inbox.offer(parcel) {
                Ok(answer) => return self.finish(letter, repeatable, answer).await,
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

    async fn forward(&self, letter: Letter) -> lapin::Result<()> {
        let queue = letter.delivery.routing_key.clone();
        let properties = letter.delivery.properties.clone();
        self.publish(ShortString::default(), queue, &letter.frame, properties).await?;
        letter.acknowledge().await
    }

    /// A message that nobody can handle: kept with the reason, for people to look at.
    async fn bury(&self, letter: Letter, fault: &Fault) -> lapin::Result<()> {
        self.publish_dead(&letter, fault).await?;
        self.decline(letter, fault).await
    }

    async fn publish_dead(&self, letter: &Letter, fault: &Fault) -> lapin::Result<()> {
        let delivery = &letter.delivery;
        let reason = fault.to_string();
        tracing::warn!(queue = delivery.routing_key.as_str(), reason, "a message became a dead letter");
        let properties = properties::dead(&delivery.properties, delivery.routing_key.as_str(), &reason);
        self.publish(self.topology.dead(), self.topology.dead(), &letter.frame, properties).await
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
}

fn written(letter: &Letter, outcome: &Result<Payload, Fault>) -> Bytes {
    let method = letter.delivery.properties.kind().as_ref().map_or("", ShortString::as_str);
    frame::write_reply(method, outcome)
}

/// A delivery and its frame.
#[derive(Debug)]
struct Letter {
    frame: Bytes,
    delivery: Delivery,
}

impl Letter {
    async fn acknowledge(&self) -> lapin::Result<()> {
        self.delivery.acker.ack(BasicAckOptions::default()).await.map(drop)
    }
}
