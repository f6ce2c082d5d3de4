//! Which pool a new zone goes to.

use ordain::config::{Config, SchedulerFilter};
use ordain::domain::ids::PoolId;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Caller, Got, Rig, on_every_wire};

on_every_wire!(
    zones_go_where_their_attributes_say,
    who_may_names_the_pool,
    filters_that_leave_none_or_several_are_told,
    imports_are_told_at_once
);

async fn rig(wire: &Wire, filters: &[SchedulerFilter]) -> Rig {
    let filters = filters.to_vec();
    Rig::configured(wire, |config: &mut Config| config.central.scheduler_filters = filters).await
}

/// Makes a pool of this tier; its id.
async fn pool(admin: Caller<'_>, tier: &str) -> String {
    let body = json!({"name": tier, "attributes": {"tier": tier},
        "ns_records": [{"priority": 1, "hostname": format!("ns.{tier}.example.")}]});
    let made = admin.post("/v2/pools", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body["id"].as_str().unwrap().to_owned()
}

/// Gives a pool its key, without which no zone goes there.
async fn key(admin: Caller<'_>, pool: &str) {
    let body = json!({"name": pool, "algorithm": "hmac-sha256", "secret": "c2VjcmV0", "scope": "POOL",
        "resource_id": pool});
    assert_eq!(admin.post("/v2/tsigkeys", body).await.status, 201);
}

async fn zone(caller: Caller<'_>, name: &str, attributes: Value) -> Got {
    caller.post("/v2/zones", json!({"name": name, "email": "a@example.org", "attributes": attributes})).await
}

fn zones_go_where_their_attributes_say(wire: &Wire) {
    wire.run(async {
        let filters = [
            SchedulerFilter::PoolIdAttribute,
            SchedulerFilter::Attribute,
            SchedulerFilter::InDoubtDefaultPool,
        ];
        let rig = rig(wire, &filters).await;
        let (member, admin) = (rig.member(), rig.admin());
        let default = json!(PoolId::DEFAULT.to_string());
        // The default pool says nothing of itself, so it suits everybody, and is taken in doubt.
        let gold = pool(admin, "gold").await;
        assert_eq!(zone(member, "a.example.", json!({"tier": "gold"})).await.body["pool_id"], default);
        assert_eq!(zone(member, "b.example.", json!({})).await.body["pool_id"], default);
        // Once it says something else, it does not.
        let path = format!("/v2/pools/{}", PoolId::DEFAULT);
        assert_eq!(admin.patch(&path, json!({"attributes": {"tier": "lead"}})).await.status, 202);
        zone(member, "c.example.", json!({"tier": "gold"})).await.refused_saying(
            400,
            "bad_request",
            "The pool has no TSIG key of scope POOL",
        );
        key(admin, &gold).await;
        let made = zone(member, "c.example.", json!({"tier": "gold"})).await;
        assert_eq!((made.status, &made.body["pool_id"]), (202, &json!(gold)), "{}", made.text);
        let servers =
            member.get(&format!("/v2/zones/{}/nameservers", made.body["id"].as_str().unwrap())).await;
        assert_eq!(servers.body["nameservers"][0]["hostname"], "ns.gold.example.");
    });
}

fn who_may_names_the_pool(wire: &Wire) {
    wire.run(async {
        let rig = rig(wire, &[SchedulerFilter::PoolIdAttribute, SchedulerFilter::InDoubtDefaultPool]).await;
        let (member, admin) = (rig.member(), rig.admin());
        let gold = pool(admin, "gold").await;
        key(admin, &gold).await;
        let named = json!({"pool_id": gold});
        zone(member, "a.example.", named.clone()).await.refused(403, "forbidden");
        assert_eq!(zone(admin, "a.example.", named).await.body["pool_id"], json!(gold));
        for unknown in [json!(gold.replace('-', "x")), json!("5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a")] {
            zone(admin, "b.example.", json!({"pool_id": unknown})).await.refused(404, "no_valid_pool_found");
        }
        assert_eq!(zone(member, "b.example.", json!({})).await.status, 202);
    });
}

fn filters_that_leave_none_or_several_are_told(wire: &Wire) {
    wire.run(async {
        let rig = rig(wire, &[SchedulerFilter::Attribute]).await;
        let (member, admin) = (rig.member(), rig.admin());
        pool(admin, "gold").await;
        zone(member, "a.example.", json!({})).await.refused(500, "multiple_pools_found");
        let path = format!("/v2/pools/{}", PoolId::DEFAULT);
        assert_eq!(admin.patch(&path, json!({"attributes": {"tier": "lead"}})).await.status, 202);
        zone(member, "a.example.", json!({"tier": "tin"})).await.refused_saying(
            404,
            "no_valid_pool_found",
            "There are no pools that matched your request",
        );
    });
}

fn imports_are_told_at_once(wire: &Wire) {
    wire.run(async {
        let rig = rig(wire, &[SchedulerFilter::PoolIdAttribute, SchedulerFilter::InDoubtDefaultPool]).await;
        let (member, admin) = (rig.member(), rig.admin());
        let import = |id: &str| json!({"zonefile": "$ORIGIN a.example.\n", "attributes": {"pool_id": id}});
        let unknown = "5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";
        let path = "/v2/zones/tasks/imports";
        member.post(path, import(unknown)).await.refused(404, "no_valid_pool_found");
        admin.post(path, import(unknown)).await.refused(404, "no_valid_pool_found");
        assert_eq!(admin.get(path).await.body["imports"], json!([]));
        assert_eq!(admin.post(path, import(&PoolId::DEFAULT.to_string())).await.status, 202);
    });
}
