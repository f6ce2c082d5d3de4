//! What others are told over a real broker: every field of it, in order, and nothing lost while the broker is away.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use actix_web::http::Method;
use lapin::options::{BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use ordain::actors::central::api::Central;
use ordain::actors::central::api::outbox::EmitExists;
use ordain::config::{BrokerUrl, Config, DatabaseUrl, NotificationDriver, PayloadFormat, TaskName};
use ordain::deployment::{Deployment, Edges, ServiceKind};
use ordain::domain::shard::Shard;
use ordain::domain::shard_lease::ShardLease;
use ordain::http::LocalApi;
use ordain::store::repo::outbox;
use ordain::store::{Store, StoreError};
use ordain::testing::{Spec, World, run};
use ordain::transport::{Cx, run_threaded};
use serde_json::{Value, json};
use support::ports::free_port;
use support::rabbitmq::Rabbit;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(120);

fn config(folder: &Path, broker: &Rabbit) -> Config {
    let mut config = Config::default();
    config.node.host = "host1".to_owned();
    config.api.listen.clear();
    config.mdns.listen = vec![free_port()];
    config.database.url = DatabaseUrl::SqliteFile(folder.join("ordain.db"));
    config.coordinator.state_path = None;
    config.notifications.driver = NotificationDriver::MessagingV2;
    config.notifications.durable = true;
    config.notifications.interval = Duration::from_millis(100);
    config.notifications.urls = vec![BrokerUrl::parse(&broker.url()).unwrap()];
    config.producer.enabled_tasks.retain(|task| *task != TaskName::PeriodicExists);
    config
}

async fn start(config: &Config) -> (Deployment, LocalApi) {
    let deployment = Deployment::start(config.clone(), &ServiceKind::ALL, Edges::real()).await.unwrap();
    let api = LocalApi::start(deployment.api().unwrap()).await;
    (deployment, api)
}

async fn send(api: &LocalApi, method: Method, path: &str, body: Option<Value>) -> Value {
    let headers = [
        ("X-Auth-Project-ID", "p1"),
        ("X-Auth-User-ID", "u1"),
        ("X-Roles", "member,reader"),
        ("Content-Type", "application/json"),
    ];
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let reply = api.send(method, path, &headers, body).await.unwrap();
    assert_eq!(reply.status.as_u16(), 202, "{path}: {:?}", reply.body);
    serde_json::from_slice(&reply.body).unwrap()
}

async fn create(api: &LocalApi, name: &str) -> Value {
    send(api, Method::POST, "/v2/zones", Some(json!({"name": name, "email": "admin@example.org"}))).await
}

/// Somebody who listens.
struct Listener {
    channel: Channel,
    queue: String,
    _connection: Connection,
}

impl Listener {
    async fn new(broker: &Rabbit, queue: &str) -> Self {
        let connection = Connection::connect(&broker.url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.into(), durable, FieldTable::default()).await.unwrap();
        Self { channel, queue: queue.to_owned(), _connection: connection }
    }

    /// The next message as it is.
    async fn raw(&self) -> (Value, BasicProperties) {
        let getting = async {
            loop {
                let options = BasicGetOptions { no_ack: true };
                if let Some(got) = self.channel.basic_get(self.queue.as_str().into(), options).await.unwrap()
                {
                    let delivery = got.delivery;
                    assert_eq!(delivery.routing_key.as_str(), self.queue);
                    // A fresh service makes its pool first.
                    if String::from_utf8_lossy(&delivery.data).contains("dns.pool.create") {
                        continue;
                    }
                    return (serde_json::from_slice(&delivery.data).unwrap(), delivery.properties);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LIMIT, getting).await.unwrap()
    }

    /// The next message out of its envelope.
    async fn next(&self) -> Value {
        let (envelope, _) = self.raw().await;
        assert_eq!(envelope.as_object().unwrap().len(), 2, "{envelope}");
        assert_eq!(envelope["oslo.version"], "2.0");
        serde_json::from_str(envelope["oslo.message"].as_str().unwrap()).unwrap()
    }
}

#[test]
fn every_change_is_told_in_order_and_in_every_field() {
    let Some(broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let (deployment, api) = start(&config(folder.path(), &broker)).await;
        let zone = create(&api, "example.org.").await;
        let path = format!("/v2/zones/{}", zone["id"].as_str().unwrap());
        let sets = format!("{path}/recordsets");
        send(&api, Method::PATCH, &path, Some(json!({"ttl": 600}))).await;
        let body = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
        let set = send(&api, Method::POST, &sets, Some(body)).await;
        let set_path = format!("{sets}/{}", set["id"].as_str().unwrap());
        send(&api, Method::PUT, &set_path, Some(json!({"records": ["192.0.2.2"], "ttl": 60}))).await;
        send(&api, Method::DELETE, &set_path, None).await;
        send(&api, Method::DELETE, &path, None).await;

        let listener = Listener::new(&broker, "notifications.info").await;
        let (envelope, properties) = listener.raw().await;
        assert_eq!(properties.content_type().as_ref().unwrap().as_str(), "application/json");
        assert_eq!(properties.content_encoding().as_ref().unwrap().as_str(), "utf-8");
        assert_eq!((*properties.delivery_mode(), *properties.priority()), (Some(2), Some(0)));
        assert_eq!(properties.expiration(), &None);
        let first: Value = serde_json::from_str(envelope["oslo.message"].as_str().unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        assert_eq!(text(&first["message_id"]).len(), 36);
        assert_eq!(text(&first["_unique_id"]).len(), 32);
        assert_eq!(first["publisher_id"], "central.host1");
        assert_eq!((&first["event_type"], &first["priority"]), (&json!("dns.zone.create"), &json!("INFO")));
        let timestamp = text(&first["timestamp"]);
        assert!(timestamp.len() == 26 && timestamp.as_bytes()[10] == b' ', "{timestamp}");
        assert_eq!(first["_context_project_id"], "p1");
        assert_eq!(first["_context_user_id"], "u1");
        assert_eq!(first["_context_roles"], json!(["member", "reader"]));
        assert_eq!(first["_context_is_admin"], false);
        assert!(text(&first["_context_request_id"]).starts_with("req-"), "{first}");
        let payload = &first["payload"];
        for field in [
            "id",
            "pool_id",
            "project_id",
            "name",
            "email",
            "ttl",
            "type",
            "serial",
            "version",
            "action",
            "status",
            "shared",
        ] {
            assert_eq!(payload[field], zone[field], "{field}");
        }
        assert_eq!((&payload["tenant_id"], &payload["minimum"]), (&json!("p1"), &json!(3600)));
        assert_eq!(text(&payload["created_at"])[..19], text(&zone["created_at"])[..19]);

        let mut ids = BTreeSet::from([text(&first["message_id"])]);
        let mut told = Vec::new();
        for _ in 0..8 {
            told.push(listener.next().await);
        }
        ids.extend(told.iter().map(|message| text(&message["message_id"])));
        assert_eq!(ids.len(), 9);
        let events: Vec<String> = told.iter().map(|message| text(&message["event_type"])).collect();
        assert_eq!(
            events,
            [
                "dns.domain.create",
                "dns.zone.update",
                "dns.domain.update",
                "dns.recordset.create",
                "dns.recordset.update",
                "dns.recordset.delete",
                "dns.zone.delete",
                "dns.domain.delete",
            ]
        );
        assert_eq!(told[1]["payload"]["ttl"], 600);
        let shown = &told[4]["payload"];
        assert_eq!((&shown["id"], &shown["type"], &shown["ttl"]), (&set["id"], &json!("A"), &json!(60)));
        assert_eq!(shown["records"], json!([{"data": "192.0.2.2"}]));
        assert_eq!((&shown["zone_name"], &shown["zone_id"]), (&json!("example.org."), &zone["id"]));
        assert_eq!(told[7]["payload"]["action"], "DELETE");
        deployment.drain().await;
    });
}

#[test]
fn audits_name_each_field_with_its_old_and_new_value() {
    let Some(broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let mut config = config(folder.path(), &broker);
        config.notifications.payload = PayloadFormat::Audit;
        config.notifications.driver = NotificationDriver::Messaging;
        config.notifications.topics = vec!["one".to_owned(), "two".to_owned()];
        config.notifications.exchange = "elsewhere".to_owned();
        let (deployment, api) = start(&config).await;
        let zone = create(&api, "example.org.").await;
        let path = format!("/v2/zones/{}", zone["id"].as_str().unwrap());
        let sets = format!("{path}/recordsets");
        let body = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.1", "192.0.2.0"]});
        let set = send(&api, Method::POST, &sets, Some(body)).await;
        let set_path = format!("{sets}/{}", set["id"].as_str().unwrap());
        send(&api, Method::PUT, &set_path, Some(json!({"records": ["192.0.2.2"], "ttl": 60}))).await;
        send(&api, Method::DELETE, &path, None).await;

        for topic in ["one.info", "two.info"] {
            let listener = Listener::new(&broker, topic).await;
            let (mut updates, mut fields) = (Vec::new(), BTreeSet::new());
            loop {
                let (message, _) = listener.raw().await;
                let payload = &message["payload"];
                assert_eq!(
                    (&payload["zone_name"], &payload["zone_id"]),
                    (&json!("example.org."), &zone["id"])
                );
                match message["event_type"].as_str().unwrap() {
                    "dns.zone.create" => {
                        assert_eq!(
                            (&payload["recordset_name"], &payload["old_data"]),
                            (&json!(null), &json!(null))
                        );
                        fields.insert(payload["changed_field"].as_str().unwrap().to_owned());
                    }
                    "dns.recordset.update" => updates.push(payload.clone()),
                    "dns.domain.delete" => {
                        assert_eq!(payload["changed_field"], json!(null));
                        break;
                    }
                    _ => {}
                }
            }
            assert!(fields.contains("name") && fields.contains("email") && !fields.contains("description"));
            let of = |field: &str| updates.iter().find(|update| update["changed_field"] == field).unwrap();
            assert_eq!(updates.len(), 2);
            assert_eq!((&of("ttl")["old_data"], &of("ttl")["new_data"]), (&json!(null), &json!(60)));
            let records = of("records");
            assert_eq!(records["recordset_name"], "www.example.org.");
            assert_eq!(
                (&records["old_data"], &records["new_data"]),
                (&json!("192.0.2.0 192.0.2.1"), &json!("192.0.2.2"))
            );
        }
        deployment.drain().await;
    });
}

#[test]
fn a_broker_that_is_away_loses_nothing_nor_does_a_restart() {
    let Some(mut broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let config = config(folder.path(), &broker);
        let (deployment, api) = start(&config).await;
        create(&api, "before.example.").await;
        let listener = Listener::new(&broker, "notifications.info").await;
        for event in ["dns.zone.create", "dns.domain.create"] {
            assert_eq!(listener.next().await["event_type"], event);
        }
        broker.kill();
        for n in 0..4 {
            create(&api, &format!("during{n}.example.")).await;
        }
        deployment.drain().await;
        let (deployment, api) = start(&config).await;
        create(&api, "restarted.example.").await;
        broker.start_again();
        create(&api, "after.example.").await;

        let listener = Listener::new(&broker, "notifications.info").await;
        let mut told = BTreeSet::new();
        while told.len() < 12 {
            let message = listener.next().await;
            let name = message["payload"]["name"].as_str().unwrap().to_owned();
            // Its confirmation may have been lost with the broker: then it is told again.
            if name != "before.example." {
                told.insert((name, message["event_type"].as_str().unwrap().to_owned()));
            }
        }
        let names: BTreeSet<&str> = told.iter().map(|(name, _)| name.split_once('.').unwrap().0).collect();
        assert_eq!(names, BTreeSet::from(["after", "during0", "during1", "during2", "during3", "restarted"]));
        deployment.drain().await;
    });
}

#[test]
fn that_zones_exist_is_told_in_every_period() {
    let Some(broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let mut config = config(folder.path(), &broker);
        config.producer.enabled_tasks = TaskName::ALL.to_vec();
        config.producer.periodic_exists.interval = Duration::from_secs(1);
        config.producer.periodic_exists.batch_size = 2;
        let (deployment, api) = start(&config).await;
        for n in 0..5 {
            create(&api, &format!("z{n}.example.")).await;
        }
        let listener = Listener::new(&broker, "notifications.info").await;
        let mut told = BTreeSet::new();
        while told.len() < 10 {
            let message = listener.next().await;
            let event = message["event_type"].as_str().unwrap().to_owned();
            if !event.ends_with(".exists") {
                continue;
            }
            let payload = &message["payload"];
            let (begin, end) = (&payload["audit_period_beginning"], &payload["audit_period_ending"]);
            assert!(begin.as_str().unwrap() < end.as_str().unwrap(), "{message}");
            assert_eq!(payload["email"], "admin@example.org");
            told.insert((payload["name"].as_str().unwrap().to_owned(), event));
        }
        deployment.drain().await;
    });
}

