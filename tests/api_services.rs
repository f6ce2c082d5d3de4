//! `/v2/service_statuses` and `/v2/limits` against the real central.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

#[path = "support/api.rs"]
mod support;

use ordain::transport::run_paused;
use serde_json::json;
use support::Rig;

#[test]
fn running_services_are_listed_for_admins() {
    run_paused(async {
        let rig = Rig::start().await;
        for (service, host) in [("worker", "b"), ("central", "a"), ("worker", "a")] {
            rig.heartbeat(service, host).await;
            rig.wait(1).await;
        }
        let admin = rig.admin();
        let all = admin.get("/v2/service_statuses").await;
        assert_eq!(all.column("service_statuses", "service_name"), ["worker", "central", "worker"]);
        assert!(all.body.get("metadata").is_none(), "this list is not counted");
        assert_eq!(all.body["links"], json!({"self": "http://dns.example/v2/service_statuses"}));
        let first = &all.body["service_statuses"][0];
        let id = first["id"].as_str().unwrap().to_owned();
        assert_eq!(
            *first,
            json!({
                "id": id, "hostname": "b", "service_name": "worker", "status": "UP", "stats": {"calls": "3"},
                "capabilities": {}, "heartbeated_at": "2026-11-23T00:43:10.000000",
                "created_at": "2026-11-23T00:43:10.000000", "updated_at": first["updated_at"],
                "links": {"self": format!("http://dns.example/v2/service_statuses/{id}")},
            })
        );
        let shown = admin.get(&format!("/v2/service_statuses/{id}")).await;
        assert_eq!((shown.status, &shown.body), (200, first));
        assert_eq!(admin.get(&format!("/v2/service_status/{id}")).await.text, shown.text);
        let filtered = admin.get("/v2/service_status?service_name=worker&hostname=a&status=UP").await;
        assert_eq!(filtered.column("service_statuses", "hostname"), ["a"]);
        let sorted = admin.get("/v2/service_statuses?sort_key=hostname&sort_dir=desc&limit=1").await;
        assert_eq!(sorted.column("service_statuses", "hostname"), ["b"]);
        assert!(sorted.body["links"]["next"].is_string());

        for path in ["/v2/service_statuses", &format!("/v2/service_statuses/{id}")] {
            rig.member().get(path).await.refused(403, "forbidden");
        }
        let unknown = "/v2/service_statuses/11111111-2222-4333-8444-555555555555";
        admin.get(unknown).await.refused_saying(
            404,
            "service_status_not_found",
            "Could not find ServiceStatus",
        );
    });
}
