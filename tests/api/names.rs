//! `/v2/tlds` and `/v2/blacklists`: which names zones may have, as admins say.

use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    an_admin_keeps_the_list_of_tlds,
    an_admin_keeps_the_blacklist,
    what_is_wrong_with_a_tld_is_told,
    what_is_wrong_with_a_pattern_is_told,
    lists_of_names_are_sorted_filtered_and_paged,
    names_are_kept_by_admins_only,
    unknown_entries_and_methods_are_told,
    every_change_of_a_list_is_told_to_others,
);

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

fn an_admin_keeps_the_list_of_tlds(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let made = admin.post("/v2/tlds", json!({"name": "co.uk", "description": "islands"})).await;
        let id = made.id();
        let url = format!("http://dns.example/v2/tlds/{id}");
        assert_eq!((made.status, made.location.as_deref()), (201, Some(url.as_str())));
        let mut expected = json!({
            "id": id, "name": "co.uk", "description": "islands", "created_at": "2026-11-23T00:43:10.000000",
            "updated_at": null, "links": {"self": url},
        });
        assert_eq!(made.body, expected);
        let path = format!("/v2/tlds/{id}");
        assert_eq!(admin.get(&path).await.body, expected);
        rig.wait(5).await;
        let changed = admin.patch(&path, json!({"name": "org", "description": null, "id": id})).await;
        assert_eq!(changed.status, 200, "{}", changed.text);
        expected["name"] = json!("org");
        expected["description"] = Value::Null;
        expected["updated_at"] = json!("2026-11-23T00:43:15.000000");
        assert_eq!(changed.body, expected);
        assert_eq!(admin.get(&path).await.body, expected);
        rig.member().post("/v2/zones", json!({"name": "a.co.uk.", "email": "a@b.org"})).await.refused_saying(
            400,
            "invalid_zone_name",
            "Invalid TLD",
        );
        let gone = admin.delete(&path).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        admin.get(&path).await.refused_saying(404, "tld_not_found", "Could not find Tld");
        rig.member().zone("a.co.uk.").await;
    });
}

fn an_admin_keeps_the_blacklist(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let made = admin.post("/v2/blacklists", json!({"pattern": "^evil\\."})).await;
        let id = made.id();
        let url = format!("http://dns.example/v2/blacklists/{id}");
        assert_eq!((made.status, made.location.as_deref()), (201, Some(url.as_str())));
        let expected = json!({
            "id": id, "pattern": "^evil\\.", "description": null, "created_at": "2026-11-23T00:43:10.000000",
            "updated_at": null, "links": {"self": url},
        });
        assert_eq!(made.body, expected);
        let evil = || json!({"name": "evil.org.", "email": "a@b.org"});
        rig.member().post("/v2/zones", evil()).await.refused_saying(
            400,
            "invalid_zone_name",
            "Blacklisted zone name",
        );
        let path = format!("/v2/blacklists/{id}");
        let changed = admin.patch(&path, json!({"pattern": "bank", "description": "no money ("})).await;
        assert_eq!((changed.status, &changed.body["pattern"]), (200, &json!("bank")), "{}", changed.text);
        assert_eq!(changed.body["description"], json!("no money ("), "plain text, no pattern");
        assert_eq!(rig.member().post("/v2/zones", evil()).await.status, 202);
        // Who may use such names is asked for the rule.
        assert_eq!(
            admin.post("/v2/zones", json!({"name": "bank.org.", "email": "a@b.org"})).await.status,
            202
        );
        assert_eq!(admin.delete(&path).await.status, 204);
        admin.get(&path).await.refused_saying(404, "blacklist_not_found", "Could not find Blacklist");
    });
}