async fn waiting(store: &Store) -> usize {
    let found: Result<_, StoreError> = store.read(|tx| Box::pin(outbox::first(tx, 1000))).await;
    found.unwrap().len()
}

#[test]
fn nobody_is_told_anything_unless_it_is_configured() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        assert_eq!(waiting(world.store()).await, 0);
        Ok(())
    });
}

#[test]
fn an_outbox_that_is_full_or_old_holds_nothing_up() {
    run(async {
        let spec = Spec::all_in_one().configured(|config| {
            config.producer.enabled_tasks.retain(|task| *task != TaskName::PeriodicExists);
            config.notifications.driver = NotificationDriver::MessagingV2;
            // Nobody listens there.
            config.notifications.urls = vec![BrokerUrl::parse("amqp://127.0.0.1:1/%2f").unwrap()];
            config.notifications.outbox_length = 5;
            config.notifications.outbox_age = Duration::from_secs(600);
        });
        let world = World::start(spec).await?;
        for n in 0..10 {
            let zone = world.api().create_zone(&format!("z{n}.example.")).await?;
            world.zone_becomes(&zone.id, "ACTIVE").await?;
        }
        assert_eq!(waiting(world.store()).await, 6, "two for each zone, until five wait");
        world.until("what is too old to go", async || Ok(waiting(world.store()).await == 0)).await?;
        Ok(())
    });
}

