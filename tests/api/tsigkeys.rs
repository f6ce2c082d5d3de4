//! `/v2/tsigkeys`: keys that sign DNS messages.

use ordain::domain::ids::PoolId;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    an_admin_keeps_keys,
    what_is_wrong_with_a_key_is_told,
    a_key_is_for_a_pool_or_a_zone_that_is_there,
    keys_are_for_admins_and_their_secrets_for_nobody_else,
    empty_secrets_can_be_forbidden,
);

fn key(name: &str) -> Value {
    json!({"name": name, "algorithm": "hmac-sha256", "secret": "c2VjcmV0", "scope": "POOL",
        "resource_id": PoolId::DEFAULT.to_string()})
}

fn with(member: &str, value: Value) -> Value {
    let mut key = key("k");
    key[member] = value;
    key
}

fn an_admin_keeps_keys(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let made = admin.post("/v2/tsigkeys", key("one")).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.id();
        let url = format!("http://dns.example/v2/tsigkeys/{id}");
        assert_eq!(made.location.as_deref(), Some(url.as_str()));
        let mut expected = json!({
            "id": id, "name": "one", "algorithm": "hmac-sha256", "secret": "c2VjcmV0", "scope": "POOL",
            "resource_id": PoolId::DEFAULT.to_string(), "created_at": "2026-11-23T00:43:10.000000",
            "updated_at": null, "links": {"self": url},
        });
        assert_eq!(made.body, expected);
        let path = format!("/v2/tsigkeys/{id}");
        let changed = admin.patch(&path, json!({"algorithm": "hmac-md5", "secret": "bmV3"})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        expected["algorithm"] = json!("hmac-md5");
        expected["secret"] = json!("bmV3");
        expected["updated_at"] = changed.body["updated_at"].clone();
        assert_eq!(changed.body, expected);
        assert_eq!(admin.get(&path).await.body, expected);
        admin.post("/v2/tsigkeys", key("two")).await;
        let found = admin.get("/v2/tsigkeys?algorithm=hmac-sha*&scope=POOL&sort_key=name").await;
        assert_eq!(found.column("tsigkeys", "name"), ["two"]);
        assert!(found.body.get("metadata").is_none());
        let sorted = admin.get("/v2/tsigkeys?sort_key=name&sort_dir=desc").await;
        assert_eq!(sorted.column("tsigkeys", "name"), ["two", "one"]);
        admin.get("/v2/tsigkeys?secret=c2VjcmV0").await.refused(400, "bad_request");
        assert_eq!(admin.delete(&path).await.status, 204);
        admin.get(&path).await.refused_saying(404, "tsigkey_not_found", "Could not find TsigKey");
        admin.delete(&path).await.refused(404, "tsigkey_not_found");
    });
}

fn what_is_wrong_with_a_key_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for (member, value, detail) in [
            ("name", json!("n".repeat(161)), "Value too long for name"),
            ("secret", json!("s".repeat(161)), "Value too long for secret"),
            ("algorithm", json!("HMAC-SHA256"), "Field value HMAC-SHA256 is invalid"),
            ("algorithm", json!(null), "Field value None is invalid"),
            ("scope", json!("pool"), "Field value pool is invalid"),
            ("resource_id", json!("x"), "badly formed hexadecimal UUID string"),
            ("resource_id", json!(null), "Field `resource_id' cannot be None"),
        ] {
            let message =
                format!("Provided object is not valid. Got a ValueError error with message {detail}");
            let got = admin.post("/v2/tsigkeys", with(member, value)).await;
            got.refused_saying(400, "invalid_object", &message);
        }
        let missing = admin.post("/v2/tsigkeys", json!({"name": "k", "scope": "POOL"})).await;
        missing.refused(400, "invalid_object");
        let paths: Vec<_> =
            missing.body["errors"]["errors"].as_array().unwrap().iter().map(|e| &e["path"][2]).collect();
        assert_eq!(paths, ["algorithm", "secret", "resource_id"]);
        admin.post("/v2/tsigkeys", with("colour", json!(1))).await.refused(400, "invalid_object");
        let first = admin.post("/v2/tsigkeys", key("k")).await.id();
        let again = admin.post("/v2/tsigkeys", key("k")).await;
        again.refused_saying(409, "duplicate_tsigkey", "Duplicate TsigKey");
        admin.post("/v2/tsigkeys", key("other")).await;
        let path = format!("/v2/tsigkeys/{first}");
        admin.patch(&path, json!({"name": "other"})).await.refused(409, "duplicate_tsigkey");
    });
}

fn a_key_is_for_a_pool_or_a_zone_that_is_there(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let zone = rig.of("p2", "member,reader").zone("example.org.").await;
        for (scope, resource) in
            [("ZONE", PoolId::DEFAULT.to_string()), ("POOL", zone.clone()), ("POOL", "0".repeat(32))]
        {
            let mut body = key("k");
            body["scope"] = json!(scope);
            body["resource_id"] = json!(resource);
            admin.post("/v2/tsigkeys", body).await.refused(400, "invalid_tsigkey");
        }
        let mut body = key("k");
        body["scope"] = json!("ZONE");
        body["resource_id"] = json!(zone);
        let id = admin.post("/v2/tsigkeys", body).await.id();
        let path = format!("/v2/tsigkeys/{id}");
        admin.patch(&path, json!({"scope": "POOL"})).await.refused(400, "invalid_tsigkey");
        let pool = json!({"scope": "POOL", "resource_id": PoolId::DEFAULT.to_string()});
        assert_eq!(admin.patch(&path, pool).await.status, 200);
    });
}

fn keys_are_for_admins_and_their_secrets_for_nobody_else(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let made = rig.admin().post("/v2/tsigkeys", key("k")).await;
        let path = format!("/v2/tsigkeys/{}", made.id());
        let member = rig.member();
        member.post("/v2/tsigkeys", key("other")).await.refused(403, "forbidden");
        member.get("/v2/tsigkeys").await.refused(403, "forbidden");
        member.get(&path).await.refused(403, "forbidden");
        member.patch(&path, json!({"secret": "eA=="})).await.refused(403, "forbidden");
        member.delete(&path).await.refused(403, "forbidden");
        rig.admin().patch(&path, json!({"name": "l"})).await;
        rig.admin().delete(&path).await;
        let told = rig.told().await;
        let events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(events, ["dns.tsigkey.create", "dns.tsigkey.update", "dns.tsigkey.delete"]);
        assert!(told.iter().all(|(_, payload)| !payload.to_string().contains("c2VjcmV0")));
        // What is kept for those who ask again holds no secret either.
        let rows = rig.kept_outcomes().await;
        assert!(!rows.is_empty() && rows.iter().all(|reply| !reply.contains("c2VjcmV0")), "{rows:?}");
    });
}

fn empty_secrets_can_be_forbidden(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.api.allow_empty_secrets_for_tsig = false).await;
        let refused = rig.admin().post("/v2/tsigkeys", with("secret", json!(""))).await;
        refused.refused(400, "invalid_object");
        let error = &refused.body["errors"]["errors"][0];
        assert_eq!(
            (&error["path"], &error["validator"], &error["validator_value"]),
            (&json!(["type"]), &json!("value"), &json!(["secret"]))
        );
    });
    wire.run(async {
        let rig = Rig::on(wire).await;
        assert_eq!(rig.admin().post("/v2/tsigkeys", with("secret", json!(""))).await.status, 201);
    });
}