fn what_is_wrong_with_a_tld_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for name in ["com.", "*.com", "", "a b", "-a", "ä", &"a".repeat(64)] {
            let message = format!(
                "Provided object is not valid. Got a ValueError error with message {name} is not a TLD"
            );
            admin.post("/v2/tlds", json!({"name": name})).await.refused_saying(
                400,
                "invalid_object",
                &message,
            );
        }
        for body in [
            json!({"name": "a".repeat(256)}),
            json!({"name": null}),
            json!({"name": "org", "description": "x".repeat(161)}),
            json!({"name": "org", "colour": "red"}),
            json!({"name": "org", "id": UNKNOWN}),
            json!({"name": ["org"]}),
        ] {
            admin.post("/v2/tlds", body).await.refused(400, "invalid_object");
        }
        let missing = admin.post("/v2/tlds", json!({})).await;
        missing.refused(400, "invalid_object");
        assert_eq!(
            missing.body["errors"],
            json!({"errors": [{"path": ["records", 0, "name"], "message": "'name' is a required property",
                "validator": "required", "validator_value": ["name"]}]})
        );
        let id = admin.post("/v2/tlds", json!({"name": "org"})).await.id();
        for name in ["org", "ORG"] {
            let again = admin.post("/v2/tlds", json!({"name": name})).await;
            again.refused_saying(409, "duplicate_tld", "Duplicate Tld");
        }
        assert_eq!(admin.post("/v2/tlds", json!({"name": "com"})).await.status, 201);
        let path = format!("/v2/tlds/{id}");
        admin.patch(&path, json!({"name": "Com"})).await.refused(409, "duplicate_tld");
        assert_eq!(admin.patch(&path, json!({"name": "ORG"})).await.status, 200, "its own name");
        admin.patch(&path, json!({"created_at": "now"})).await.refused(400, "invalid_object");
        admin.send("PATCH", &path, Some(Value::Null)).await.refused(400, "empty_request_body");
        admin.send("POST", "/v2/tlds", None).await.refused(415, "unsupported_content_type");
    });
}

fn what_is_wrong_with_a_pattern_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for pattern in ["", "(", "a**", "[", "(?P<x"] {
            let message = format!(
                "Provided object is not valid. Got a ValueError error with message {pattern} is not a valid regular expression"
            );
            let got = admin.post("/v2/blacklists", json!({"pattern": pattern})).await;
            got.refused_saying(400, "invalid_object", &message);
        }
        for body in [
            json!({"pattern": "a".repeat(256)}),
            json!({"pattern": null}),
            json!({}),
            json!({"pattern": "a", "description": "x".repeat(161)}),
            json!({"pattern": "a", "name": "x"}),
        ] {
            admin.post("/v2/blacklists", body).await.refused(400, "invalid_object");
        }
        assert_eq!(admin.post("/v2/blacklists", json!({"pattern": "a"})).await.status, 201);
        let again = admin.post("/v2/blacklists", json!({"pattern": "a"})).await;
        again.refused_saying(409, "duplicate_blacklist", "Duplicate Blacklist");
        // One that would take Python's engine minutes: here it takes none.
        assert_eq!(admin.post("/v2/blacklists", json!({"pattern": "^(a+)+$"})).await.status, 201);
        rig.member().zone(&format!("{}b.org.", "b".repeat(40))).await;
    });
}

