//! A deployment over a broker: the API in one place, everything else in another, and the broker comes and goes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails loudly")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use actix_web::http::Method;
use ordain::config::{BrokerUrl, Config, DatabaseUrl, TransportKind};
use ordain::deployment::{Deployment, Edges, ServiceKind};
use ordain::http::LocalApi;
use ordain::transport::run_threaded;
use serde_json::{Value, json};
use support::ports::free_port;
use support::rabbitmq::Rabbit;
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(180);

fn config(folder: &Path, broker: &Rabbit) -> Config {
    let mut config = Config::default();
    config.api.listen.clear();
    config.mdns.listen = vec![free_port()];
    config.database.url = DatabaseUrl::SqliteFile(folder.join("ordain.db"));
    config.coordinator.state_path = None;
    config.transport.kind = TransportKind::Amqp;
    config.transport.amqp.urls = vec![BrokerUrl::parse(&broker.url()).unwrap()];
    config
}

async fn send(api: &LocalApi, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let headers =
        [("X-Auth-Project-ID", "p1"), ("X-Roles", "member,reader"), ("Content-Type", "application/json")];
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let reply = api.send(method, path, &headers, body).await.unwrap();
    (reply.status.as_u16(), serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
}

/// Creates a zone as soon as that is possible, and waits until it is ACTIVE. Answers before are refusals in time.
async fn zone(api: &LocalApi, name: &str) {
    let body = json!({"name": name, "email": "admin@example.org"});
    let created = async {
        loop {
            let (status, answer) = send(api, Method::POST, "/v2/zones", Some(body.clone())).await;
            if status == 202 {
                return answer;
            }
            assert_eq!(status, 503, "{answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let created = timeout(LIMIT, created).await.unwrap();
    let path = format!("/v2/zones/{}", created["id"].as_str().unwrap());
    let deadline = Instant::now() + LIMIT;
    loop {
        let (status, answer) = send(api, Method::GET, &path, None).await;
        if answer["status"] == "ACTIVE" {
            return;
        }
        assert!(Instant::now() < deadline, "{name} stays {status} {answer}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn the_api_stands_apart_and_the_broker_may_go_and_come() {
    let Some(mut broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let behind = config(folder.path(), &broker);
        let mut before = behind.clone();
        before.mdns.listen.clear();
        let services = [ServiceKind::Central, ServiceKind::Mdns, ServiceKind::Worker, ServiceKind::Producer];
        let behind = Deployment::start(behind, &services, Edges::real()).await.unwrap();
        let before = Deployment::start(before, &[ServiceKind::Api], Edges::real()).await.unwrap();
        let api = LocalApi::start(before.api().unwrap()).await;
        zone(&api, "first.example.").await;

        broker.kill();
        let asked = Instant::now();
        let body = json!({"name": "lost.example.", "email": "admin@example.org"});
        assert_eq!(send(&api, Method::POST, "/v2/zones", Some(body)).await.0, 503);
        assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());

        broker.start_again();
        zone(&api, "second.example.").await;
        let (_, list) = send(&api, Method::GET, "/v2/zones", None).await;
        assert_eq!(list["zones"].as_array().unwrap().len(), 2, "{list}");
        before.drain().await;
        behind.drain().await;
    });
}

/// Runs `ordain service …` off the runtime's threads; what it says.
async fn service(arguments: &[&str], file: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.arg("service").args(arguments).arg("--config").arg(file);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = timeout(LIMIT, run).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_operator_takes_one_of_two_apis_out_of_service_and_back() {
    let Some(broker) = Rabbit::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    run_threaded(async {
        let mut config = config(folder.path(), &broker);
        config.mdns.listen.clear();
        let file = folder.path().join("ordain.toml");
        let text = format!(
            "[database]\nurl = \"sqlite:{}\"\n[transport]\nkind = \"amqp\"\n[transport.amqp]\nurls = [\"{}\"]\n",
            folder.path().join("ordain.db").display(),
            broker.url()
        );
        std::fs::write(&file, text).unwrap();
        let both = [ServiceKind::Central, ServiceKind::Api];
        let first = Deployment::start(config.clone(), &both, Edges::real()).await.unwrap();
        let second = Deployment::start(config, &[ServiceKind::Api], Edges::real()).await.unwrap();
        let (one, two) =
            (LocalApi::start(first.api().unwrap()).await, LocalApi::start(second.api().unwrap()).await);
        let health = async || {
            let [one, two] = [&one, &two].map(|api| send(api, Method::GET, "/healthcheck", None));
            let (one, two) = (one.await.0, two.await.0);
            [one.min(two), one.max(two)]
        };
        let well = async {
            while health().await != [200, 200] {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, well).await.unwrap();

        let deadline = Instant::now() + LIMIT;
        let instance = loop {
            let list = service(&["list"], &file).await;
            let apis: Vec<_> = list.lines().filter(|line| line.starts_with("api\t")).collect();
            if apis.len() == 2 {
                break apis[0].rsplit('\t').next().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "{list}");
        };
        let told = service(&["withdraw", &instance], &file).await;
        assert!(told.starts_with("withdrawn\t0 connections\t"), "{told}");
        assert_eq!(health().await, [200, 503]);
        let told = service(&["readmit", &instance], &file).await;
        assert!(told.starts_with("admitted\t0 connections\t"), "{told}");
        assert_eq!(health().await, [200, 200]);
        second.drain().await;
        first.drain().await;
    });
}
