//! What an operation is tried on: a fresh zone and recordset each time, so that nothing one caller did is seen by the next.

use std::collections::BTreeSet;
use std::path::Path;

use actix_web::http::Method;
use ordain::config::{AdminExtension, Config};
use ordain::domain::ids::{PoolId, ProjectId, ZoneId};
use ordain::store::repo::shares;
use ordain::testing::{ApiClient, Spec, World};
use serde_json::{Value, json};

use super::Switch;
use super::neutron::Neutron;
use super::table::{self, Operation, Relation};

const OWNER: &str = "owner";
const CALLER: &str = "caller";
/// What anybody may ask without saying who he is.
const FOR_ANYBODY: [&str; 3] = ["/", "/healthcheck", "/openapi.json"];
/// What is in the table only as its owner's or not at all: its foreign ones answer like unknown ones.
const NOBODY_ELSES: [&str; 6] = ["zone", "recordset", "share", "task", "accept", "fip"];

/// A deployment whose zones stay as they are made.
pub(crate) struct Scene {
    world: World,
    neutron: Neutron,
    made: usize,
}

/// What the operation is about.
struct Props {
    zone: String,
    /// Words in braces and what they stand for.
    words: Vec<(String, String)>,
}

impl Props {
    /// What the word stands for.
    fn word(&self, word: &str) -> Option<&str> {
        let braced = format!("{{{word}}}");
        self.words.iter().find(|(known, _)| *known == braced).map(|(_, value)| value.as_str())
    }

    /// The same, but the word stands for something else.
    fn with(&self, word: &str, value: &str) -> Self {
        let mut words = self.words.clone();
        words.insert(0, (format!("{{{word}}}"), value.to_owned()));
        Self { zone: self.zone.clone(), words }
    }

    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

impl Scene {
    pub(crate) async fn start(folder: &Path) -> Self {
        let neutron = Neutron::start(folder);
        let roomy = |config: &mut Config| {
            config.central.quotas.zones = -1;
            config.api.enable_api_admin = true;
            config.api.enabled_extensions_admin = AdminExtension::ALL.to_vec();
            let region = ordain::config::RegionUrl { region: String::from("R1"), url: neutron.url("R1") };
            config.neutron.endpoints = vec![region];
        };
        let world = World::start(Spec::held().typed().configured(roomy)).await.unwrap();
        // The list of top-level domains is about to have entries, and then all must be below one.
        for tld in ["example", "test", "arpa"] {
            let made =
                world.api().json(Method::POST, "/v2/tlds", Some(&json!({ "name": tld }))).await.unwrap();
            assert_eq!(made.0, 201, "{}", made.1);
        }
        Self { world, neutron, made: 0 }
    }