fn lists_of_names_are_sorted_filtered_and_paged(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for name in ["org", "com", "net"] {
            admin.post("/v2/tlds", json!({"name": name})).await;
            admin.post("/v2/blacklists", json!({"pattern": name})).await;
            rig.wait(1).await;
        }
        for (list, field) in [("tlds", "name"), ("blacklists", "pattern")] {
            let path = format!("/v2/{list}");
            let all = admin.get(&path).await;
            assert_eq!(all.column(list, field), ["org", "com", "net"]);
            assert!(all.body.get("metadata").is_none());
            assert_eq!(all.body["links"], json!({"self": format!("http://dns.example{path}")}));
            let sorted = admin.get(&format!("{path}?sort_key={field}&sort_dir=desc&limit=2")).await;
            assert_eq!(sorted.column(list, field), ["org", "net"]);
            let next = sorted.body["links"]["next"].as_str().unwrap().to_owned();
            let rest = admin.get(next.strip_prefix("http://dns.example").unwrap()).await;
            assert_eq!(rest.column(list, field), ["com"]);
            assert!(rest.body["links"].get("next").is_none());
            for (filter, found) in [("com", vec!["com"]), ("*e*", vec!["net"]), ("x", vec![])] {
                let got = admin.get(&format!("{path}?{field}={filter}")).await;
                assert_eq!(got.column(list, field), found, "{filter}");
            }
            admin.get(&format!("{path}?description=a")).await.refused(400, "bad_request");
            admin.get(&format!("{path}?sort_key=description")).await.refused(400, "invalid_sort_key");
            admin.get(&format!("{path}?marker={UNKNOWN}")).await.refused(400, "marker_not_found");
        }
        assert_eq!(admin.get("/v2/tlds?name=COM").await.column("tlds", "name"), ["com"]);
    });
}

fn names_are_kept_by_admins_only(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let tld = rig.admin().post("/v2/tlds", json!({"name": "org"})).await.id();
        let pattern = rig.admin().post("/v2/blacklists", json!({"pattern": "a"})).await.id();
        for (list, id, body) in
            [("tlds", &tld, json!({"name": "com"})), ("blacklists", &pattern, json!({"pattern": "b"}))]
        {
            let (path, one) = (format!("/v2/{list}"), format!("/v2/{list}/{id}"));
            let member = rig.member();
            member.get(&path).await.refused(403, "forbidden");
            member.get(&one).await.refused(403, "forbidden");
            member.post(&path, body.clone()).await.refused(403, "forbidden");
            member.patch(&one, body).await.refused(403, "forbidden");
            member.delete(&one).await.refused(403, "forbidden");
        }
    });
}

fn unknown_entries_and_methods_are_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for (list, parameter, kind) in
            [("tlds", "tld_id", "tld_not_found"), ("blacklists", "blacklist_id", "blacklist_not_found")]
        {
            let one = format!("/v2/{list}/{UNKNOWN}");
            admin.get(&one).await.refused(404, kind);
            admin.patch(&one, json!({})).await.refused(404, kind);
            admin.delete(&one).await.refused(404, kind);
            let message = format!("Invalid UUID {parameter}: x");
            admin.get(&format!("/v2/{list}/x")).await.refused_saying(400, "invalid_uuid", &message);
            admin.put(&one, json!({})).await.refused(405, "method_not_allowed");
            admin.delete(&format!("/v2/{list}")).await.refused(405, "method_not_allowed");
            admin.get(&format!("{one}/x")).await.refused(404, "not_found");
        }
    });
}

fn every_change_of_a_list_is_told_to_others(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let admin = rig.admin();
        let tld = admin.post("/v2/tlds", json!({"name": "org"})).await.id();
        admin.patch(&format!("/v2/tlds/{tld}"), json!({"name": "com"})).await;
        admin.delete(&format!("/v2/tlds/{tld}")).await;
        let pattern = admin.post("/v2/blacklists", json!({"pattern": "org"})).await.id();
        admin.patch(&format!("/v2/blacklists/{pattern}"), json!({"pattern": "com"})).await;
        admin.delete(&format!("/v2/blacklists/{pattern}")).await;
        let told = rig.told().await;
        let events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(
            events,
            [
                "dns.tld.create",
                "dns.tld.update",
                "dns.tld.delete",
                "dns.blacklist.create",
                "dns.blacklist.update",
                "dns.blacklist.delete"
            ]
        );
        assert_eq!((&told[1].1["name"], &told[1].1["id"]), (&json!("com"), &json!(tld)));
        assert_eq!((&told[4].1["pattern"], &told[4].1["id"]), (&json!("com"), &json!(pattern)));
    });
}
