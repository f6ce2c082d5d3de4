//! `/v2/pools` and moving zones between pools.

use ordain::domain::ids::PoolId;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    an_admin_keeps_pools,
    what_is_wrong_with_a_pool_is_told,
    other_ns_records_go_into_every_zone,
    a_zone_moves_to_another_pool,
    what_does_not_move,
    pools_are_for_admins,
);

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

fn body(name: &str) -> Value {
    json!({"name": name, "ns_records": [{"hostname": "ns1.other.net.", "priority": 10}]})
}

async fn key(rig: &Rig, pool: &str) {
    let key = json!({"name": "k", "algorithm": "hmac-sha256", "secret": "c2VjcmV0", "scope": "POOL", "resource_id": pool});
    assert_eq!(rig.admin().post("/v2/tsigkeys", key).await.status, 201);
}

fn an_admin_keeps_pools(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let admin = rig.admin();
        let given = json!({"name": "gold", "description": "fast", "attributes": {"tier": 1},
            "ns_records": [{"hostname": "ns2.other.net.", "priority": 2}, {"hostname": "ns1.other.net.", "priority": 1}]});
        let made = admin.post("/v2/pools", given).await;
        let id = made.id();
        let url = format!("http://dns.example/v2/pools/{id}");
        assert_eq!((made.status, made.location.as_deref()), (201, Some(url.as_str())), "{}", made.text);
        let expected = json!({
            "id": id, "project_id": "p1", "name": "gold", "description": "fast", "attributes": {"tier": "1"},
            "ns_records": [{"hostname": "ns1.other.net.", "priority": 1}, {"hostname": "ns2.other.net.", "priority": 2}],
            "created_at": "2026-11-23T00:43:10.000000", "updated_at": null, "links": {"self": url},
        });
        assert_eq!(made.body, expected);
        let path = format!("/v2/pools/{id}");
        assert_eq!(admin.get(&path).await.body, expected);
        let found = admin.get("/v2/pools?name=gol*").await;
        assert_eq!(found.body["pools"], json!([expected]));
        assert!(found.body.get("metadata").is_none());
        assert_eq!(admin.get("/v2/pools?sort_key=name&sort_dir=desc").await.column("pools", "name").len(), 2);
        let changed = admin.patch(&path, json!({"name": "silver", "description": null})).await;
        assert_eq!((changed.status, &changed.body["name"]), (202, &json!("silver")), "{}", changed.text);
        assert_eq!(changed.body["description"], Value::Null);
        assert_eq!(changed.body["ns_records"], expected["ns_records"]);
        let gone = admin.delete(&path).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        admin.get(&path).await.refused_saying(404, "pool_not_found", "Could not find Pool");
        let told = rig.told().await;
        let events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(events, ["dns.pool.create", "dns.pool.update", "dns.pool.delete"]);
        assert_eq!(told[1].1["name"], json!("silver"));
        let mut given = body("bronze");
        given["project_id"] = json!("p9");
        let made = admin.post("/v2/pools", given).await;
        assert_eq!((made.status, &made.body["project_id"]), (201, &json!("p9")), "{}", made.text);
        let path = format!("/v2/pools/{}", made.id());
        assert_eq!(admin.get(&path).await.body["project_id"], json!("p9"));
        admin.patch(&path, json!({"project_id": "p1"})).await.refused(400, "invalid_object");
        let same = admin.patch(&path, json!({"project_id": "p9"})).await;
        assert_eq!((same.status, &same.body["project_id"]), (202, &json!("p9")), "{}", same.text);
        // The one from the file is nobody's until somebody is named for it.
        let path = format!("/v2/pools/{}", PoolId::DEFAULT);
        assert_eq!(admin.get(&path).await.body["project_id"], Value::Null);
        let named = admin.patch(&path, json!({"project_id": "p1"})).await;
        assert_eq!((named.status, &named.body["project_id"]), (202, &json!("p1")), "{}", named.text);
        admin.patch(&path, json!({"project_id": "p9"})).await.refused(400, "invalid_object");
    });
}

