//! `/v2/service_statuses` and `/v2/limits` against the real central.

use ordain::testing::Wire;
use serde_json::json;

use crate::support::{Rig, on_every_wire};

on_every_wire!(running_services_are_listed_for_admins);

fn running_services_are_listed_for_admins(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        for (service, host) in [("worker", "z"), ("central", "y"), ("worker", "y")] {
            rig.heartbeat(service, host).await;
            rig.wait(1).await;
        }
        let admin = rig.admin();
        let all = admin.get("/v2/service_statuses").await;
        // The services that really run tell of themselves, too.
        let rows = all.body["service_statuses"].as_array().unwrap();
        let rows: Vec<_> = rows.iter().filter(|row| row["hostname"] != "world").collect();
        let services: Vec<_> = rows.iter().map(|row| row["service_name"].as_str().unwrap()).collect();
        assert_eq!(services, ["worker", "central", "worker"]);
        assert!(all.body.get("metadata").is_none(), "this list is not counted");
        assert_eq!(all.body["links"], json!({"self": "http://dns.example/v2/service_statuses"}));
        let first = rows[0];
        let id = first["id"].as_str().unwrap().to_owned();
        assert_eq!(
            *first,
            json!({
                "id": id, "hostname": "z", "service_name": "worker", "status": "UP", "stats": {"calls": "3"},
                "capabilities": {}, "heartbeated_at": "2026-11-23T00:43:10.000000",
                "created_at": "2026-11-23T00:43:10.000000", "updated_at": first["updated_at"],
                "links": {"self": format!("http://dns.example/v2/service_statuses/{id}")},
            })
        );
        let shown = admin.get(&format!("/v2/service_statuses/{id}")).await;
        assert_eq!((shown.status, &shown.body), (200, first));
        assert_eq!(admin.get(&format!("/v2/service_status/{id}")).await.text, shown.text);
        let filtered = admin.get("/v2/service_status?service_name=worker&hostname=y&status=UP").await;
        assert_eq!(filtered.column("service_statuses", "hostname"), ["y"]);
        let sorted = admin.get("/v2/service_statuses?sort_key=hostname&sort_dir=desc&limit=1").await;
        assert_eq!(sorted.column("service_statuses", "hostname"), ["z"]);
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
