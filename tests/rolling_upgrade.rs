//! A fleet in the midst of an upgrade: two builds with one changed message speak to each other, both ways, through the
//! wire codec and over a real broker.
//!
//! The builds are two modules: one service, the same names on the wire, `rename` and `mark` in schema 1 and 2.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::health::Condition;
use ordain::transport::{
    Amqp, Cx, FaultCode, Host, HostConfig, InProcess, Inbox, Place, RetryPolicy, SchemaCeilings, Service,
    ServiceRef, Serving, Transport, run_threaded,
};
use parking_lot::Mutex;
use support::rabbitmq::Rabbit;
use tokio::sync::watch;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(180);

/// What an instance of either build was told: the name and, if the message said so, the time to live.
type Told = watch::Sender<Vec<(String, Option<u32>)>>;

/// The build before: a name is all that there is.
mod old {
    use super::{Cx, Service, Told};
    use ordain::transport::{Fault, Handle};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Zones;

    impl Service for Zones {
        const NAME: &'static str = "upgraded";
    }

    ordain::rpcs! { Zones;
        "rename" Rename => Renamed;
        "mark"   Mark   => (), repeatable;
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(crate) struct Rename {
        pub(crate) name: String,
    }

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct Renamed {
        pub(crate) name: String,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(crate) struct Mark {
        pub(crate) name: String,
    }

    #[derive(Debug)]
    pub(crate) struct State(pub(crate) Told);

    impl Handle<Rename> for State {
        async fn handle(&self, _: &Cx, Rename { name }: Rename) -> Result<Renamed, Fault> {
            self.0.send_modify(|told| told.push((name.clone(), None)));
            Ok(Renamed { name })
        }
    }

    impl Handle<Mark> for State {
        async fn handle(&self, _: &Cx, Mark { name }: Mark) -> Result<(), Fault> {
            self.0.send_modify(|told| told.push((name, None)));
            Ok(())
        }
    }
}

/// The build after: names have a time to live.
mod new {
    use super::{Cx, Service, Told, old};
    use ordain::transport::{Fault, Handle, Older, codec};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Zones;

    impl Service for Zones {
        const NAME: &'static str = "upgraded";
    }

    ordain::rpcs! { Zones;
        "rename" Rename => Renamed, schema = 2, older = First;
        "mark"   Mark   => (), repeatable, schema = 2, older = First;
        "added"  Added  => ();
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(crate) struct Rename {
        pub(crate) name: String,
        pub(crate) ttl: Option<u32>,
    }

    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct Renamed {
        pub(crate) name: String,
        pub(crate) ttl: Option<u32>,
    }

    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(crate) struct Mark {
        pub(crate) name: String,
        pub(crate) ttl: Option<u32>,
    }

    /// The old build knows no such thing.
    #[derive(Debug, Clone, Serialize, Deserialize)]
    pub(crate) struct Added;

    /// The shapes of schema 1.
    pub(crate) struct First;

    impl Older<Rename> for First {
        fn read(from: u16, body: &[u8]) -> Option<Rename> {
            let old::Rename { name } = (from == 1).then(|| codec::decode(body).ok()).flatten()?;
            Some(Rename { name, ttl: None })
        }

        fn write(message: &Rename, to: u16) -> Option<Vec<u8>> {
            (to == 1).then(|| codec::encode(&old::Rename { name: message.name.clone() }).ok()).flatten()
        }

        fn read_reply(from: u16, body: &[u8]) -> Option<Renamed> {
            let old::Renamed { name } = (from == 1).then(|| codec::decode(body).ok()).flatten()?;
            Some(Renamed { name, ttl: None })
        }

        fn write_reply(reply: &Renamed, to: u16) -> Option<Vec<u8>> {
            (to == 1).then(|| codec::encode(&old::Renamed { name: reply.name.clone() }).ok()).flatten()
        }
    }

    impl Older<Mark> for First {
        fn read(from: u16, body: &[u8]) -> Option<Mark> {
            let old::Mark { name } = (from == 1).then(|| codec::decode(body).ok()).flatten()?;
            Some(Mark { name, ttl: None })
        }

        fn write(message: &Mark, to: u16) -> Option<Vec<u8>> {
            (to == 1).then(|| codec::encode(&old::Mark { name: message.name.clone() }).ok()).flatten()
        }

        fn read_reply(from: u16, body: &[u8]) -> Option<()> {
            (from == 1).then(|| codec::decode(body).ok()).flatten()
        }

        fn write_reply((): &(), to: u16) -> Option<Vec<u8>> {
            (to == 1).then(|| codec::encode(&()).ok()).flatten()
        }
    }

    #[derive(Debug)]
    pub(crate) struct State(pub(crate) Told);

    impl Handle<Rename> for State {
        async fn handle(&self, _: &Cx, Rename { name, ttl }: Rename) -> Result<Renamed, Fault> {
            self.0.send_modify(|told| told.push((name.clone(), ttl)));
            Ok(Renamed { name, ttl })
        }
    }

    impl Handle<Mark> for State {
        async fn handle(&self, _: &Cx, Mark { name, ttl }: Mark) -> Result<(), Fault> {
            self.0.send_modify(|told| told.push((name, ttl)));
            Ok(())
        }
    }

    impl Handle<Added> for State {
        async fn handle(&self, _: &Cx, _: Added) -> Result<(), Fault> {
            Ok(())
        }
    }
}

/// The transports of one fleet: one that writes the newest schemas, one under ceilings.
struct Fleet {
    plain: Arc<dyn Transport>,
    under_ceilings: Arc<dyn Transport>,
    /// How many dead letters there are, and the reason of the next one.
    broker: Option<(&'static Rabbit, String)>,
    turn: Mutex<u32>,
}

struct Instance {
    told: Told,
    serving: Serving,
}

impl Instance {
    async fn told(&self, count: usize) -> Vec<(String, Option<u32>)> {
        let mut told = self.told.subscribe();
        let told = timeout(LIMIT, told.wait_for(|told| told.len() >= count)).await;
        told.unwrap().unwrap().clone()
    }
}

fn ceilings() -> SchemaCeilings {
    SchemaCeilings::default().with("upgraded", "rename", 1).with("upgraded", "mark", 1)
}

fn patient() -> Cx {
    Cx::system(Duration::from_secs(150))
}

impl Fleet {
    fn within_a_process() -> Self {
        let plain = InProcess::through_codec();
        let under_ceilings = Arc::new(plain.up_to(ceilings()));
        Self { plain: Arc::new(plain), under_ceilings, broker: None, turn: Mutex::new(0) }
    }

    async fn over(broker: &'static Rabbit, prefix: &str) -> Self {
        let config = AmqpConfig {
            urls: vec![BrokerUrl::parse(&broker.url()).unwrap()],
            exchange_prefix: prefix.to_owned(),
            ..Config::default().transport.amqp
        };
        let plain = Amqp::start(config.clone()).await.unwrap();
        let under_ceilings = Amqp::start_up_to(config, ceilings(), Condition::alone("broker")).await.unwrap();
        for amqp in [&plain, &under_ceilings] {
            amqp.ready(LIMIT).await.unwrap();
        }
        let (plain, under_ceilings) = (Arc::new(plain), Arc::new(under_ceilings));
        Self { plain, under_ceilings, broker: Some((broker, format!("{prefix}.dead"))), turn: Mutex::new(0) }
    }

    async fn mount(&self, make: impl FnOnce(Told) -> Inbox) -> Instance {
        let told = watch::Sender::new(Vec::new());
        let inbox = make(told.clone());
        let serving = self.plain.serve(old::Zones::endpoint(), inbox).await.unwrap();
        Instance { told, serving }
    }

    async fn mount_old(&self) -> Instance {
        let place = Place::current().unwrap();
        self.mount(|told| {
            Host::start(Arc::new(old::State(told)), old::routes(), HostConfig::default(), &place)
        })
        .await
    }

    async fn mount_new(&self) -> Instance {
        let place = Place::current().unwrap();
        self.mount(|told| {
            Host::start(Arc::new(new::State(told)), new::routes(), HostConfig::default(), &place)
        })
        .await
    }

    fn name(&self) -> String {
        let mut turn = self.turn.lock();
        *turn += 1;
        format!("zone-{turn}")
    }

    /// Clients of the old build notice nothing.
    async fn old_clients_are_served(&self, calls: usize) {
        let zones = ServiceRef::<old::Zones>::new(Arc::clone(&self.plain)).retrying(RetryPolicy::NEVER);
        for _ in 0..calls {
            let name = self.name();
            let renamed = zones.call(&patient(), old::Rename { name: name.clone() }).await;
            assert_eq!(renamed, Ok(old::Renamed { name }));
            assert_eq!(zones.cast(&patient(), old::Mark { name: self.name() }).await, Ok(()));
            assert_eq!(zones.call(&patient(), old::Mark { name: self.name() }).await, Ok(()));
        }
    }

    /// Clients of the new build notice nothing, whether they know of the old ones or not. How often an answer was new.
    async fn new_clients_are_served(&self, transport: &Arc<dyn Transport>, calls: usize) -> usize {
        let zones = ServiceRef::<new::Zones>::new(Arc::clone(transport)).retrying(RetryPolicy::NEVER);
        let mut new_answers = 0;
        for _ in 0..calls {
            let (name, ttl) = (self.name(), Some(300));
            let renamed = zones.call(&patient(), new::Rename { name: name.clone(), ttl }).await.unwrap();
            assert_eq!(renamed.name, name);
            new_answers += usize::from(renamed.ttl == ttl);
            assert_eq!(zones.call(&patient(), new::Mark { name: self.name(), ttl }).await, Ok(()));
        }
        new_answers
    }

    /// What the next dead letter says, if there is one.
    async fn dead_letter(&self) -> Option<String> {
        let (broker, dead) = self.broker.as_ref()?;
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(dead.clone().into(), passive, FieldTable::default()).await.unwrap();
        let letter =
            channel.basic_get(dead.clone().into(), BasicGetOptions { no_ack: true }).await.unwrap()?;
        let headers = letter.delivery.properties.headers().clone().unwrap();
        let reason = headers.inner().get("x-ordain-reason").and_then(|text| text.as_long_string()).unwrap();
        Some(reason.to_string())
    }
}

async fn from_all_old_to_all_new(fleet: Fleet) {
    const CALLS: usize = 10;
    let old = fleet.mount_old().await;
    fleet.old_clients_are_served(CALLS).await;
    assert_eq!(fleet.new_clients_are_served(&fleet.under_ceilings, CALLS).await, 0);
    assert_eq!(fleet.new_clients_are_served(&fleet.plain, CALLS).await, 0);

    // Both builds at a time, in any pairing.
    let new = fleet.mount_new().await;
    let (old_before, new_before) = (old.told.borrow().len(), new.told.borrow().len());
    fleet.old_clients_are_served(CALLS).await;
    assert_eq!(
        fleet.new_clients_are_served(&fleet.under_ceilings, CALLS).await,
        0,
        "ceilings hold everywhere"
    );
    let new_answers = fleet.new_clients_are_served(&fleet.plain, CALLS).await;
    assert!(new_answers <= CALLS);
    assert!(old.told.borrow().len() > old_before && new.told.borrow().len() > new_before, "both took part");

    // Under a ceiling everybody understands what is sent to all.
    let zones = ServiceRef::<new::Zones>::new(Arc::clone(&fleet.under_ceilings));
    let counts = (old.told.borrow().len(), new.told.borrow().len());
    zones.fanout(&patient(), new::Mark { name: "to all".into(), ttl: Some(1) }).await.unwrap();
    for (instance, before) in [(&old, counts.0), (&new, counts.1)] {
        let told = instance.told(before + 1).await;
        assert!(told.contains(&("to all".into(), None)), "{told:?}");
    }
    assert_eq!(fleet.dead_letter().await, None, "nothing was lost so far");

    // Without one it is a dead letter where it is not understood.
    let zones = ServiceRef::<new::Zones>::new(Arc::clone(&fleet.plain)).retrying(RetryPolicy::NEVER);
    let to_old = zones.at(old.serving.endpoint().instance);
    to_old.cast(&patient(), new::Mark { name: "too new".into(), ttl: Some(1) }).await.unwrap();
    if fleet.broker.is_some() {
        let reason = async {
            loop {
                if let Some(reason) = fleet.dead_letter().await {
                    return reason;
                }
            }
        };
        let reason = timeout(LIMIT, reason).await.unwrap();
        assert!(reason.contains("schema 2 of mark is not known here"), "{reason}");
    }
    // Who waits for an answer hears of it.
    let fault = to_old.call(&patient(), new::Added).await.unwrap_err();
    assert_eq!((fault.code, fault.maybe_done), (FaultCode::UnknownSchema, false), "{fault}");

    // The last old one goes: what is new gets through.
    old.serving.drain(tokio::time::Instant::now() + LIMIT).await;
    assert_eq!(fleet.new_clients_are_served(&fleet.plain, CALLS).await, CALLS);
    fleet.old_clients_are_served(CALLS).await;
    assert_eq!(fleet.dead_letter().await, None);
}

#[test]
fn two_builds_speak_to_each_other_through_the_codec() {
    run_threaded(from_all_old_to_all_new(Fleet::within_a_process()));
}

#[test]
fn two_builds_speak_to_each_other_over_a_broker() {
    let Some(broker) = Rabbit::start() else { return };
    let broker: &'static Rabbit = Box::leak(Box::new(broker));
    run_threaded(async move {
        timeout(LIMIT * 2, async { from_all_old_to_all_new(Fleet::over(broker, "upgrade").await).await })
            .await
            .unwrap();
    });
}
