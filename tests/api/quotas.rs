//! `/v2/quotas`: the limits of projects.

use ordain::config::QuotaDriver;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    limits_are_shown_set_and_reset,
    whose_limits_are_whose_affair,
    what_is_wrong_with_limits_is_told,
    without_quotas_of_projects_the_configured_ones_hold
);

const ALL: (&str, &str) = ("X-Auth-All-Projects", "true");

fn defaults() -> Value {
    json!({"zones": 10, "zone_recordsets": 500, "zone_records": 500, "recordset_records": 20,
        "api_export_size": 1000})
}

fn limits_are_shown_set_and_reset(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (member, admin) = (rig.member(), rig.admin());
        for path in ["/v2/quotas", "/v2/quotas/p1"] {
            let got = member.get(path).await;
            assert_eq!((got.status, &got.body), (200, &defaults()));
        }
        let mut expected = defaults();
        expected["zones"] = json!(1);
        expected["zone_records"] = json!(-1);
        let set = admin.patch("/v2/quotas/p1", json!({"zones": 1, "zone_records": "-1"})).await;
        assert_eq!((set.status, &set.body), (200, &expected), "{}", set.text);
        assert_eq!(member.get("/v2/quotas").await.body, expected);
        assert_eq!(member.get("/v2/limits").await.body["max_zones"], json!(1));
        member.zone("a.example.").await;
        let second = json!({"name": "b.example.", "email": "a@b.org"});
        member.post("/v2/zones", second).await.refused_saying(413, "over_quota", "Quota exceeded for zones.");
        assert_eq!(rig.of("p2", "reader").get("/v2/quotas").await.body, defaults());
        let reset = admin.delete("/v2/quotas/p1").await;
        assert_eq!((reset.status, reset.text.as_str()), (204, ""));
        assert_eq!(member.get("/v2/quotas").await.body, defaults());
    });
}

fn whose_limits_are_whose_affair(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (member, admin) = (rig.member(), rig.admin());
        let body = || json!({"zones": 3});
        member.patch("/v2/quotas/p1", body()).await.refused(403, "forbidden");
        member.delete("/v2/quotas/p1").await.refused(403, "forbidden");
        member.get("/v2/quotas/p2").await.refused(403, "forbidden");
        rig.of("p1", "").get("/v2/quotas").await.refused(403, "forbidden");
        // An admin, too, has to say so for another project.
        admin.get("/v2/quotas/p2").await.refused(403, "forbidden");
        admin.patch("/v2/quotas/p2", body()).await.refused(403, "forbidden");
        assert_eq!(admin.with(ALL.0, ALL.1).patch("/v2/quotas/p2", body()).await.status, 200);
        assert_eq!(admin.with(ALL.0, ALL.1).get("/v2/quotas/p2").await.body["zones"], json!(3));
        let sudo = admin.with("X-Auth-Sudo-Project-ID", "p2");
        assert_eq!(sudo.get("/v2/quotas/p2").await.body["zones"], json!(3));
        assert_eq!(sudo.get("/v2/quotas").await.body["zones"], json!(3));
        assert_eq!(admin.delete("/v2/quotas/p2").await.status, 204, "whoever's");
        assert_eq!(sudo.get("/v2/quotas/p2").await.body, defaults());
        // Without a project there is nothing of one's own.
        let nobody = rig.of("", "admin");
        nobody.get("/v2/quotas").await.refused(401, "missing_project_id");
        nobody.patch("/v2/quotas/p2", body()).await.refused(401, "missing_project_id");
        assert_eq!(nobody.with(ALL.0, ALL.1).patch("/v2/quotas/p2", body()).await.status, 200);
    });
}

fn what_is_wrong_with_limits_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for (body, message) in [
            (
                json!({"zone": 1}),
                "Provided object does not match schema. Keys ['zone'] are not valid for quota".to_owned(),
            ),
            (json!({"zones": -2}), value("Value must be >= -1 for field zones")),
            (json!({"zones": 2_147_483_648_u64}), value("Value too high for zones")),
            (json!({"zones": "many"}), value("invalid literal for int() with base 10: 'many'")),
            (json!({"zones": null}), value("Field `zones' cannot be None")),
        ] {
            admin.patch("/v2/quotas/p1", body).await.refused_saying(400, "invalid_object", &message);
        }
        assert_eq!(admin.get("/v2/quotas").await.body, defaults());
        for (method, path) in [
            ("PATCH", "/v2/quotas"),
            ("DELETE", "/v2/quotas"),
            ("PUT", "/v2/quotas/p1"),
            ("POST", "/v2/quotas"),
        ] {
            let got = admin.send(method, path, Some(json!({}))).await;
            got.refused(405, "method_not_allowed");
        }
    });
}

fn without_quotas_of_projects_the_configured_ones_hold(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.quota_driver = QuotaDriver::Noop;
            config.central.quotas.zones = 1;
        })
        .await;
        let (member, admin) = (rig.member(), rig.admin());
        let mut expected = defaults();
        expected["zones"] = json!(1);
        let set = admin.patch("/v2/quotas/p1", json!({"zones": 5, "recordset_records": 0})).await;
        assert_eq!((set.status, &set.body), (200, &expected));
        assert_eq!(member.get("/v2/quotas").await.body, expected);
        assert_eq!(member.get("/v2/limits").await.body["max_zones"], json!(1));
        member.zone("a.example.").await;
        let second = json!({"name": "b.example.", "email": "a@b.org"});
        member.post("/v2/zones", second).await.refused_saying(413, "over_quota", "Quota exceeded for zones.");
    });
}

fn value(detail: &str) -> String {
    format!("Provided object is not valid. Got a ValueError error with message {detail}")
}
