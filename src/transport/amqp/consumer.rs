//! One mounted instance: its queues are declared and consumed on whatever connection there is.
//!
//! Invariants: declared and consumed anew after every loss, be it the connection, the channel or a queue, until it
//! leaves; parcels are offered in the order they come. Leaving loses nothing: what came for anybody goes back to the
//! queue, and what nobody is left for is answered as unreachable.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{
    BasicCancelOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connection::{Link, Session};
use super::handling::{Handling, Queue};
use super::topology::Topology;
use crate::transport::address::Endpoint;
use crate::transport::fault::Fault;
use crate::transport::inbox::Inbox;

/// The pause before queues are declared again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long saying goodbye to a broker may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// One mounted instance.
#[derive(Debug)]
pub(super) struct Mount {
    at: Endpoint,
    inbox: Inbox,
    topology: Topology,
    leaving: CancellationToken,
    up: watch::Sender<bool>,
    left: CancellationToken,
}

impl Mount {
    pub(super) fn new(at: Endpoint, inbox: Inbox, topology: Topology) -> Arc<Self> {
        let (leaving, left) = (CancellationToken::new(), CancellationToken::new());
        Arc::new(Self { at, inbox, topology, leaving, up: watch::Sender::new(false), left })
    }

    /// Starts consuming. Resolves when parcels can come for the first time.
    pub(super) fn start(self: Arc<Self>, link: watch::Receiver<Link>) -> BoxFuture<'static, ()> {
        let mut up = self.up.subscribe();
        drop(tokio::spawn(self.run(link)));
        async move {
            drop(up.wait_for(|up| *up).await);
        }
        .boxed()
    }

    /// Stops consuming. The call itself sees to it that nothing new is begun; the future resolves when it is done.
    pub(super) fn leave(&self) -> BoxFuture<'static, ()> {
        self.leaving.cancel();
        self.left.clone().cancelled_owned().boxed()
    }

    async fn run(self: Arc<Self>, mut link: watch::Receiver<Link>) {
        let _left = self.left.clone().drop_guard();
        while !self.leaving.is_cancelled() {
            let session = tokio::select! {
                session = next(&mut link) => session,
                () = self.leaving.cancelled() => return,
            };
            let Some(session) = session else { return };
            if let Err(error) = self.attend(&session).await {
                tracing::warn!(service = self.at.service, %error, "the queues are lost and set up again");
            }
            self.up.send_replace(false);
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = self.leaving.cancelled() => {}
            }
        }
    }

    /// Consumes on this connection until something fails or the instance leaves.
    async fn attend(&self, session: &Session) -> lapin::Result<()> {
        let channel = session.channel().await?;
        let prefetch = u16::try_from(self.inbox.permits()).unwrap_or(u16::MAX);
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        self.topology.declare(&channel).await?;
        self.topology.declare_instance(&channel, self.at).await?;
        let own = self.consume(&channel, self.topology.own(self.at)).await?;
        let shared = self.consume(&channel, self.topology.shared(self.at.service)).await?;
        let handling = Handling::new(&channel, &self.inbox, &self.topology, &self.leaving);
        self.up.send_replace(true);
        let (mut own, mut shared) = (own, shared);
        loop {
            let (queue, next) = tokio::select! {
                biased;
                () = self.leaving.cancelled() => break,
                () = session.ended.cancelled() => return Ok(()),
                next = shared.next() => (Queue::Shared, next),
                next = own.next() => (Queue::Own, next),
            };
            match next {
                Some(delivery) => handling.take(delivery?, queue),
                // The queue was deleted, or the channel closed.
                None => return Ok(()),
            }
        }
        let goodbye = self.say_goodbye(session, &channel, &handling, (shared, own));
        match tokio::time::timeout(GOODBYE, goodbye).await {
            Ok(done) => done,
            Err(_elapsed) => Ok(()),
        }
    }

    async fn consume(&self, channel: &Channel, queue: ShortString) -> lapin::Result<Consumer> {
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        channel.basic_consume(queue, ShortString::default(), options, none).await
    }

    async fn say_goodbye(
        &self,
        session: &Session,
        channel: &Channel,
        handling: &Handling,
        (mut shared, mut own): (Consumer, Consumer),
    ) -> lapin::Result<()> {
        channel.basic_cancel(shared.tag(), BasicCancelOptions::default()).await?;
        self.topology.unbind_instance(channel, self.at).await?;
        let away = Fault::unavailable("instance_away", "the instance is being replaced or closed");
        for delivery in buffered(&mut shared) {
            handling.pass_on(delivery).await?;
        }
        // Nobody finds the own queue any more; what is in it was sent before.
        for delivery in buffered(&mut own) {
            handling.refuse(delivery, &away).await?;
        }
        let queue = self.topology.own(self.at);
        while let Some(message) = channel.basic_get(queue.clone(), BasicGetOptions::default()).await? {
            handling.refuse(message.delivery, &away).await?;
        }
        channel.basic_cancel(own.tag(), BasicCancelOptions::default()).await?;
        self.close_shared(session, channel, handling).await
    }

    /// The last of a service takes the shared queue away, so that senders learn at once that nobody is there.
    async fn close_shared(
        &self,
        session: &Session,
        channel: &Channel,
        handling: &Handling,
    ) -> lapin::Result<()> {
        let queue = self.topology.shared(self.at.service);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let nobody = Fault::unreachable(self.at.service);
        loop {
            let state = channel.queue_declare(queue.clone(), passive, FieldTable::default()).await?;
            if state.consumer_count() > 0 {
                return Ok(());
            }
            while let Some(message) = channel.basic_get(queue.clone(), BasicGetOptions::default()).await? {
                handling.refuse(message.delivery, &nobody).await?;
            }
            // Quorum queues know no conditions. Who comes in between is told by the broker and declares it again.
            let unused = !self.topology.quorum();
            let options = QueueDeleteOptions { if_unused: unused, if_empty: unused, nowait: false };
            // A refusal closes the channel that it is said on.
            let errand = session.channel().await?;
            if errand.queue_delete(queue.clone(), options).await.is_ok() {
                return Ok(());
            }
        }
    }
}

/// The next connection there is; none if there will be no more.
async fn next(link: &mut watch::Receiver<Link>) -> Option<Arc<Session>> {
    let works = |link: &Link| matches!(link, Link::Up(session) if !session.ended.is_cancelled());
    match &*link.wait_for(works).await.ok()? {
        Link::Up(session) => Some(Arc::clone(session)),
        Link::Starting | Link::Away => None,
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
