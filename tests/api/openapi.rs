//! The document at `/openapi.json`: that it tells every operation and nothing else, that it is whole, and that anybody may
//! have and keep it. That answers are what it says is checked for every answer of every test (`testing::ApiClient`).

use std::collections::BTreeMap;

use actix_web::http::Method;
use ordain::config::{AdminExtension, Config};
use ordain::testing::{Reply, Wire, conforms};
use serde_json::Value;

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    the_operations_are_these,
    what_is_told_is_served_and_nothing_else,
    anybody_may_have_it_and_keep_it,
    references_lead_somewhere_and_examples_are_allowed,
);

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"];
const ID: &str = "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3";

fn with_admin(config: &mut Config) {
    config.api.enable_api_admin = true;
    config.api.enabled_extensions_admin = AdminExtension::ALL.to_vec();
}

async fn fetch(rig: &Rig, headers: &[(&str, &str)]) -> Reply {
    rig.world.api().raw(Method::GET, "/openapi.json", headers, "").await.unwrap()
}

async fn document(rig: &Rig) -> Value {
    serde_json::from_slice(&fetch(rig, &[]).await.body).unwrap()
}

/// Path and method of each operation with its id.
fn operations(document: &Value) -> BTreeMap<(String, String), String> {
    let paths = document["paths"].as_object().unwrap();
    paths
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().iter().map(move |(method, operation)| {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                ((path.clone(), method.to_ascii_uppercase()), id)
            })
        })
        .collect()
}

/// Ids of operations are what programs are made of: they stay. `ORDAIN_BLESS=1` accepts new ones.
fn the_operations_are_these(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, with_admin).await;
        let found = operations(&document(&rig).await);
        let mut ids: Vec<&String> = found.values().collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), found.len(), "an id is used twice");
        let lines: Vec<String> =
            found.iter().map(|((path, method), id)| format!("{method} {path} {id}\n")).collect();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/operations.txt");
        if std::env::var_os("ORDAIN_BLESS").is_some() {
            std::fs::write(file, lines.concat()).unwrap();
        }
        assert_eq!(lines.concat(), std::fs::read_to_string(file).unwrap());
        // Without the admin extensions nothing is told of them.
        let plain = operations(&document(&Rig::on(wire).await).await);
        assert!(plain.len() < found.len() && plain.keys().all(|(path, _)| !path.starts_with("/admin")));
    });
}

/// Every method is tried on every path that is told: those that are not told are refused as unknown, the others are not.
fn what_is_told_is_served_and_nothing_else(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, with_admin).await;
        let found = operations(&document(&rig).await);
        let mut paths: Vec<&String> = found.keys().map(|(path, _)| path).collect();
        paths.dedup();
        for path in paths {
            let target: Vec<&str> =
                path.split('/').map(|word| if word.starts_with('{') { ID } else { word }).collect();
            let target = target.join("/");
            for method in METHODS {
                let reply = rig
                    .world
                    .api()
                    .raw(Method::from_bytes(method.as_bytes()).unwrap(), &target, &[], "")
                    .await
                    .unwrap_or_else(|error| panic!("{method} {target}: {error}"));
                let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let unknown = reply.status.as_u16() == 405
                    || (reply.status.as_u16() == 404 && body["type"] == "not_found");
                let told = found.contains_key(&(path.clone(), method.to_owned()));
                assert_eq!(told, !unknown, "{method} {target}: {}", reply.status);
            }
        }
    });
}

fn anybody_may_have_it_and_keep_it(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let header =
            |reply: &Reply, name: &str| reply.headers.get(name).unwrap().to_str().unwrap().to_owned();
        let nobody = rig.world.api().clone().caller("", "");
        let reply =
            nobody.raw(Method::GET, "/openapi.json", &[("Host", "dns.example:9001")], "").await.unwrap();
        assert_eq!((reply.status.as_u16(), header(&reply, "content-type")), (200, "application/json".into()));
        assert!(header(&reply, "cache-control").contains("max-age="));
        assert!(header(&reply, "vary").contains("Host"));
        let told: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            (&told["openapi"], &told["servers"][0]["url"]),
            (&"3.1.0".into(), &"http://dns.example:9001".into())
        );
        let tag = header(&reply, "etag");
        let again = fetch(&rig, &[("Host", "dns.example:9001"), ("If-None-Match", &tag)]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
        let elsewhere = fetch(&rig, &[("Host", "other.example"), ("If-None-Match", &tag)]).await;
        assert_eq!(elsewhere.status.as_u16(), 200, "it tells another address");
    });
}

fn references_lead_somewhere_and_examples_are_allowed(wire: &Wire) {
    wire.run(async {
        let document = document(&Rig::configured(wire, with_admin).await).await;
        let mut examples = 0;
        look(&document, &document, &mut examples);
        assert!(examples > 60, "{examples}");
    });
}

fn look(document: &Value, part: &Value, examples: &mut usize) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            if let (Some(schema), Some(example)) = (members.get("schema"), members.get("example")) {
                *examples += 1;
                conforms(document, schema, example).unwrap_or_else(|wrong| panic!("{wrong}: {example}"));
            }
            members.values().for_each(|value| look(document, value, examples));
        }
        Value::Array(items) => items.iter().for_each(|item| look(document, item, examples)),
        _ => {}
    }
}
