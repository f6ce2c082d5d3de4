//! The history of zones, and the way back to a serial.

use actix_web::http::Method;
use ordain::testing::{ApiClient, Failure, Spec, Wire, World};
use serde_json::{Value, json};

use crate::support::on_every_wire;

on_every_wire!(
    a_history_tells_who_changed_what,
    a_zone_goes_back_to_a_serial,
    there_is_no_way_back_past_the_journal,
);

/// A zone of a world at work, and its callers.
struct Scene {
    world: World,
    api: ApiClient,
    zone: String,
}

impl Scene {
    async fn start(wire: &Wire) -> Result<Self, Failure> {
        let world = World::start(Spec::all_in_one().over(wire)).await?;
        let api = world.api().clone();
        let zone = api.create_zone("example.org.").await?.id;
        world.zone_becomes(&zone, "ACTIVE").await?;
        Ok(Self { world, api, zone })
    }

    /// The serial once everything is published.
    async fn serial(&self) -> Result<u32, Failure> {
        self.world.zone_becomes(&self.zone, "ACTIVE").await?;
        Ok(self.api.zone(&self.zone).await?.serial)
    }

    async fn get(&self, query: &str) -> Result<Value, Failure> {
        let path = format!("/v2/zones/{}/changes{query}", self.zone);
        let (status, body) = self.api.json(Method::GET, &path, None).await?;
        assert_eq!(status, 200, "{body}");
        Ok(body)
    }

    async fn generations(&self, query: &str) -> Result<Vec<u64>, Failure> {
        let body = self.get(query).await?;
        Ok(body["changes"].as_array().unwrap().iter().map(|c| c["generation"].as_u64().unwrap()).collect())
    }

    async fn roll_back(&self, body: Value) -> Result<(u16, Value), Failure> {
        let path = format!("/v2/zones/{}/tasks/rollback", self.zone);
        self.api.json(Method::POST, &path, Some(&body)).await
    }

    async fn apply(&self, changes: Value) -> Result<(u16, Value), Failure> {
        let path = format!("/v2/zones/{}/changesets", self.zone);
        self.api.json(Method::POST, &path, Some(&json!({ "changes": changes }))).await
    }

    async fn records(&self, name: &str) -> Result<Vec<String>, Failure> {
        self.world.resolve(name, hickory_proto::rr::RecordType::A).await
    }
}

fn a_history_tells_who_changed_what(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let scene = Scene::start(wire).await?;
        let (api, zone) = (&scene.api, &scene.zone);
        let first = scene.serial().await?;
        let a = api.create_recordset(zone, "a.example.org.", "A", &["192.0.2.1"]).await?;
        let second = scene.serial().await?;
        let time = scene.get("").await?["changes"][0]["created_at"].as_str().unwrap().to_owned();
        api.update_recordset(zone, &a.id, &json!({"records": ["192.0.2.2"], "ttl": 60})).await?;
        let third = scene.serial().await?;
        let (status, _) = scene
            .apply(json!([
                {"op": "delete", "name": "a.example.org.", "type": "A"},
                {"op": "create", "name": "b.example.org.", "type": "TXT", "records": ["\"b\""]},
            ]))
            .await?;
        assert_eq!(status, 202);
        let fourth = scene.serial().await?;
        assert!(first < second && second < third && third < fourth);

        let all = scene.get("").await?;
        let changes = all["changes"].as_array().unwrap();
        assert_eq!((changes.len(), &all["metadata"]["total_count"]), (3, &json!(3)), "{all}");
        let serials: Vec<_> = changes.iter().map(|change| change["serial"].as_u64().unwrap()).collect();
        assert_eq!(serials, [second, third, fourth].map(u64::from));
        let owner = api.zone(zone).await?.rest["project_id"].clone();
        for change in changes {
            assert_eq!(change["project_id"], owner);
            assert!(change["request_id"].as_str().unwrap().starts_with("req-"));
            assert!(change["published_at"].is_string());
        }
        assert_eq!(
            changes[1]["recordsets"],
            json!([{"name": "a.example.org.", "type": "A", "old": {"ttl": null, "records": ["192.0.2.1"]},
                "new": {"ttl": 60, "records": ["192.0.2.2"]}}])
        );
        assert_eq!(changes[0]["recordsets"][0]["old"], Value::Null);
        assert_eq!(changes[2]["recordsets"][0]["new"], Value::Null);
        assert_eq!(changes[2]["recordsets"].as_array().unwrap().len(), 2);

        assert_eq!(scene.generations("?sort_dir=desc").await?, [4, 3, 2]);
        assert_eq!(scene.generations("?limit=2").await?, [2, 3]);
        assert_eq!(scene.generations("?limit=2&marker=3").await?, [4]);
        assert_eq!(scene.generations("?sort_dir=desc&marker=3").await?, [2]);
        assert_eq!(scene.generations("?name=A.example.org.").await?, [2, 3, 4]);
        assert_eq!(scene.generations("?name=b.*&type=TXT").await?, [4]);
        assert_eq!(scene.get("?name=b.*").await?["changes"][0]["recordsets"].as_array().unwrap().len(), 1);
        assert_eq!(scene.generations(&format!("?serial={third}")).await?, [3]);
        assert_eq!(scene.generations("?serial=7").await?, [0_u64; 0]);
        assert_eq!(scene.generations(&format!("?since={second}")).await?, [3, 4]);
        assert_eq!(scene.generations(&format!("?since={time}")).await?, [2, 3, 4]);
        assert_eq!(scene.generations("?since=2100-01-01T00:00:00Z").await?, [0_u64; 0]);
        let path = format!("/v2/zones/{zone}/changes");
        for (query, kind) in [
            ("?marker=x", "invalid_marker"),
            ("?since=yesterday", "bad_request"),
            ("?serial=-1", "bad_request"),
            ("?colour=red", "bad_request"),
            ("?sort_key=name", "invalid_sort_key"),
        ] {
            let (status, body) = api.json(Method::GET, &format!("{path}{query}"), None).await?;
            assert_eq!((status, body["type"].as_str()), (400, Some(kind)), "{query}");
        }
        let stranger = scene.world.api().clone().caller("p9", "member,reader");
        assert_eq!(stranger.json(Method::GET, &path, None).await?.0, 404);
        scene.world.drain().await;
        Ok(())
    });
    outcome.unwrap();
}

