//! What the API's integration tests have in common: a world that is held, callers of its API, and every wire to run on.
//!
//! A test is a function of the wire; `on_every_wire!` makes of it one test for each: typed in process, in process through the
//! codec, and over a real RabbitMQ, which all tests of a program share. Without a broker (`ORDAIN_TEST_RABBITMQ=0`) the last
//! are left out.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::Method;
use ordain::actors::central::api::Central;
use ordain::actors::central::api::services::Heartbeat;
use ordain::config::{Config, NotificationDriver};
use ordain::domain::consensus::Answer;
use ordain::domain::ids::{InstanceId, NameserverId};
use ordain::domain::service_status::Health;
use ordain::domain::time::Timestamp;
use ordain::domain::zone_status::Outcome;
use ordain::store::repo::outbox;
use ordain::store::{Mode, Store, StoreError};
use ordain::testing::{Spec, Wire, World};
use ordain::transport::{Cx, Faked};
use serde_json::{Value, json};

use crate::rabbitmq::Rabbit;

/// Makes a test for every wire of each of these functions.
macro_rules! on_every_wire {
    ($($test:ident),+ $(,)?) => {
        mod typed {
            $(#[test] fn $test() { super::$test(&ordain::testing::Wire::Typed) })+
        }
        mod codec {
            $(#[test] fn $test() { super::$test(&ordain::testing::Wire::Codec) })+
        }
        mod amqp {
            $(#[test] fn $test() { crate::support::broker().iter().for_each(super::$test) })+
        }
    };
}
pub(crate) use on_every_wire;

/// The broker of all tests of a program. It ends with the program, which its keeper notices.
pub(crate) fn broker() -> Option<Wire> {
    static BROKER: OnceLock<Option<Rabbit>> = OnceLock::new();
    let broker = BROKER.get_or_init(Rabbit::start).as_ref()?;
    Some(broker.url().parse().unwrap())
}

/// A world whose changes wait until the test says what became of them.
pub(crate) struct Rig {
    pub(crate) world: World,
    pub(crate) store: Store,
}

/// Who is calling.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'r> {
    rig: &'r Rig,
    project: &'r str,
    roles: &'r str,
    header: Option<(&'r str, &'r str)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Rig {
    pub(crate) async fn on(wire: &Wire) -> Self {
        Self::configured(wire, |_| ()).await
    }

    pub(crate) async fn configured(wire: &Wire, change: impl FnOnce(&mut Config)) -> Self {
        let spec = Spec::held()
            .over(wire)
            .ns_records(&["ns1.example.net.", "ns2.example.net."])
            .beginning(Timestamp::from_micros(1_795_394_590_000_000))
            .configured(change);
        let world = World::start(spec).await.unwrap();
        Self { store: world.store().clone(), world }
    }

    /// A world that tells others what happens, and keeps what it is about to tell.
    pub(crate) async fn notifying(wire: &Wire) -> Self {
        Self::configured(wire, |config| {
            config.notifications.driver = NotificationDriver::Log;
            config.notifications.interval = Duration::from_secs(1_000_000);
        })
        .await
    }

    /// What others are told, in order: the event and its payload.
    pub(crate) async fn told(&self) -> Vec<(String, Value)> {
        let read = self.store.read(|tx| Box::pin(async move { outbox::first(tx, 1000).await }));
        let waiting = read.await.map_err(|error: StoreError| error).unwrap();
        let told = |body: &str| {
            let message: Value = serde_json::from_str(body).unwrap();
            (message["event_type"].as_str().unwrap().to_owned(), message["payload"].clone())
        };
        waiting.iter().map(|one| told(&one.body)).collect()
    }

    /// What is kept for those who ask again.
    pub(crate) async fn kept_outcomes(&self) -> Vec<String> {
        let mut tx = self.store.begin(Mode::Read).await.unwrap();
        let rows = tx.query("SELECT reply FROM inbox".into(), Vec::new()).await.unwrap();
        rows.into_iter().map(|mut row| row.text("reply").unwrap()).collect()
    }

    /// A member of project `p1`, who is a reader, too.
    pub(crate) fn member(&self) -> Caller<'_> {
        self.of("p1", "member,reader")
    }

    /// An admin of project `p1`.
    pub(crate) fn admin(&self) -> Caller<'_> {
        self.of("p1", "admin,member,reader")
    }

    pub(crate) fn of<'r>(&'r self, project: &'r str, roles: &'r str) -> Caller<'r> {
        Caller { rig: self, project, roles, header: None }
    }

    /// Time goes on.
    pub(crate) async fn wait(&self, seconds: u64) {
        self.world.advance(Duration::from_secs(seconds)).await;
    }

    /// The worker, which only takes its nudges.
    pub(crate) fn worker(&self) -> &Faked {
        self.world.held_worker().unwrap()
    }

    /// What a worker says about the newest change of a zone.
    pub(crate) async fn report(&self, zone: &str, outcome: Outcome) {
        self.report_answers(zone, outcome, Vec::new()).await;
    }

    /// What a worker says, and what it says that name servers said.
    pub(crate) async fn report_answers(
        &self,
        zone: &str,
        outcome: Outcome,
        answers: Vec<(NameserverId, Answer)>,
    ) {
        self.world.report(zone, outcome, answers).await.unwrap();
    }

    /// A service says that it runs.
    pub(crate) async fn heartbeat(&self, service: &str, host: &str) {
        let message = Heartbeat {
            service_name: service.into(),
            hostname: host.into(),
            instance: InstanceId::random(),
            health: Health::Up,
            stats: BTreeMap::from([("calls".into(), "3".into())]),
            capabilities: BTreeMap::new(),
        };
        self.world.service::<Central>().call(&Cx::system(Duration::from_secs(30)), message).await.unwrap();
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }
}

