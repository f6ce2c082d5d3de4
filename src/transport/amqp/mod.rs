//! The transport over a RabbitMQ broker, so that services may be processes of their own, several of each.
//!
//! Requests travel as frames to queues that the instances of a service share or own (`topology`), answers come back on
//! direct reply-to. A repeatable message is acknowledged after running, any other before: if a consumer dies, the first
//! kind runs elsewhere and the second never runs twice. A connection that breaks is replaced without anybody's help;
//! until then sending fails at once, and what was on its way is reported as maybe done.
//!
//! Invariants: nothing waits without a limit in number and time; credentials are in no log line and no fault.

mod age;
mod confirms;
mod connection;
mod consumer;
mod error;
mod goodbye;
mod handling;
mod notifier;
mod presence;
mod properties;
mod publisher;
mod replies;
mod settling;
mod slot;
mod tls;
mod topology;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::address::{Address, Endpoint};
use super::fault::Fault;
use super::payload::{Parcel, Payload};
use super::{Inbox, SchemaCeilings, Serving, Transport, frame, schemas};
use crate::config::AmqpConfig;
use crate::health::Condition;
use age::{Ages, Stamper};
use connection::{Link, Session};
use consumer::Mount;
use publisher::{Request, Route, Unanswered};
use replies::Errand;
use topology::{Topology, name};

pub use error::AmqpError;
pub use notifier::{Destination, Notifier, Outgoing};

/// How long mounting waits for an actor to start, and then for its queues.
const START: Duration = Duration::from_secs(30);

/// How much is under way on the connection there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Senders that wait for an answer or for acceptance.
    pub waiting: usize,
    /// Messages that the broker has not confirmed, as far as is known: at most the window.
    pub unconfirmed: usize,
    /// Messages that wait for room in the window.
    pub queued: usize,
}

/// The transport over a broker; cheap to clone. The connection ends with the last clone.
#[derive(Clone)]
pub struct Amqp(Arc<Shared>);

struct Shared {
    topology: Topology,
    ceilings: SchemaCeilings,
    stamper: Stamper,
    ages: Arc<Ages>,
    link: watch::Receiver<Link>,
    _stop: DropGuard,
}

impl fmt::Debug for Amqp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Amqp").field("topology", &self.0.topology).finish_non_exhaustive()
    }
}

impl Amqp {
    /// Starts connecting, inside a tokio runtime. There need be no broker yet.
    ///
    /// # Errors
    /// If a file of the TLS configuration cannot be read.
    pub async fn start(config: AmqpConfig) -> Result<Self, AmqpError> {
        Self::start_up_to(config, SchemaCeilings::default(), Condition::alone("broker")).await
    }

    /// As [`Amqp::start`]; messages are written in schemas not above `ceilings`, and `condition` tells how things stand.
    ///
    /// # Errors
    /// If a file of the TLS configuration cannot be read.
    pub async fn start_up_to(
        config: AmqpConfig,
        ceilings: SchemaCeilings,
        condition: Condition,
    ) -> Result<Self, AmqpError> {
        tls::load(&config).await?;
        let topology = Topology::new(&config);
        let (tell, link) = watch::channel(Link::Starting);
        let stop = CancellationToken::new();
        let keeping = connection::keep(Arc::new(config), topology.clone(), tell, stop.clone(), condition);
        drop(tokio::spawn(keeping));
        let (stamper, ages) = (Stamper::new(), Arc::new(Ages::new()));
        Ok(Self(Arc::new(Shared { topology, ceilings, stamper, ages, link, _stop: stop.drop_guard() })))
    }

