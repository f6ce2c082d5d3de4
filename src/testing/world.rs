//! A deployment with its surroundings.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name as WireName, RData, Record, RecordType};
use tokio::time::Instant;

use super::client::ApiClient;
use super::masters::{FakeMaster, Masters};
use super::net::{OWN, OwnServer, WorldNet, question};
use super::{Failure, Spec, held, wire};
use crate::actors::central::pools::{self, Options};
use crate::actors::worker::backends::Backends;
use crate::clock::{Clock, Hand};
use crate::config::TransportKind;
use crate::config::pool_file::{NameserverSpec, NsRecordSpec, PoolSpec, TargetSpec};
use crate::deployment::{Deployment, Edges, ServiceKind};
use crate::dns::answer::{Carrier, Peer};
use crate::dns::fake_server::{FakeNet, FakeServer};
use crate::domain::host_port::HostPort;
use crate::domain::name::Name;
use crate::http::LocalApi;
use crate::store::Store;
use crate::transport::{Faked, Service, ServiceRef, TransportExt as _};

/// How long a test waits for something to become so, in the world's time.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The same in real time.
const REAL_PATIENCE: Duration = Duration::from_secs(300);
/// How long it waits between two looks: from the first to the longest, a fifth more each time.
const GLANCES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(5));
/// The longest in real time.
const REAL_GLANCE: Duration = Duration::from_millis(50);

/// A running deployment and everything around it.
#[derive(Debug)]
pub struct World {
    spec: Spec,
    time: Time,
    net: WorldNet,
    store: Store,
    deployment: Deployment,
    api: ApiClient,
    pub(super) worker: Option<Faked>,
}

/// The wall clock of a world, and who moves it: tokio's clock, or the world by hand.
#[derive(Debug, Clone, Copy)]
struct Time {
    clock: Clock,
    hand: Option<Hand>,
}

impl World {
    /// Starts one. To be called inside [`super::run`], [`super::Wire::run`] or another actix system.
    ///
    /// # Errors
    /// If it cannot start, or is to use a broker while time is paused.
    pub async fn start(mut spec: Spec) -> Result<Self, Failure> {
        let in_real_time = spec.config.transport.kind == TransportKind::Amqp;
        if in_real_time {
            wire::check_time()?;
            spec.config.transport.amqp.exchange_prefix = format!("world-{}", uuid::Uuid::new_v4().simple());
        }
        let store = Store::open("sqlite::memory:").await?;
        // An API alone would never open it, and the world writes its pool there.
        store.migrate().await?;
        let time = if in_real_time && spec.held {
            let (clock, hand) = Clock::by_hand(spec.beginning);
            Time { clock, hand: Some(hand) }
        } else {
            Time { clock: Clock::following_tokio(spec.beginning), hand: None }
        };
        let own = OwnServer::default();
        let fakes = FakeNet::new(Arc::new(own.clone()));
        Self::begin(spec, time, WorldNet { own, fakes, masters: Masters::default() }, store).await
    }

    /// Ends everything that runs, as a crash would, and starts it again on the same database, with the name servers as
    /// they are.
    ///
    /// # Errors
    /// If it cannot start.
    pub async fn crash(self) -> Result<Self, Failure> {
        let Self { spec, time, net, store, deployment, worker, .. } = self;
        net.own.put(None);
        drop((deployment, worker));
        Self::begin(spec, time, net, store).await
    }

    async fn begin(spec: Spec, time: Time, net: WorldNet, store: Store) -> Result<Self, Failure> {
        let clock = time.clock;
        let edges = Edges {
            clock,
            exchange: Arc::new(net.clone()),
            transfers: Arc::new(net.clone()),
            backends: Backends::standard(clock).with_fake_net(net.fakes.clone()),
            coordinator: None,
            store: Some(store.clone()),
        };
        let deployment = Deployment::start(spec.config.clone(), &spec.services, edges).await?;
        net.own.put(deployment.responder());
        pools::apply(&store, clock, &[pool(&spec)?], Options::default()).await?;
        let api = deployment.api().ok_or("a world without an API has nobody to talk to")?;
        let api = ApiClient::new(LocalApi::start(api).await);
        let worker = if spec.held { Some(held::worker(&*deployment.transport()).await?) } else { None };
        let world = Self { spec, time, net, store, deployment, api, worker };
        if world.is_in_real_time() && world.spec.services.contains(&ServiceKind::Central) {
            world.until("the services to find each other", async || world.is_answering().await).await?;
        }
        Ok(world)
    }

