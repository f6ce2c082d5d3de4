//! One mounted instance: its queues are declared and consumed on whatever connection there is.
//!
//! Invariants: declared, consumed and bound anew after every loss, be it the connection, the channel or a queue, until it
//! leaves (`goodbye`); bindings that an operator takes away come back by themselves. A queue is consumed before senders
//! find it. Parcels are offered in the order they come.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use lapin::options::{BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::age::Ages;
use super::connection::{Link, Session};
use super::goodbye::{Consumers, Goodbye};
use super::handling::{Handling, Queue};
use super::topology::Topology;
use crate::transport::address::Endpoint;
use crate::transport::inbox::Inbox;

/// The pause before queues are declared again.
const PAUSE: Duration = Duration::from_millis(200);
/// The pause between two looks at the bindings.
const UPKEEP: Duration = Duration::from_secs(5);
/// How long saying goodbye to a broker may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// One mounted instance.
#[derive(Debug)]
pub(super) struct Mount {
    at: Endpoint,
    inbox: Inbox,
    ages: Arc<Ages>,
    topology: Topology,
    leaving: CancellationToken,
    up: watch::Sender<bool>,
    left: CancellationToken,
}

impl Mount {
    pub(super) fn new(at: Endpoint, inbox: Inbox, ages: Arc<Ages>, topology: Topology) -> Arc<Self> {
        let (leaving, left) = (CancellationToken::new(), CancellationToken::new());
        Arc::new(Self { at, inbox, ages, topology, leaving, up: watch::Sender::new(false), left })
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
        let mut here = self.consume(&channel, self.topology.here(self.at.service)).await?;
        let mut own = self.consume(&channel, self.topology.own(self.at)).await?;
        let mut shared = self.consume(&channel, self.topology.shared(self.at.service)).await?;
        self.topology.bind_instance(&channel, self.at).await?;
        let aside = session.confirming().await?;
        let handling =
            Handling::new(&channel, &aside, self.at, &self.inbox, &self.ages, &self.topology, &self.leaving);
        self.up.send_replace(true);
        let consuming = async {
            let mut upkeep = pin!(self.keep_bound(&channel));
            let mut settling = pin!(handling.keep_settling());
            // Waited for once, not anew with every delivery.
            let mut leaves = pin!(self.leaving.cancelled());
            let mut ended = pin!(session.ended.cancelled());
            let mut broken = pin!(handling.broken());
            loop {
                let (queue, next) = tokio::select! {
                    biased;
                    () = &mut leaves => return Ok(true),
                    () = &mut ended => return Ok(false),
                    () = &mut broken => return Ok(false),
                    next = shared.next() => (Queue::Shared, next),
                    next = own.next() => (Queue::Own, next),
                    () = &mut settling => return Ok(false),
                    failed = &mut upkeep => return failed.map(|()| false),
                    // Nothing is sent there: it was deleted.
                    _ = here.next() => return Ok(false),
                };
                match next {
                    Some(delivery) => handling.take(delivery?, queue),
                    // The queue was deleted, or the channel closed.
                    None => return Ok(false),
                }
            }
        };
        let leaving: lapin::Result<bool> = consuming.await;
        if !matches!(leaving, Ok(true)) {
            tokio::select! {
                _ = tokio::time::timeout(GOODBYE, handling.finish_settling()) => {}
                () = session.ended.cancelled() => {}
            }
            return leaving.map(drop);
        }
        let (at, topology) = (self.at, &self.topology);
        let goodbye = Goodbye { at, topology, channel: &channel, aside: &aside, handling: &handling };
        let goodbye = async {
            handling.finish_settling().await;
            goodbye.say(Consumers { here, shared, own }).await
        };
        match tokio::time::timeout(GOODBYE, goodbye).await {
            Ok(done) => done,
            Err(_elapsed) => Ok(()),
        }
    }

    /// Sets up again what an operator took away without anybody's being told: exchanges and bindings.
    async fn keep_bound(&self, channel: &Channel) -> lapin::Result<()> {
        loop {
            tokio::time::sleep(UPKEEP).await;
            self.topology.declare(channel).await?;
            self.topology.bind_instance(channel, self.at).await?;
        }
    }

    async fn consume(&self, channel: &Channel, queue: ShortString) -> lapin::Result<Consumer> {
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        channel.basic_consume(queue, ShortString::default(), options, none).await
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