#[test]
fn that_a_zone_exists_is_told_once_in_a_period_whoever_dies() {
    run(async {
        let spec = Spec::all_in_one().configured(|config| {
            config.producer.enabled_tasks.retain(|task| *task != TaskName::PeriodicExists);
            config.notifications.driver = NotificationDriver::MessagingV2;
            // Nobody listens there.
            config.notifications.urls = vec![BrokerUrl::parse("amqp://127.0.0.1:1/%2f").unwrap()];
        });
        let world = World::start(spec).await?;
        for n in 0..8 {
            world.api().create_zone(&format!("z{n}.example.")).await?;
        }
        let before = waiting(world.store()).await;
        let central = world.service::<Central>();
        let (cx, first, last) = (Cx::system(Duration::from_secs(30)), Shard::FIRST, Shard::LAST);
        let tell = async |token: u64, end: i64, after| {
            let leases = vec![ShardLease { first, last, token }];
            let message = EmitExists { leases, after, period: (end - 3600, end), limit: 3 };
            central.call(&cx, message).await
        };
        // The first producer dies after the first step; its successor begins anew, and is not done when a third one does.
        let after = tell(5, 7200, None).await.unwrap();
        assert!(after.is_some());
        let after = tell(6, 7200, None).await.unwrap();
        tell(6, 7200, after).await.unwrap();
        assert!(tell(5, 7200, after).await.is_err(), "it was overtaken");
        for end in [7200, 7200, 10_800, 7200] {
            let mut after = None;
            loop {
                after = tell(7, end, after).await.unwrap();
                if after.is_none() {
                    break;
                }
            }
        }
        let found: Result<_, StoreError> = world.store().read(|tx| Box::pin(outbox::first(tx, 1000))).await;
        let told: Vec<Value> =
            found.unwrap()[before..].iter().map(|one| serde_json::from_str(&one.body).unwrap()).collect();
        let mut times = BTreeMap::new();
        for message in &told {
            let payload = &message["payload"];
            let (name, end) = (&payload["name"], &payload["audit_period_ending"]);
            *times.entry(format!("{} {name} {end}", message["event_type"])).or_insert(0) += 1;
        }
        assert_eq!((times.len(), told.len()), (8 * 2 * 2, 8 * 2 * 2), "{times:#?}");
        Ok(())
    });
}