    /// True once a question to the API comes back with central's answer.
    async fn is_answering(&self) -> Result<bool, Failure> {
        let limits = self.api.raw(actix_web::http::Method::GET, "/v2/limits", &[], "").await?;
        Ok(limits.status.is_success())
    }

    fn is_in_real_time(&self) -> bool {
        self.spec.config.transport.kind == TransportKind::Amqp
    }

    /// The API, as an admin of the project `noauth-project`.
    #[must_use]
    pub const fn api(&self) -> &ApiClient {
        &self.api
    }

    /// The running deployment.
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// The database.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The world's wall time.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.time.clock
    }

    /// A reference to one of the services, to say to it what services say to each other.
    #[must_use]
    pub fn service<S: Service>(&self) -> ServiceRef<S> {
        self.deployment.transport().service_ref()
    }

    /// One of the fake name servers, from 1.
    #[must_use]
    pub fn nameserver(&self, number: usize) -> FakeServer {
        self.net.fakes.server(&nameserver_at(number))
    }

    /// A fake master at `host` or `host:port`, as the API takes it.
    ///
    /// # Errors
    /// If that is no place.
    pub fn master(&self, place: &str) -> Result<FakeMaster, Failure> {
        Ok(self.net.masters.at(&HostPort::parse_master(place)?))
    }

    /// Says to the deployment's own name server, from `from`, that a zone has changed, perhaps with the serial that it has
    /// now; what it answers.
    ///
    /// # Errors
    /// If the name is none or there is no answer.
    pub async fn notify(
        &self,
        zone: &str,
        from: IpAddr,
        serial: Option<u32>,
    ) -> Result<ResponseCode, Failure> {
        let mut message = question(&Name::parse(zone)?, RecordType::SOA).ok_or("not a name")?;
        message.metadata.op_code = OpCode::Notify;
        message.metadata.authoritative = true;
        if let Some(serial) = serial {
            let name = WireName::from_ascii(zone)?;
            let soa = SOA::new(name.clone(), name.clone(), serial, 1, 1, 1, 1);
            message.add_answer(Record::from_rdata(name, 0, RData::SOA(soa)));
        }
        let peer = Peer { address: (from, 53).into(), carrier: Carrier::Udp };
        let answer = self.net.own.ask_from(&message, peer).await.into_iter().next().ok_or("no answer")?;
        Ok(answer.metadata.response_code)
    }

    /// Lets time pass; everything that is due meanwhile happens. In a world that is held over a broker it is wall time alone
    /// that passes.
    ///
    /// # Panics
    /// In a world over a broker that is not held: there time is real and nobody can hurry it. Wait for what time should bring
    /// about, with [`Self::until`].
    #[expect(clippy::panic, reason = "how a test fails")]
    pub async fn advance(&self, time: Duration) {
        match self.time.hand {
            Some(hand) => hand.advance(time),
            None if self.is_in_real_time() => {
                panic!(
                    "time is real over a broker, and does not pass any faster: wait for a condition instead"
                )
            }
            None => tokio::time::sleep(time).await,
        }
    }

    /// Asks the deployment's own name server over UDP.
    ///
    /// # Errors
    /// If the name is none or there is no answer.
    pub async fn dig(&self, name: &str, kind: RecordType) -> Result<Message, Failure> {
        let question = question(&Name::parse(name)?, kind).ok_or("not a name")?;
        let answers = self.net.own.ask(&question, Carrier::Udp).await;
        answers.into_iter().next().ok_or_else(|| "no answer".into())
    }

    /// The data of what the own name server answers, as text, in order; empty if it has none.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn resolve(&self, name: &str, kind: RecordType) -> Result<Vec<String>, Failure> {
        let answer = self.dig(name, kind).await?;
        if answer.metadata.response_code != ResponseCode::NoError {
            return Ok(Vec::new());
        }
        let mut data: Vec<String> = answer.answers.iter().map(|record| record.data.to_string()).collect();
        data.sort();
        Ok(data)
    }

    /// Waits until the API shows the zone in this status.
    ///
    /// # Errors
    /// If it does not within an hour (over a broker: five real minutes); the failure tells what it shows instead.
    pub async fn zone_becomes(&self, id: &str, status: &str) -> Result<(), Failure> {
        let mut shown = String::new();
        self.until(&format!("zone {id} to be {status}"), async || {
            shown = self.api.zone(id).await?.status;
            Ok(shown == status)
        })
        .await
        .map_err(|failure| format!("{failure}; it is {shown}").into())
    }

    /// Waits until the zone is gone.
    ///
    /// # Errors
    /// If it is still there after an hour (over a broker: five real minutes).
    pub async fn zone_vanishes(&self, id: &str) -> Result<(), Failure> {
        let target = format!("/v2/zones/{id}");
        self.until(&format!("zone {id} to be gone"), async || {
            let reply = self.api.send(actix_web::http::Method::GET, &target, None).await?;
            Ok(reply.status.as_u16() == 404)
        })
        .await
    }

    /// Waits until `check` says so.
    ///
    /// # Errors
    /// If it fails, or says no for an hour (over a broker: five real minutes).
    pub async fn until(
        &self,
        what: &str,
        mut check: impl AsyncFnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let (mut glance, longest) = GLANCES;
        let (patience, longest) =
            if self.is_in_real_time() { (REAL_PATIENCE, REAL_GLANCE) } else { (PATIENCE, longest) };
        let end = Instant::now() + patience;
        while !check().await? {
            if Instant::now() >= end {
                return Err(format!("waited in vain for {what}").into());
            }
            tokio::time::sleep(glance).await;
            glance = glance.mul_f64(1.2).min(longest);
        }
        Ok(())
    }

    /// Drains and ends the deployment.
    pub async fn drain(self) {
        self.deployment.drain().await;
        if let Some(worker) = self.worker {
            worker.leave().await;
        }
    }
}