    /// True while there is a connection to a broker that takes messages.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.session().is_ok()
    }

    /// Resolves once there is a connection.
    ///
    /// # Errors
    /// `Unavailable` if there is none within `patience`.
    pub async fn ready(&self, patience: Duration) -> Result<(), Fault> {
        let mut link = self.0.link.clone();
        let up = link.wait_for(|link| matches!(link, Link::Up(_)));
        match tokio::time::timeout(patience, up).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(error::away()),
        }
    }

    /// What waits for the broker or for answers at the moment. All of it is bounded.
    #[must_use]
    pub fn load(&self) -> Load {
        match &*self.0.link.borrow() {
            Link::Up(session) => session.publisher.load(),
            Link::Starting | Link::Away => Load::default(),
        }
    }

    fn session(&self) -> Result<Arc<Session>, Fault> {
        match &*self.0.link.borrow() {
            Link::Up(session) if session.ended.is_cancelled() => Err(error::away()),
            Link::Up(session) if session.is_blocked() => Err(error::blocked()),
            Link::Up(session) => Ok(Arc::clone(session)),
            Link::Starting | Link::Away => Err(error::away()),
        }
    }

    fn route(&self, to: Address) -> Route {
        let topology = &self.0.topology;
        match to {
            Address::Any(service) => {
                Route { exchange: topology.any(), key: name(service.to_owned()), mandatory: true }
            }
            Address::One(service, instance) => self.to_one(service, &instance.to_string()),
            Address::All(service) => {
                Route { exchange: topology.all(), key: name(service.to_owned()), mandatory: false }
            }
        }
    }

    fn to_one(&self, service: &str, instance: &str) -> Route {
        let key = name(format!("{service}.{instance}"));
        Route { exchange: self.0.topology.one(), key, mandatory: true }
    }
}

impl Transport for Amqp {
    fn send(&self, to: Address, parcel: Parcel) -> BoxFuture<'_, Result<Payload, Fault>> {
        async move {
            let session = self.session()?;
            let parcel = Parcel { cx: properties::shortened(&parcel.cx), ..parcel };
            let mut ceiling = self.0.ceilings.of(to.service(), parcel.method.as_str());
            let mut frame = frame::write_request(&parcel, ceiling)?;
            let errand = Errand::of(to, &parcel);
            loop {
                let (method, cx) = (parcel.method.as_str(), &parcel.cx);
                let stamp = self.0.stamper.stamp();
                let request = Request { route: self.route(to), frame, stamp, method, cx };
                let sent = match session.publisher.send(errand, request).await {
                    Err(Unanswered::Hangs(hanging)) => {
                        let route = self.to_one(to.service(), hanging.instance.as_str());
                        let frame = frame::write_request(&parcel, ceiling)?;
                        let stamp = self.0.stamper.stamp();
                        let request = Request { route, frame, stamp, method, cx };
                        session.publisher.send_again(hanging, errand, request).await
                    }
                    Err(Unanswered::Fault(fault)) => Err(fault),
                    Ok(reply) => Ok(reply),
                };
                let fault = match sent {
                    Ok(reply) => return Ok(reply),
                    Err(fault) => fault,
                };
                let Some(lower) = schemas::lower(&fault, &parcel.body, ceiling) else { return Err(fault) };
                ceiling = lower;
                let Ok(older) = frame::write_request(&parcel, ceiling) else { return Err(fault) };
                frame = older;
            }
        }
        .boxed()
    }

    fn serve(&self, at: Endpoint, inbox: Inbox) -> BoxFuture<'_, Result<Serving, Fault>> {
        async move {
            inbox.ready(START).await?;
            let mount = Mount::new(at, inbox.clone(), Arc::clone(&self.0.ages), self.0.topology.clone());
            let mounted = Arc::clone(&mount).start(self.0.link.clone());
            let mut link = self.0.link.clone();
            let nobody = link.wait_for(|link| matches!(link, Link::Away));
            tokio::select! {
                biased;
                up = tokio::time::timeout(START, mounted) => {
                    if up.is_err() {
                        tracing::warn!(service = at.service, "the queues take long to set up");
                    }
                }
                _ = nobody => tracing::warn!(service = at.service, "waits for a broker"),
            }
            let transport = self.clone();
            let leave = move || {
                let left = mount.leave();
                async move {
                    left.await;
                    drop(transport);
                }
                .boxed()
            };
            Ok(Serving::new(at, inbox, Box::new(leave)))
        }
        .boxed()
    }
}
