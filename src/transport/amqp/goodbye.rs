//! Leaving: what is said to the broker, and what becomes of what is still on its way.
//!
//! Invariants:
//! - The shared queue is bound while somebody is there. Who comes says so (by consuming `PREFIX.SERVICE.here`), consumes
//!   and binds then; who leaves cancels first and looks then: if nobody is there it unbinds, looks again, and binds again
//!   for whoever has come meanwhile. So of two that come and leave at a time, the later sees what the earlier did. The
//!   consumers of the shared queue do not tell: one that is cancelled counts there while it still has work.
//! - Unbound, it is found by no sender: the broker returns what is sent, which is «unreachable» at once.
//! - No queue is deleted. The broker drops what it has routed to a queue and not yet put into it when the queue goes, and
//!   confirms it all the same; in a queue that is left to expire, a straggler is found by the second look here or by
//!   whoever comes next.
//! - Who waits for an answer gets one. What nobody waits for stays for whoever comes next.
//! - What a quorum queue sends to a consumer that is just being cancelled comes back as delivered before, and then must
//!   not run again. So that there is none, a consumer takes what comes until nothing does, without acknowledging it:
//!   with its credit used up, nothing can be on its way.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use super::handling::Handling;
use super::properties::ReturnAddress;
use super::topology::Topology;
use crate::transport::address::Endpoint;
use crate::transport::fault::Fault;

/// The pause before the second look: what was routed when the bindings went has arrived by then.
const PAUSE: Duration = Duration::from_millis(100);
/// A quorum queue that sends nothing for so long has no credit left, or nothing to send.
const QUIET: Duration = Duration::from_millis(50);
/// How long quiet is waited for.
const HOLD: Duration = Duration::from_secs(1);
/// How many messages are answered between two looks at who is there.
const PORTION: u32 = 64;

/// The consumers of one instance.
#[derive(Debug)]
pub(super) struct Consumers {
    /// Gets nothing; it shows that the instance is there.
    pub(super) here: Consumer,
    pub(super) shared: Consumer,
    pub(super) own: Consumer,
}

/// The leaving of one instance.
pub(super) struct Goodbye<'a> {
    pub(super) at: Endpoint,
    pub(super) topology: &'a Topology,
    /// The one that the instance consumes on.
    pub(super) channel: &'a Channel,
    /// Another, whose end harms nobody.
    pub(super) aside: &'a Channel,
    pub(super) handling: &'a Arc<Handling>,
}

impl Goodbye<'_> {
    /// Says it all.
    pub(super) async fn say(&self, consumers: Consumers) -> lapin::Result<()> {
        let Consumers { here, mut shared, mut own } = consumers;
        self.topology.unbind_instance(self.channel, self.at).await?;
        let mut held = Vec::new();
        if self.topology.quorum() {
            let quiet = async {
                while let Ok(Some(Ok(delivery))) = tokio::time::timeout(QUIET, shared.next()).await {
                    held.push(delivery);
                }
            };
            // Nothing is lost if it does not become quiet: what may not run again is then refused as maybe done.
            let _ = tokio::time::timeout(HOLD, quiet).await;
        }
        for tag in [shared.tag(), here.tag()] {
            self.channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
        }
        held.extend(buffered(&mut shared));
        for delivery in held {
            self.handling.pass_on(delivery).await?;
        }
        self.handling.settled().await;
        let mut quiet = false;
        loop {
            let found = self.empty_own(&mut own).await? | self.empty_shared().await?;
            if quiet && !found {
                break;
            }
            quiet = !found;
            tokio::time::sleep(PAUSE).await;
        }
        self.channel.basic_cancel(own.tag(), BasicCancelOptions::default()).await.map(drop)
    }

    /// Answers what is in the instance's own queue. True if there was something.
    async fn empty_own(&self, own: &mut Consumer) -> lapin::Result<bool> {
        let away = Fault::unavailable("instance_away", "the instance is being replaced or closed");
        let mut found = false;
        for delivery in buffered(own) {
            self.handling.refuse(delivery, &away).await?;
            found = true;
        }
        let queue = self.topology.own(self.at);
        while let Some(message) = self.channel.basic_get(queue.clone(), BasicGetOptions::default()).await? {
            self.handling.refuse(message.delivery, &away).await?;
            found = true;
        }
        Ok(found)
    }

    /// Answers what is in the shared queue, if nobody is left to take it. True if there was something.
    async fn empty_shared(&self) -> lapin::Result<bool> {
        let nobody = Fault::unreachable(self.at.service);
        let queue = self.topology.shared(self.at.service);
        let mut found = false;
        while let Some(mut left) = self.alone().await? {
            let last = left <= PORTION;
            left = left.min(PORTION);
            while left > 0 {
                let Some(message) = self.aside.basic_get(queue.clone(), BasicGetOptions::default()).await?
                else {
                    return Ok(found);
                };
                if ReturnAddress::of(&message.delivery.properties).is_some() {
                    self.handling.refuse(message.delivery, &nobody).await?;
                    found = true;
                } else {
                    // To the end of the queue, behind what is not looked at yet.
                    self.handling.pass_on(message.delivery).await?;
                }
                left -= 1;
            }
            if last {
                break;
            }
        }
        Ok(found)
    }

    /// How much is in the shared queue, if nobody consumes it; then no sender finds it any more.
    async fn alone(&self) -> lapin::Result<Option<u32>> {
        loop {
            if self.topology.declare_here(self.aside, self.at.service).await? > 0 {
                return Ok(None);
            }
            self.topology.unbind_shared(self.aside, self.at.service).await?;
            if self.topology.declare_here(self.aside, self.at.service).await? == 0 {
                return self.waiting().await.map(Some);
            }
            self.topology.bind_shared(self.aside, self.at.service).await?;
        }
    }

    /// How much is in the shared queue.
    async fn waiting(&self) -> lapin::Result<u32> {
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let queue = self.topology.shared(self.at.service);
        let state = self.aside.queue_declare(queue, passive, FieldTable::default()).await?;
        Ok(state.message_count())
    }
}

/// What had come before the consumer was cancelled.
fn buffered(consumer: &mut Consumer) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while let Some(Some(Ok(delivery))) = consumer.next().now_or_never() {
        deliveries.push(delivery);
    }
    deliveries
}