fn nameserver_at(number: usize) -> HostPort {
    HostPort::new(format!("ns{number}.world"), HostPort::DNS)
}

/// The pool of a world.
fn pool(spec: &Spec) -> Result<PoolSpec, Failure> {
    let servers: Vec<HostPort> = match spec.nameservers {
        0 => vec![HostPort::new(OWN, HostPort::DNS)],
        count => (1..=count).map(nameserver_at).collect(),
    };
    let target = |at: &HostPort| {
        let driver = if spec.nameservers == 0 { "native" } else { "fake" };
        let at = [("host", at.host.clone()), ("port", at.port.to_string())];
        TargetSpec {
            driver: driver.to_owned(),
            description: None,
            masters: vec![HostPort::new(OWN, HostPort::DNS)],
            options: at.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
            tsigkey_id: None,
        }
    };
    let mut names = spec.ns_records.clone();
    if names.is_empty() {
        names = (1..=servers.len()).map(|number| format!("ns{number}.world.test.")).collect();
    }
    let mut ns_records = Vec::new();
    for (name, priority) in names.iter().zip(1..) {
        ns_records.push(NsRecordSpec { hostname: Name::parse(name)?, priority });
    }
    Ok(PoolSpec {
        id: Some(spec.config.central.default_pool_id),
        name: "default".to_owned(),
        description: None,
        attributes: Some(BTreeMap::new()),
        ns_records: Some(ns_records),
        nameservers: Some(
            servers.iter().map(|at| NameserverSpec { at: at.clone(), tsigkey_id: None }).collect(),
        ),
        targets: Some(servers.iter().map(target).collect()),
        also_notifies: Some(Vec::new()),
        catalog_zone: None,
    })
}