fn what_is_wrong_with_a_pool_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let ns = |hostname: &str, priority: Value| json!({"name": "x", "ns_records": [{"hostname": hostname, "priority": priority}]});
        for given in [
            json!({}),
            json!({"name": null}),
            json!({"name": "x".repeat(51)}),
            json!({"name": "x", "description": "x".repeat(161)}),
            json!({"name": "x", "attributes": ["a"]}),
            json!({"name": "x", "attributes": {"a".repeat(51): "b"}}),
            json!({"name": "x", "targets": []}),
            json!({"name": "x", "ns_records": {}}),
            json!({"name": "x", "ns_records": ["ns1.other.net."]}),
            json!({"name": "x", "ns_records": [{"hostname": "ns1.other.net."}]}),
            json!({"name": "x", "ns_records": [{"hostname": "ns1.other.net.", "priority": 1, "id": UNKNOWN}]}),
            ns("ns1.other.net", json!(1)),
            ns("ns1.other.net.", json!(0)),
            ns("ns1.other.net.", json!(10_001)),
        ] {
            admin.post("/v2/pools", given).await.refused(400, "invalid_object");
        }
        let twice = json!({"name": "x", "ns_records": [{"hostname": "a.b.", "priority": 1}, {"hostname": "A.b.", "priority": 2}]});
        let got = admin.post("/v2/pools", twice).await;
        got.refused_saying(409, "duplicate_pool_ns_record", "Duplicate PoolNsRecord");
        let id = admin.post("/v2/pools", body("x")).await.id();
        let again = admin.post("/v2/pools", body("x")).await;
        again.refused_saying(409, "duplicate_pool", "Duplicate Pool");
        let path = format!("/v2/pools/{id}");
        admin.patch(&path, json!({"ns_records": []})).await.refused(400, "last_server_delete_not_allowed");
        let default = format!("/v2/pools/{}", PoolId::DEFAULT);
        rig.member().zone("example.org.").await;
        admin.delete(&default).await.refused(400, "invalid_operation");
        admin.delete(&format!("/v2/pools/{UNKNOWN}")).await.refused(404, "pool_not_found");
        admin.get("/v2/pools/x").await.refused_saying(400, "invalid_uuid", "Invalid UUID pool_id: x");
    });
}

fn other_ns_records_go_into_every_zone(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (admin, member) = (rig.admin(), rig.member());
        let zones = [member.zone("a.example.").await, member.zone("b.example.").await];
        let path = format!("/v2/pools/{}", PoolId::DEFAULT);
        let changes = json!({"ns_records": [{"hostname": "ns9.example.net.", "priority": 1}]});
        assert_eq!(admin.patch(&path, changes).await.status, 202);
        for zone in &zones {
            let sets = member.get(&format!("/v2/zones/{zone}/recordsets?type=NS")).await;
            assert_eq!(sets.body["recordsets"][0]["records"], json!(["ns9.example.net."]));
            let servers = member.get(&format!("/v2/zones/{zone}/nameservers")).await;
            assert_eq!(servers.body["nameservers"][0]["hostname"], json!("ns9.example.net."));
        }
    });
}

fn a_zone_moves_to_another_pool(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (admin, member) = (rig.admin(), rig.member());
        let (above, zone) = (member.zone("example.org.").await, member.zone("sub.example.org.").await);
        let pool = admin.post("/v2/pools", body("other")).await.id();
        let path = format!("/v2/zones/{zone}/tasks/pool_move");
        admin.post(&path, json!({"pool_id": pool})).await.refused(400, "bad_request");
        key(&rig, &pool).await;
        let moved = admin.post(&path, json!({"pool_id": pool})).await;
        assert_eq!((moved.status, moved.text.as_str()), (202, "\"\""));
        let shown = member.get(&format!("/v2/zones/{zone}")).await;
        assert_eq!((&shown.body["pool_id"], &shown.body["status"]), (&json!(pool), &json!("PENDING")));
        let sets = member.get(&format!("/v2/zones/{zone}/recordsets?type=NS")).await;
        assert_eq!(sets.body["recordsets"][0]["records"], json!(["ns1.other.net."]));
        // In its old pool nothing is below that zone any more.
        assert_eq!(member.delete(&format!("/v2/zones/{above}")).await.status, 202);
        admin.post(&path, json!({"pool_id": pool})).await.refused(400, "bad_request");
        // Back without a name: there is only one other pool.
        assert_eq!(admin.post(&path, json!({})).await.status, 202);
        let shown = member.get(&format!("/v2/zones/{zone}")).await;
        assert_eq!(shown.body["pool_id"], json!(PoolId::DEFAULT.to_string()));
    });
}

fn what_does_not_move(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (admin, member) = (rig.admin(), rig.member());
        let zone = member.zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/tasks/pool_move");
        member.post(&path, json!({})).await.refused(403, "forbidden");
        admin.post(&path, json!({})).await.refused(400, "bad_request");
        admin.post(&path, json!({"pool_id": UNKNOWN})).await.refused(400, "bad_request");
        admin.post(&path, json!({"pool_id": "x"})).await.refused(400, "invalid_object");
        admin.post(&path, json!({"colour": "red"})).await.refused(400, "invalid_object");
        admin.get(&path).await.refused(405, "method_not_allowed");
        let unknown = format!("/v2/zones/{UNKNOWN}/tasks/pool_move");
        admin.post(&unknown, json!({})).await.refused(404, "zone_not_found");
        let empty = admin.post("/v2/pools", json!({"name": "empty"})).await.id();
        key(&rig, &empty).await;
        admin.post(&path, json!({"pool_id": empty})).await.refused(500, "no_servers_configured");
        member.delete(&format!("/v2/zones/{zone}")).await;
        admin.post(&path, json!({"pool_id": empty})).await.refused(400, "bad_request");
    });
}

fn pools_are_for_admins(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let one = format!("/v2/pools/{}", PoolId::DEFAULT);
        member.get("/v2/pools").await.refused(403, "forbidden");
        member.get(&one).await.refused(403, "forbidden");
        member.post("/v2/pools", body("x")).await.refused(403, "forbidden");
        member.patch(&one, json!({})).await.refused(403, "forbidden");
        member.delete(&one).await.refused(403, "forbidden");
    });
}