fn a_zone_goes_back_to_a_serial(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let scene = Scene::start(wire).await?;
        let (api, zone) = (&scene.api, &scene.zone);
        let a = api.create_recordset(zone, "a.example.org.", "A", &["192.0.2.1"]).await?;
        api.create_recordset(zone, "b.example.org.", "A", &["192.0.2.2"]).await?;
        let good = scene.serial().await?;
        // Everything goes wrong, in many steps; one of them is not even published.
        api.update_recordset(zone, &a.id, &json!({"records": ["198.51.100.1"], "description": "wrong"}))
            .await?;
        let bad = scene.serial().await?;
        scene
            .apply(json!([
                {"op": "delete", "name": "b.example.org.", "type": "A"},
                {"op": "create", "name": "b.example.org.", "type": "CNAME", "records": ["a.example.org."]},
                {"op": "create", "name": "c.example.org.", "type": "A", "records": ["198.51.100.3"]},
            ]))
            .await?;
        let (status, dry) = scene.roll_back(json!({"serial": good, "dry_run": true})).await?;
        assert_eq!((status, dry["changes"].as_array().unwrap().len()), (200, 4), "{dry}");
        assert_eq!(api.recordset(zone, &a.id).await?.records, ["198.51.100.1"]);
        let (status, done) = scene.roll_back(json!({"serial": good})).await?;
        assert_eq!(status, 202, "{done}");
        let after = scene.serial().await?;
        assert!(after > bad, "the serial goes forward");
        assert_eq!(scene.records("a.example.org.").await?, ["192.0.2.1"]);
        assert_eq!(scene.records("b.example.org.").await?, ["192.0.2.2"]);
        assert!(scene.records("c.example.org.").await?.is_empty());
        let same = api.recordset(zone, &a.id).await?;
        assert_eq!(same.rest["description"], "wrong", "what DNS does not show stays");
        // There is nothing left to undo, and going back can be undone.
        let (status, again) = scene.roll_back(json!({"serial": good})).await?;
        assert_eq!((status, &again["changes"]), (200, &json!([])));
        let (status, _) = scene.roll_back(json!({"serial": bad})).await?;
        assert_eq!(status, 202);
        scene.serial().await?;
        assert_eq!(scene.records("a.example.org.").await?, ["198.51.100.1"]);
        assert_eq!(scene.records("b.example.org.").await?, ["192.0.2.2"]);

        // A zone came into being where the records would have to be.
        api.create_recordset(zone, "x.sub.example.org.", "A", &["192.0.2.7"]).await?;
        let with = scene.serial().await?;
        scene.apply(json!([{"op": "delete", "name": "x.sub.example.org.", "type": "A"}])).await?;
        api.create_zone("sub.example.org.").await?;
        let (status, refused) = scene.roll_back(json!({"serial": with})).await?;
        assert_eq!((status, refused["type"].as_str()), (400, Some("invalid_changeset")), "{refused}");
        let error = &refused["errors"]["errors"][0];
        assert_eq!(error["path"], json!(["x.sub.example.org.", "A"]));
        assert_eq!(error["validator"], "invalid_recordset_location");
        scene.world.drain().await;
        Ok(())
    });
    outcome.unwrap();
}

fn there_is_no_way_back_past_the_journal(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let scene = Scene::start(wire).await?;
        let (api, zone) = (&scene.api, &scene.zone);
        let first = scene.serial().await?;
        let (status, body) = scene.roll_back(json!({"serial": 7})).await?;
        assert_eq!((status, body["type"].as_str()), (409, Some("serial_unreachable")), "{body}");
        for body in [json!({}), json!({"serial": -1}), json!({"serial": "x"}), json!({"serial": 1, "to": 2})]
        {
            let (status, got) = scene.roll_back(body).await?;
            assert_eq!((status, got["type"].as_str()), (400, Some("invalid_object")), "{got}");
        }
        api.create_recordset(zone, "a.example.org.", "A", &["192.0.2.1"]).await?;
        let second = scene.serial().await?;
        api.create_recordset(zone, "b.example.org.", "A", &["192.0.2.1"]).await?;
        scene.serial().await?;
        // Another default TTL cannot be told in DNS, but it can be gone back past.
        api.update_zone(zone, &json!({"ttl": 77})).await?;
        scene.serial().await?;
        let (id, upto) = (zone.parse().unwrap(), ordain::domain::generation::Generation::new(2));
        let dry = json!({"serial": second, "dry_run": true});
        assert_eq!(scene.roll_back(dry.clone()).await?.0, 200);
        scene
            .world
            .store()
            .transact(|tx| Box::pin(ordain::store::repo::journal::trim(tx, id, upto)))
            .await
            .map_err(|error: ordain::store::StoreError| error.to_string())?;
        let (status, body) = scene.roll_back(json!({"serial": first})).await?;
        assert_eq!((status, body["type"].as_str()), (409, Some("serial_unreachable")), "{body}");
        assert_eq!(scene.generations("").await?.first(), Some(&3));
        scene.world.drain().await;
        Ok(())
    });
    outcome.unwrap();
}