impl<'r> Caller<'r> {
    /// The same caller with one more header.
    pub(crate) fn with(self, name: &'r str, value: &'r str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        let body = body.map(|body| body.to_string());
        let media = body.is_some().then_some("application/json");
        self.sent(method, path, media, body.unwrap_or_default().into_bytes()).await
    }

    /// Sends any octets as any type.
    pub(crate) async fn raw(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Got {
        self.sent(method, path, Some(media), body.to_vec()).await
    }

    async fn sent(&self, method: &str, path: &str, media: Option<&str>, body: Vec<u8>) -> Got {
        let client =
            self.rig.world.api().clone().caller(self.project, self.roles).with("Host", "dns.example");
        let mut headers: Vec<_> = self.header.into_iter().collect();
        headers.extend(media.map(|media| ("Content-Type", media)));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let reply = client.raw(method, path, &headers, body).await.unwrap();
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        Got {
            status: reply.status.as_u16(),
            location: reply.headers.get("location").map(|value| value.to_str().unwrap().to_owned()),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.send("GET", path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Got {
        self.send("DELETE", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Got {
        self.send("POST", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Got {
        self.send("PATCH", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Got {
        self.send("PUT", path, Some(body)).await
    }

    /// Creates a zone; answers its id.
    pub(crate) async fn zone(&self, name: &str) -> String {
        let got = self.post("/v2/zones", json!({"name": name, "email": "a@example.org"})).await;
        assert_eq!(got.status, 202, "{name}: {}", got.text);
        got.id()
    }

    /// Creates a recordset; answers its id.
    pub(crate) async fn recordset(&self, zone: &str, name: &str, kind: &str, records: &[&str]) -> String {
        let body = json!({"name": name, "type": kind, "records": records});
        let got = self.post(&format!("/v2/zones/{zone}/recordsets"), body).await;
        assert_eq!(got.status, if records.is_empty() { 201 } else { 202 }, "{name}: {}", got.text);
        got.id()
    }
}

impl Got {
    pub(crate) fn id(&self) -> String {
        self.body["id"].as_str().unwrap().to_owned()
    }

    /// Status and type of an error.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, kind: &str) {
        assert_eq!((self.status, self.body["type"].as_str()), (status, Some(kind)), "{}", self.text);
        assert_eq!(self.body["code"], json!(status));
    }

    /// Status, type and exact message of an error.
    #[track_caller]
    pub(crate) fn refused_saying(&self, status: u16, kind: &str, message: &str) {
        self.refused(status, kind);
        assert_eq!(self.body["message"], json!(message));
    }

    /// One field of every item of a list.
    pub(crate) fn column(&self, collection: &str, field: &str) -> Vec<String> {
        let items = self.body[collection].as_array().unwrap_or_else(|| panic!("{}", self.text));
        items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
    }
}