    /// The kinds of operations that are served to those who say who they are.
    pub(crate) fn served(&self) -> BTreeSet<String> {
        let paths = self.world.api().document()["paths"].as_object().unwrap();
        let told = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| (method.to_ascii_uppercase(), path))
        });
        told.filter(|(_, path)| {
            !FOR_ANYBODY
                .iter()
                .any(|open| path == open || path.starts_with(&format!("{open}/")) && *open != "/")
        })
        .map(|(method, path)| table::kind(&method, path))
        .collect()
    }

    /// Does it, and says what came of it.
    pub(crate) async fn play(
        &mut self,
        operation: &Operation,
        relation: Relation,
        roles: &str,
        switch: Switch,
    ) -> String {
        let owner = if relation == Relation::Own { CALLER } else { OWNER };
        let props = self.props(operation, owner, relation).await;
        let project = if matches!(switch, Switch::NoProject | Switch::System) { "" } else { CALLER };
        let caller = self.world.api().clone().caller(project, roles);
        let caller = match switch {
            Switch::Nothing | Switch::NoProject => caller,
            Switch::System => caller.with("OpenStack-System-Scope", "all"),
            Switch::AllProjects => caller.with("X-Auth-All-Projects", "true"),
            Switch::Sudo => caller.with("X-Auth-Sudo-Project-ID", owner),
        };
        let before = self.everything(&props).await;
        let (status, answer) = ask(&caller, operation, &props).await;
        if status >= 400 {
            assert_eq!(self.everything(&props).await, before, "{} was refused and done", operation.line);
        }
        let id = NOBODY_ELSES.iter().rev().find(|word| operation.path.contains(&format!("{{{word}}}")));
        if let (Relation::Foreign, Switch::Nothing, Some(word)) = (relation, switch, id) {
            let (known, unknown) = (props.word(word).unwrap().to_owned(), uuid::Uuid::new_v4().to_string());
            if *word == "zone" || status == 404 {
                let elsewhere = ask(&caller, operation, &props.with(word, &unknown)).await;
                let (answer, elsewhere) =
                    (answer.replace(&known, "ID"), (elsewhere.0, elsewhere.1.replace(&unknown, "ID")));
                assert_eq!(
                    (status, &answer),
                    (elsewhere.0, &elsewhere.1),
                    "{}: a foreign {word} shows",
                    operation.line
                );
                return status.to_string();
            }
        }
        let is_list = operation.method == "GET" && !operation.path.contains("{zone}");
        let fip = props.word("fip").unwrap();
        match (is_list, status, answer.contains(&props.zone) || answer.contains(fip)) {
            (true, 200, true) => String::from("200+"),
            (true, 200, false) => String::from("200-"),
            _ => status.to_string(),
        }
    }

    async fn props(&mut self, operation: &Operation, owner: &str, relation: Relation) -> Props {
        self.made += 1;
        let name = format!("z{}.example.", self.made);
        let owned = self.world.api().clone().member_of(owner);
        let zone = owned.create_zone(&name).await.unwrap().id;
        if matches!(relation, Relation::Shared | Relation::Guest) {
            let id: ZoneId = zone.parse().unwrap();
            let (owner, target) = (ProjectId::new(owner), ProjectId::new(CALLER));
            let (owner, target, now) = (&owner, &target, self.world.clock().now());
            let shared = self
                .world
                .store()
                .transact(|tx| Box::pin(shares::insert(tx, uuid::Uuid::new_v4(), id, owner, target, now)));
            shared.await.unwrap();
        }
        let maker =
            if relation == Relation::Guest { self.world.api().clone().member_of(CALLER) } else { owned };
        let recordset = maker.create_recordset(&zone, &format!("www.{name}"), "A", &["192.0.2.1"]).await;
        let word = |word: &str, value: &str| (format!("{{{word}}}"), value.to_owned());
        let fip = uuid::Uuid::new_v4().to_string();
        let (third, fourth) = (self.made / 200 % 256, self.made % 200);
        let address = format!("198.51.{third}.{fourth}");
        self.neutron.has(&[("R1", &[(&fip, &address, owner)])]);
        let words = vec![
            word("fip", &fip),
            word("zone", &zone),
            word("name", &name),
            word("recordset", &recordset.unwrap().id),
            word("fresh", &format!("new{}", self.made)),
            word("owner", owner),
            word("caller", CALLER),
            word("pool", &PoolId::DEFAULT.to_string()),
        ];
        let mut props = Props { zone, words };
        for (name, how) in &operation.given {
            let admin = self.world.api().clone().caller(owner, "admin");
            let (status, answer) = ask(&admin, how, &props).await;
            assert!(status < 300, "{}: {status} {answer}", how.line);
            let answer: Value = serde_json::from_str(&answer).unwrap();
            let member = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
            props.words.push((format!("{{{name}}}"), member("id")));
            props.words.push((format!("{{{name}.key}}"), member("key")));
            if how.path.contains("/tasks/") && member("status") == "PENDING" {
                let kind = if how.path.ends_with("export") { "exports" } else { "imports" };
                self.finished(&admin, &format!("/v2/zones/tasks/{kind}/{}", member("id"))).await;
            }
        }
        props
    }

    /// Waits until a task is over.
    async fn finished(&self, admin: &ApiClient, path: &str) {
        let over = async || Ok(admin.json(Method::GET, path, None).await?.1["status"] != "PENDING");
        self.world.until("the task to be over", over).await.unwrap();
    }

    /// The zone and its recordsets, as one sees them who sees everything.
    async fn everything(&self, props: &Props) -> Vec<Value> {
        let admin = self.world.api().clone().with("X-Auth-All-Projects", "true");
        let mut all = Vec::new();
        for below in ["", "/recordsets", "/shares"] {
            let path = format!("/v2/zones/{}{below}", props.zone);
            all.push(admin.json(Method::GET, &path, None).await.unwrap().1);
        }
        all
    }
}

/// Status and body, without the id of the request and what was filled in.
async fn ask(caller: &ApiClient, operation: &Operation, props: &Props) -> (u16, String) {
    let mut caller = caller.clone();
    if let Some((name, value)) = &operation.header {
        caller = caller.with(name, value);
    }
    let method: Method = operation.method.parse().unwrap();
    let body = operation.body.as_deref().map(|body| serde_json::from_str(&props.fill(body)).unwrap());
    let reply = caller.send(method, &props.fill(&operation.path), body.as_ref()).await.unwrap();
    let mut answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("request_id".to_owned(), json!(null));
    }
    (reply.status.as_u16(), answer.to_string())
}
