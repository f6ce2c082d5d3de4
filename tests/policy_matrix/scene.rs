//! What an operation is tried on: a fresh zone and recordset each time, so that nothing one caller did is seen by the next.

use actix_web::http::Method;
use ordain::domain::ids::{PoolId, ProjectId, ZoneId};
use ordain::store::repo::shares;
use ordain::testing::{ApiClient, Spec, World};
use serde_json::{Value, json};

use super::Switch;
use super::table::{Operation, Relation};

const OWNER: &str = "owner";
const CALLER: &str = "caller";

/// A deployment whose zones stay as they are made.
pub(crate) struct Scene {
    world: World,
    made: usize,
}

/// What the operation is about.
struct Props {
    zone: String,
    /// Words in braces and what they stand for.
    words: Vec<(String, String)>,
}

impl Props {
    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
    }
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let roomy = |config: &mut ordain::config::Config| config.central.quotas.zones = -1;
        let world = World::start(Spec::held().typed().configured(roomy)).await.unwrap();
        // The list of top-level domains is about to have entries, and then all must be below one.
        for tld in ["example", "test"] {
            let made =
                world.api().json(Method::POST, "/v2/tlds", Some(&json!({ "name": tld }))).await.unwrap();
            assert_eq!(made.0, 201, "{}", made.1);
        }
        Self { world, made: 0 }
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
        let is_about_the_zone = operation.path.contains("{zone}");
        if relation == Relation::Foreign && switch == Switch::Nothing && is_about_the_zone {
            let mut unknown = Props { zone: uuid::Uuid::new_v4().to_string(), words: props.words.clone() };
            unknown.words[0].1.clone_from(&unknown.zone);
            let elsewhere = ask(&caller, operation, &unknown).await;
            let (answer, elsewhere) =
                (answer.replace(&props.zone, "ID"), (elsewhere.0, elsewhere.1.replace(&unknown.zone, "ID")));
            assert_eq!(
                (status, &answer),
                (elsewhere.0, &elsewhere.1),
                "{}: a foreign zone shows",
                operation.line
            );
            return status.to_string();
        }
        let is_list = operation.method == "GET" && !operation.path.contains("{zone}");
        match (is_list, status, answer.contains(&props.zone)) {
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
        let words = vec![
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
        }
        props
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
