//! The REST API on the real central and a database in memory, with a worker that only takes its nudges.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "shared by tests, which fail loudly"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use ordain::actors::central::CentralService;
use ordain::actors::central::api::services::Heartbeat;
use ordain::actors::central::api::status::ReportZone;
use ordain::actors::central::api::{self, Central};
use ordain::actors::worker::api::{PublishZone, Worker};
use ordain::clock::Clock;
use ordain::config::Config;
use ordain::domain::consensus::Answer;
use ordain::domain::generation::Generation;
use ordain::domain::ids::{InstanceId, NameserverId, NsRecordId, PoolId, ZoneId};
use ordain::domain::name::Name;
use ordain::domain::policy::Policy;
use ordain::domain::pool::{NsRecord, Pool};
use ordain::domain::service_status::Health;
use ordain::domain::time::Timestamp;
use ordain::domain::zone_status::Outcome;
use ordain::http::{Api, ApiSettings, HealthCheck, LocalApi};
use ordain::store::repo::{pools, zones};
use ordain::store::{Store, StoreError};
use ordain::transport::{
    Cx, Fake, Faked, Host, HostConfig, InProcess, Place, Service, ServiceRef, Serving, Transport,
};
use serde_json::{Value, json};

/// Everything behind the API.
pub(crate) struct Rig {
    pub(crate) store: Store,
    pub(crate) worker: Faked,
    central: ServiceRef<Central>,
    clock: Clock,
    api: LocalApi,
    _serving: Serving,
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
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let store = Store::open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        let clock = Clock::following_tokio(Timestamp::from_micros(1_795_394_590_000_000));
        let pool = pool(clock.now());
        store
            .transact(|tx| {
                let (pool, now) = (pool.clone(), clock.now());
                Box::pin(async move { pools::put(tx, &pool, now).await.map(drop) })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        let transport = InProcess::through_codec();
        let worker = Fake::<Worker>::on(|_: PublishZone| Ok(())).mount(&transport).await.unwrap();
        let policy = Arc::new(Policy::defaults().unwrap());
        let settings = ApiSettings::from(&config);
        let state = CentralService::new(
            store.clone(),
            clock,
            Arc::clone(&policy),
            config.central,
            transport.service_ref(),
        );
        let place = Place::current().unwrap();
        let inbox = Host::start(Arc::new(state), api::routes(), HostConfig::default(), &place);
        let serving = transport.serve(Central::endpoint(), inbox).await.unwrap();
        let api = Api::new(transport.service_ref(), policy, settings, HealthCheck::default());
        Self {
            store,
            worker,
            central: transport.service_ref(),
            clock,
            api: LocalApi::start(&api).await,
            _serving: serving,
        }
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
        tokio::time::advance(Duration::from_secs(seconds)).await;
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
        let zone_id: ZoneId = zone.parse().unwrap();
        let generation = self.generation(zone_id).await;
        let message = ReportZone { zone_id, generation, outcome, answers };
        self.central.call(&Cx::system(Duration::from_secs(5)), message).await.unwrap();
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
        self.central.call(&Cx::system(Duration::from_secs(5)), message).await.unwrap();
    }

    async fn generation(&self, zone: ZoneId) -> Generation {
        let found = self
            .store
            .transact(|tx| Box::pin(async move { zones::lock(tx, zone).await }))
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        found.unwrap().progress.generation
    }

    /// The present.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn pool(now: Timestamp) -> Pool {
    let ns = |name, priority| NsRecord {
        id: NsRecordId::random(),
        hostname: Name::parse(name).unwrap(),
        priority,
    };
    Pool {
        id: PoolId::DEFAULT,
        name: "default".into(),
        description: None,
        attributes: BTreeMap::new(),
        ns_records: vec![ns("ns1.example.net.", 1), ns("ns2.example.net.", 2)],
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        version: 1,
        created_at: now,
        updated_at: None,
    }
}

impl<'r> Caller<'r> {
    /// The same caller with one more header.
    pub(crate) fn with(self, name: &'r str, value: &'r str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Got {
        let mut headers =
            vec![("Host", "dns.example"), ("X-Auth-Project-ID", self.project), ("X-Roles", self.roles)];
        headers.extend(body.is_some().then_some(("Content-Type", "application/json")));
        headers.extend(self.header);
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let reply = self.rig.api.send(method, path, &headers, body).await.unwrap();
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
