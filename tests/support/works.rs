//! A service whose work takes until the test says so, mounted over a broker.
//!
//! Invariants: every wait is bounded; every configuration has exchanges and queues of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::{Channel, Connection, ConnectionProperties};
use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::transport::{
    Amqp, Cx, Fault, Handle, Host, HostConfig, Place, RetryPolicy, Service, ServiceRef, Serving, Transport,
    run_threaded,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::rabbitmq::Rabbit;

pub(crate) const LIMIT: Duration = Duration::from_secs(180);
/// Far shorter than a deadline.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(40);

/// A service whose work takes until the test says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Works;

impl Service for Works {
    const NAME: &'static str = "works";
}

ordain::rpcs! { Works;
    "twice" Twice => u64, repeatable;
    "once"  Once  => u64;
    "note"  Note  => (), repeatable;
}

/// May run twice.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Twice(pub(crate) u64);

/// Must not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Once(pub(crate) u64);

/// Wants no answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Note(pub(crate) u64);

#[derive(Debug)]
pub(crate) struct State {
    begun: watch::Sender<Vec<u64>>,
    gate: Semaphore,
}

impl State {
    async fn work(&self, number: u64) -> Result<u64, Fault> {
        self.begun.send_modify(|begun| begun.push(number));
        self.gate.acquire().await.unwrap().forget();
        Ok(number)
    }

    pub(crate) fn open(&self, count: usize) {
        self.gate.add_permits(count);
    }

    /// Nothing that begins from here on ends.
    pub(crate) fn shut(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) async fn begun(&self, count: usize) -> Vec<u64> {
        let mut seen = self.begun.subscribe();
        let begun = timeout(LIMIT, seen.wait_for(|begun| begun.len() >= count)).await;
        begun.unwrap().unwrap().clone()
    }

    pub(crate) fn begun_now(&self) -> Vec<u64> {
        self.begun.borrow().clone()
    }
}

impl Handle<Twice> for State {
    async fn handle(&self, _: &Cx, Twice(number): Twice) -> Result<u64, Fault> {
        self.work(number).await
    }
}

impl Handle<Once> for State {
    async fn handle(&self, _: &Cx, Once(number): Once) -> Result<u64, Fault> {
        self.work(number).await
    }
}

impl Handle<Note> for State {
    async fn handle(&self, _: &Cx, Note(number): Note) -> Result<(), Fault> {
        self.work(number).await.map(drop)
    }
}

/// A transport, and what is mounted on it.
pub(crate) struct Node {
    pub(crate) amqp: Amqp,
    pub(crate) works: ServiceRef<Works>,
}

impl Node {
    pub(crate) async fn start(config: &AmqpConfig) -> Self {
        let node = Self::start_early(config).await;
        node.amqp.ready(LIMIT).await.unwrap();
        node
    }

    /// Does not wait for a broker.
    pub(crate) async fn start_early(config: &AmqpConfig) -> Self {
        let amqp = Amqp::start(config.clone()).await.unwrap();
        let works = ServiceRef::new(Arc::new(amqp.clone())).retrying(RetryPolicy::NEVER);
        Self { amqp, works }
    }

    pub(crate) async fn mount(&self, permits: usize) -> (Arc<State>, Serving) {
        let state = Arc::new(State { begun: watch::Sender::new(Vec::new()), gate: Semaphore::new(0) });
        let config = HostConfig { permits, ..HostConfig::default() };
        let inbox = Host::start(Arc::clone(&state), routes(), config, &Place::current().unwrap());
        let serving = self.amqp.serve(Works::endpoint(), inbox).await.unwrap();
        (state, serving)
    }

    pub(crate) fn twice(&self, number: u64) -> tokio::task::JoinHandle<Result<u64, Fault>> {
        let works = self.works.clone();
        tokio::spawn(async move { works.call(&patient(), Twice(number)).await })
    }

    pub(crate) fn once(&self, number: u64) -> tokio::task::JoinHandle<Result<u64, Fault>> {
        let works = self.works.clone();
        tokio::spawn(async move { works.call(&patient(), Once(number)).await })
    }

    /// Resolves once so many calls wait for their answers and the broker has them all.
    pub(crate) async fn calling(&self, count: usize) {
        let pause = Duration::from_millis(5);
        let accepted = async {
            while self.amqp.load().waiting < count {
                tokio::time::sleep(pause).await;
            }
            let mut load = self.amqp.load();
            while load.unconfirmed + load.queued > 0 {
                tokio::time::sleep(pause).await;
                load = self.amqp.load();
            }
        };
        timeout(LIMIT, accepted).await.unwrap();
    }

    /// Resolves once calls are answered again.
    pub(crate) async fn works_again(&self, state: &State) {
        state.open(1);
        let again = async {
            while self.works.call(&Cx::system(Duration::from_secs(2)), Twice(99)).await != Ok(99) {
                state.open(1);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, again).await.unwrap();
    }
}

pub(crate) fn patient() -> Cx {
    Cx::system(Duration::from_secs(150))
}

/// Runs a test to its end, or to its limit.
pub(crate) fn run(test: impl Future<Output = ()>) {
    run_threaded(async { timeout(LIMIT * 2, test).await.unwrap() });
}

/// The broker of the tests that leave it alone.
pub(crate) fn broker() -> Option<&'static Rabbit> {
    static BROKER: OnceLock<Option<Rabbit>> = OnceLock::new();
    BROKER.get_or_init(Rabbit::start).as_ref()
}

/// A configuration with exchanges and queues that nobody else has.
pub(crate) fn config(urls: &[&str]) -> AmqpConfig {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let urls = urls.iter().map(|url| BrokerUrl::parse(url).unwrap()).collect();
    let exchange_prefix = format!("fault-{}", TURN.fetch_add(1, Ordering::Relaxed));
    AmqpConfig { urls, exchange_prefix, ..Config::default().transport.amqp }
}

pub(crate) fn at(address: SocketAddr) -> String {
    format!("amqp://guest:guest@{address}/%2f")
}

pub(crate) async fn channel(broker: &Rabbit) -> (Connection, Channel) {
    let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}
