//! `/admin`: reports, quotas and zones as files, each switched on by itself.

use ordain::config::{AdminExtension, Config};
use ordain::testing::Wire;
use serde_json::json;

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    nothing_is_there_unless_it_is_switched_on,
    zones_records_and_projects_are_counted,
    projects_are_told_with_their_zones,
    links_hold_any_project,
    limits_in_an_envelope,
    any_zone_is_a_file,
);

fn on(config: &mut Config) {
    config.api.enable_api_admin = true;
    config.api.enabled_extensions_admin = AdminExtension::ALL.to_vec();
}

fn nothing_is_there_unless_it_is_switched_on(wire: &Wire) {
    wire.run(async {
        for extensions in [Vec::new(), vec![AdminExtension::Zones]] {
            let rig = Rig::configured(wire, |config| {
                config.api.enable_api_admin = !extensions.is_empty();
                config.api.enabled_extensions_admin = extensions.clone();
            })
            .await;
            let got = rig.admin().get("/admin/reports/counts").await;
            assert_eq!((got.status, got.text.is_empty()), (404, extensions.is_empty()), "{}", got.text);
        }
    });
}

fn zones_records_and_projects_are_counted(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, on).await;
        let zone = rig.member().zone("a.example.").await;
        rig.member().recordset(&zone, "www.a.example.", "A", &["192.0.2.1", "192.0.2.2"]).await;
        rig.of("p2", "member,reader").zone("b.example.").await;
        let admin = rig.admin();
        let all = admin.with("X-Auth-All-Projects", "true");
        let counts = "/admin/reports/counts";
        let (own, every) = (admin.get(counts).await, all.get(counts).await);
        assert_eq!(own.body, json!({"counts": [{"zones": 1, "records": 5, "tenants": 1}]}), "{}", own.text);
        assert_eq!(every.body, json!({"counts": [{"zones": 2, "records": 8, "tenants": 2}]}));
        for (what, number) in [("zones", 2), ("records", 8), ("tenants", 2), ("zones_delayed_notify", 1)] {
            let got = all.get(&format!("{counts}/{what}")).await;
            assert_eq!(got.body, json!({"counts": [{what: number}]}));
        }
        admin.get(&format!("{counts}/apples")).await.refused(404, "report_not_found");
        for path in [counts, "/admin/reports/counts/zones", "/admin/reports/tenants"] {
            rig.member().get(path).await.refused(403, "forbidden");
        }
    });
}

fn projects_are_told_with_their_zones(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, on).await;
        for name in ["b.example.", "a.example."] {
            rig.member().zone(name).await;
        }
        rig.of("p2", "member,reader").zone("c.example.").await;
        let all = rig.admin().with("X-Auth-All-Projects", "true");
        let got = all.get("/admin/reports/tenants").await;
        assert_eq!((got.status, &got.body["metadata"]), (200, &json!({})));
        assert_eq!(got.column("tenants", "id"), ["p1", "p2"]);
        assert_eq!(got.body["tenants"][0]["zone_count"], json!(2));
        let one = all.get("/admin/reports/tenants/p1").await;
        assert_eq!((&one.body["id"], &one.body["zones_count"]), (&json!("p1"), &json!(2)));
        assert_eq!(one.body["zones"], json!(["a.example.", "b.example."]));
        rig.member().get("/admin/reports/tenants/p1").await.refused(403, "forbidden");
    });
}

fn links_hold_any_project(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, on).await;
        let got = rig.admin().get("/admin/reports/tenants/%C3%A9%20b").await;
        assert_eq!((got.status, &got.body["id"]), (200, &json!("é b")), "{}", got.text);
        let link = got.body["links"]["self"].as_str().unwrap();
        assert!(link.ends_with("/v2/reports/tenants/%C3%A9%20b"), "{link}");
    });
}

fn limits_in_an_envelope(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, on).await;
        let admin = rig.admin();
        let path = "/admin/quotas/p1";
        assert_eq!(admin.get(path).await.body["quota"]["zones"], json!(10));
        let set = admin.patch(path, json!({"quota": {"zones": 3}})).await;
        assert_eq!((set.status, &set.body["quota"]["zones"]), (200, &json!(3)), "{}", set.text);
        let wrong = admin.patch(path, json!({"quota": {"zones": -1, "apples": 1}})).await;
        assert_eq!(wrong.status, 400);
        let mut paths: Vec<_> =
            wrong.body["errors"].as_array().unwrap().iter().map(|e| e["path"].as_str().unwrap()).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["quota", "quota.zones"]);
        for body in [json!({}), json!({"quota": 1}), json!({"quota": {"zones": "x"}})] {
            assert_eq!(admin.patch(path, body).await.status, 400);
        }
        assert_eq!(admin.delete(path).await.status, 204);
        assert_eq!(admin.get(path).await.body["quota"]["zones"], json!(10));
        rig.member().patch(path, json!({"quota": {"zones": 3}})).await.refused(403, "forbidden");
        // Other projects' limits need no header here, but the right to it.
        let other = "/admin/quotas/p2";
        let set = admin.patch(other, json!({"quota": {"zones": 4}})).await;
        assert_eq!((set.status, &set.body["quota"]["zones"]), (200, &json!(4)), "{}", set.text);
        assert_eq!(admin.get(other).await.body["quota"]["zones"], json!(4));
        rig.member().get(other).await.refused(403, "forbidden");
    });
}

fn any_zone_is_a_file(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, on).await;
        let zone = rig.of("p2", "member,reader").zone("a.example.").await;
        let path = format!("/admin/zones/export/{zone}");
        let admin = rig.admin();
        admin.get(&path).await.refused(404, "zone_not_found");
        let got = admin.with("X-Auth-All-Projects", "true").get(&path).await;
        assert!(got.status == 200 && got.text.starts_with("$ORIGIN a.example.\n"), "{}", got.text);
    });
}
