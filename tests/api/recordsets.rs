//! `/v2/zones/{id}/recordsets` and `/v2/recordsets`: operations, rules, lists, and every error they can give.

use ordain::actors::worker::api::PublishZone;
use ordain::domain::ids::ProjectId;
use ordain::domain::zone_status::Outcome;
use ordain::store::StoreError;
use ordain::store::repo::shares;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    a_recordset_is_created_pending_and_shown_in_full,
    a_recordset_without_records_changes_nothing,
    a_recordset_is_changed_in_part,
    a_recordset_is_gone_once_it_is_deleted,
    a_recordset_is_found_in_its_zone_only,
    roles_decide,
    names_and_places_have_their_rules,
    what_the_service_made_is_protected,
    quotas_and_limits_hold,
    bodies_are_checked_before_the_zone_is_looked_for,
    a_sharee_works_on_its_own_recordsets,
    lists_are_paged_sorted_and_filtered
);

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

fn a(name: &str) -> Value {
    json!({"name": name, "type": "A", "records": ["192.0.2.1"]})
}

/// The id of the zone's recordset of a type at its apex.
async fn apex(rig: &Rig, zone: &str, kind: &str) -> String {
    let got = rig.member().get(&format!("/v2/zones/{zone}/recordsets?type={kind}")).await;
    got.column("recordsets", "id")[0].clone()
}

fn a_recordset_is_created_pending_and_shown_in_full(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        let body = json!({"name": "www.example.org.", "type": "A", "records": ["192.0.2.2", "192.0.2.1"]});
        let got = rig.member().post(&path, body).await;
        let id = got.id();
        let text = format!(
            concat!(
                r#"{{"id":"{id}","zone_id":"{zone}","project_id":"p1","name":"www.example.org.","#,
                r#""zone_name":"example.org.","type":"A","records":["192.0.2.2","192.0.2.1"],"#,
                r#""description":null,"ttl":null,"status":"PENDING","action":"CREATE","version":1,"#,
                r#""created_at":"2026-11-23T00:43:10.000000","updated_at":null,"#,
                r#""links":{{"self":"http://dns.example/v2/zones/{zone}/recordsets/{id}"}}}}"#
            ),
            id = id,
            zone = zone
        );
        assert_eq!((got.status, &got.text), (202, &text));
        assert_eq!(got.location, Some(format!("http://dns.example{path}/{id}")));
        assert_eq!(rig.member().get(&format!("{path}/{id}")).await.text, text);
        rig.report(&zone, Outcome::Propagated).await;
        let shown = rig.member().get(&format!("{path}/{id}")).await;
        assert_eq!((&shown.body["status"], &shown.body["action"]), (&json!("ACTIVE"), &json!("NONE")));
    });
}

fn a_recordset_without_records_changes_nothing(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        rig.report(&zone, Outcome::Propagated).await;
        rig.worker().answered::<PublishZone>(1).await;
        let nudges = rig.worker().count::<PublishZone>();
        for (name, records) in [("a.example.org.", json!([])), ("b.example.org.", Value::Null)] {
            let mut body = json!({"name": name, "type": "A", "records": records});
            if records.is_null() {
                body.as_object_mut().unwrap().remove("records");
            }
            let got = rig.member().post(&format!("/v2/zones/{zone}/recordsets"), body).await;
            assert_eq!((got.status, &got.body["status"]), (201, &json!("ACTIVE")), "{}", got.text);
            assert_eq!((&got.body["action"], &got.body["records"]), (&json!("NONE"), &json!([])));
        }
        let shown = rig.member().get(&format!("/v2/zones/{zone}")).await;
        assert_eq!(shown.body["status"], json!("ACTIVE"));
        assert_eq!(rig.worker().count::<PublishZone>(), nudges);
    });
}

fn a_recordset_is_changed_in_part(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let id = member.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;
        let path = format!("/v2/zones/{zone}/recordsets/{id}");
        rig.report(&zone, Outcome::Propagated).await;
        let got =
            member.put(&path, json!({"ttl": 60, "description": "d", "zone_name": "example.org."})).await;
        assert_eq!(got.status, 202, "{}", got.text);
        for (field, value) in [
            ("ttl", json!(60)),
            ("description", json!("d")),
            ("records", json!(["192.0.2.1"])),
            ("status", json!("PENDING")),
            ("action", json!("UPDATE")),
            ("version", json!(2)),
        ] {
            assert_eq!(got.body[field], value, "{field}");
        }
        assert_eq!(member.get(&format!("/v2/zones/{zone}")).await.body["action"], json!("UPDATE"));
        let got = member.put(&path, json!({"records": ["192.0.2.2"], "ttl": null})).await;
        assert_eq!((&got.body["records"], &got.body["ttl"]), (&json!(["192.0.2.2"]), &Value::Null));
        let got = member.put(&path, json!({})).await;
        assert_eq!((got.status, &got.body["version"]), (202, &json!(4)));
        let emptied = member.put(&path, json!({"records": []})).await;
        assert_eq!((emptied.status, &emptied.body["status"]), (200, &json!("ACTIVE")), "{}", emptied.text);
        assert_eq!(emptied.body["action"], json!("NONE"));
        for body in [
            json!({"name": "w.example.org."}),
            json!({"type": "AAAA"}),
            json!({"status": "ACTIVE"}),
            json!({"action": "NONE"}),
            json!({"links": {}}),
        ] {
            member.put(&path, body).await.refused(400, "invalid_object");
        }
        let got = member.put(&path, json!({"records": ["x", "192.0.2.1", "y"]})).await;
        got.refused(400, "invalid_object");
        let paths: Vec<&Value> =
            got.body["errors"]["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
        assert_eq!(paths, [&json!(["records", 0]), &json!(["records", 2])]);
        assert!(got.body.get("message").is_none());
    });
}

fn a_recordset_is_gone_once_it_is_deleted(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let id = member.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;
        let path = format!("/v2/zones/{zone}/recordsets/{id}");
        let got = member.delete(&path).await;
        assert_eq!((got.status, &got.body["status"]), (202, &json!("PENDING")), "{}", got.text);
        assert_eq!(got.body["action"], json!("DELETE"));
        for got in [member.get(&path).await, member.delete(&path).await, member.put(&path, json!({})).await] {
            got.refused_saying(404, "recordset_not_found", "Could not find RecordSet");
        }
        member.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;
    });
}

fn a_recordset_is_found_in_its_zone_only(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let (one, two) = (member.zone("one.org.").await, member.zone("two.org.").await);
        let id = member.recordset(&one, "www.one.org.", "A", &["192.0.2.1"]).await;
        for path in
            [format!("/v2/zones/{two}/recordsets/{id}"), format!("/v2/zones/{one}/recordsets/{UNKNOWN}")]
        {
            member.get(&path).await.refused(404, "recordset_not_found");
        }
        let other = rig.of("p2", "admin");
        let path = format!("/v2/zones/{one}/recordsets/{id}");
        other.get(&path).await.refused(404, "zone_not_found");
        other.put(&path, json!({"ttl": 1})).await.refused(404, "zone_not_found");
        other
            .post(&format!("/v2/zones/{one}/recordsets"), a("x.one.org."))
            .await
            .refused(404, "zone_not_found");
        assert_eq!(other.with("X-Auth-All-Projects", "true").get(&path).await.status, 200);

        let moved = member.get(&format!("/v2/recordsets/{id}")).await;
        assert_eq!((moved.status, moved.location), (301, Some(format!("http://dns.example{path}"))));
        let accept = ("Accept", "application/json");
        let moved = member.with(accept.0, accept.1).get(&format!("/v2/recordsets/{id}")).await;
        assert_eq!(moved.text, r#"{"code":301,"title":"Moved Permanently","description":null}"#);
        member.get(&format!("/v2/recordsets/{UNKNOWN}")).await.refused(404, "recordset_not_found");
        other.get(&format!("/v2/recordsets/{id}")).await.refused(404, "recordset_not_found");
    });
}

fn roles_decide(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let id = rig.member().recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;
        let all = format!("/v2/zones/{zone}/recordsets");
        let path = format!("{all}/{id}");
        for roles in ["", "reader"] {
            let caller = rig.of("p1", roles);
            let expected = if roles.is_empty() { 403 } else { 200 };
            for path in [all.as_str(), path.as_str(), "/v2/recordsets"] {
                assert_eq!(caller.get(path).await.status, expected, "{roles} {path}");
            }
            for got in [
                caller.post(&all, a("b.example.org.")).await,
                caller.put(&path, json!({"ttl": 1})).await,
                caller.delete(&path).await,
            ] {
                got.refused(403, "forbidden");
                assert!(got.body.get("message").is_none());
            }
        }
        let body = json!({"name": "s.org.", "type": "SECONDARY", "masters": ["192.0.2.1"]});
        let secondary = rig.member().post("/v2/zones", body).await.id();
        let path = format!("/v2/zones/{secondary}/recordsets");
        rig.member().post(&path, a("a.s.org.")).await.refused(403, "forbidden");
        assert_eq!(rig.admin().post(&path, a("a.s.org.")).await.status, 202);
    });
}

fn names_and_places_have_their_rules(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.max_recordset_name_len = 40).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let path = &format!("/v2/zones/{zone}/recordsets");
        let post = |name: &'static str, kind: &'static str, records: Value| async move {
            member.post(path, json!({"name": name, "type": kind, "records": records})).await
        };
        let cname = || json!(["target.example.net."]);
        let address = || json!(["192.0.2.1"]);
        let location = "invalid_recordset_location";

        post("www.example.com.", "A", address()).await.refused(400, location);
        post("wwwexample.org.", "A", address()).await.refused(400, location);
        post("a-name-that-is-far-too-long-for-the-limit.example.org.", "A", address())
            .await
            .refused(400, "invalid_recordset_name");
        post("example.org.", "CNAME", cname()).await.refused(400, location);
        member.recordset(&zone, "a.example.org.", "A", &["192.0.2.1"]).await;
        post("a.EXAMPLE.org.", "CNAME", cname()).await.refused(400, location);
        member.recordset(&zone, "c.example.org.", "CNAME", &["target.example.net."]).await;
        post("c.example.org.", "TXT", json!(["x"])).await.refused(400, location);
        post("d.example.org.", "CNAME", json!(["a.b.", "c.d."])).await.refused(400, "bad_request");
        let duplicate = post("A.example.org.", "A", address()).await;
        duplicate.refused_saying(409, "duplicate_recordset", "Duplicate RecordSet");
        post("example.org.", "NS", json!(["ns.example.net."])).await.refused(409, "duplicate_recordset");
        post("example.org.", "SOA", json!(["a. b. 1 2 3 4 5"])).await.refused(400, "bad_request");
        post("x.example.org.", "TLSA", json!([])).await.refused(400, "bad_request");
        post("x.example.org.", "SRV", json!([])).await.refused_saying(
            400,
            "invalid_object",
            "name is invalid",
        );
        post("*.example.org.", "NS", json!([])).await.refused_saying(
            400,
            "invalid_object",
            "name is invalid",
        );

        member.zone("sub.example.org.").await;
        post("www.sub.example.org.", "A", address()).await.refused(400, location);
        post("sub.example.org.", "NS", json!(["ns.example.net."])).await.refused(400, location);
        for (name, kind, data) in [
            ("*.example.org.", "A", "192.0.2.1"),
            ("sub2.example.org.", "NS", "ns.example.net."),
            ("_sip._tcp.example.org.", "SRV", "0 0 5060 sip.example.net."),
            ("example.org.", "MX", "10 mail.example.net."),
            ("EXAMPLE.ORG.", "TXT", "\"v=spf1 -all\""),
        ] {
            member.recordset(&zone, name, kind, &[data]).await;
        }
    });
}

fn what_the_service_made_is_protected(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let (soa, ns) = (apex(&rig, &zone, "SOA").await, apex(&rig, &zone, "NS").await);
        let shown = rig.member().get(&format!("/v2/zones/{zone}/recordsets/{soa}")).await;
        let data = shown.body["records"][0].as_str().unwrap();
        assert!(data.starts_with("ns1.example.net. a.example.org. 1795394590 "), "{data}");
        let shown = rig.member().get(&format!("/v2/zones/{zone}/recordsets/{ns}")).await;
        assert_eq!(shown.body["records"], json!(["ns1.example.net.", "ns2.example.net."]));
        let flag = ("X-Designate-Edit-Managed-Records", "true");
        for id in [&soa, &ns] {
            let path = format!("/v2/zones/{zone}/recordsets/{id}");
            for caller in [rig.member(), rig.admin(), rig.admin().with(flag.0, flag.1)] {
                caller.put(&path, json!({"ttl": 5})).await.refused(400, "bad_request");
                caller.put(&path, json!({"colour": 5})).await.refused(400, "bad_request");
                caller.put(&path, json!([])).await.refused(400, "bad_request");
            }
            rig.member().delete(&path).await.refused(400, "bad_request");
            rig.member().with(flag.0, flag.1).delete(&path).await.refused(403, "forbidden");
        }
        let admin = rig.admin().with(flag.0, flag.1);
        admin.delete(&format!("/v2/zones/{zone}/recordsets/{soa}")).await.refused(400, "bad_request");
        assert_eq!(admin.delete(&format!("/v2/zones/{zone}/recordsets/{ns}")).await.status, 202);
    });
}

fn quotas_and_limits_hold(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.quotas.zone_recordsets = 5;
            config.central.quotas.zone_records = 4;
            config.central.quotas.recordset_records = 3;
            config.central.min_ttl = 60;
        })
        .await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        let txt = |name: &str, count: usize| {
            let records: Vec<String> = (0..count).map(|n| format!("r{n}")).collect();
            json!({"name": name, "type": "TXT", "records": records})
        };
        let got = member.post(&path, txt("a.example.org.", 4)).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for recordset_records.");
        let got = member.post(&path, txt("a.example.org.", 5)).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for zone_records, recordset_records.");
        let first = member.post(&path, txt("a.example.org.", 3)).await.id();
        let got = member.post(&path, txt("b.example.org.", 2)).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for zone_records.");
        let second = member.post(&path, txt("b.example.org.", 1)).await.id();
        let got = member.put(&format!("{path}/{second}"), json!({"records": ["1", "2"]})).await;
        got.refused(413, "over_quota");
        let got = member.put(&format!("{path}/{first}"), json!({"records": ["1"]})).await;
        assert_eq!(got.status, 202, "{}", got.text);
        let got = member.put(&format!("{path}/{second}"), json!({"records": ["1", "2"]})).await;
        assert_eq!(got.status, 202, "{}", got.text);
        member.post(&path, txt("c.example.org.", 0)).await;
        let got = member.post(&path, txt("d.example.org.", 0)).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for zone_recordsets.");
        let low = json!({"ttl": 59});
        member.put(&format!("{path}/{first}"), low.clone()).await.refused(400, "invalid_ttl");
        assert_eq!(rig.admin().put(&format!("{path}/{first}"), low).await.status, 202);
    });
}

fn bodies_are_checked_before_the_zone_is_looked_for(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let path = format!("/v2/zones/{UNKNOWN}/recordsets");
        let member = rig.member();
        let got = member.post(&path, json!({"name": "a.b.", "type": "A", "records": ["x"]})).await;
        got.refused(400, "invalid_object");
        let expected = json!([{"path": ["records", 0], "message": "'x' is not a 'A' Record",
                               "validator": "format", "validator_value": ["A"]}]);
        assert_eq!(got.body["errors"]["errors"], expected);
        member.post(&path, a("a.b.")).await.refused(404, "zone_not_found");
        member.put(&format!("{path}/{UNKNOWN}"), json!({"colour": 1})).await.refused(404, "zone_not_found");
    });
}

fn a_sharee_works_on_its_own_recordsets(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let owners = rig.member().recordset(&zone, "o.example.org.", "A", &["192.0.2.1"]).await;
        let (id, now) = (zone.parse().unwrap(), rig.now());
        rig.store
            .transact(|tx| {
                Box::pin(async move {
                    let (owner, target) = (ProjectId::new("p1"), ProjectId::new("p2"));
                    shares::insert(tx, uuid::Uuid::new_v4(), id, &owner, &target, now).await
                })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        let other = rig.of("p2", "member,reader");
        let path = format!("/v2/zones/{zone}/recordsets");
        let got = other.post(&path, a("s.example.org.")).await;
        assert_eq!((got.status, &got.body["project_id"]), (202, &json!("p2")), "{}", got.text);
        let own = got.id();
        assert_eq!(other.get(&path).await.body["metadata"]["total_count"], json!(4));
        assert_eq!(other.get("/v2/recordsets").await.column("recordsets", "id"), [own.as_str()]);
        assert_eq!(other.put(&format!("{path}/{own}"), json!({"ttl": 5})).await.status, 202);
        other.put(&format!("{path}/{owners}"), json!({"ttl": 5})).await.refused(403, "forbidden");
        other.delete(&format!("{path}/{owners}")).await.refused(403, "forbidden");
        assert_eq!(rig.member().put(&format!("{path}/{own}"), json!({"ttl": 6})).await.status, 202);
        assert_eq!(other.delete(&format!("{path}/{own}")).await.status, 202);
    });
}

fn lists_are_paged_sorted_and_filtered(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let (one, two) = (member.zone("one.org.").await, member.zone("two.org.").await);
        rig.wait(1).await;
        member.recordset(&one, "b.one.org.", "A", &["192.0.2.1", "192.0.2.2"]).await;
        rig.wait(1).await;
        member.recordset(&one, "a.one.org.", "TXT", &["hello"]).await;
        rig.wait(1).await;
        let body = json!({"name": "c.two.org.", "type": "A", "records": ["192.0.2.1"], "ttl": 60, "description": "x"});
        member.post(&format!("/v2/zones/{two}/recordsets"), body).await;
        rig.report(&one, Outcome::Propagated).await;
        let path = format!("/v2/zones/{one}/recordsets");
        let page = member.get(&format!("{path}?limit=1&sort_key=name&type=A")).await;
        assert_eq!(page.column("recordsets", "name"), ["b.one.org."]);
        let id = page.column("recordsets", "id")[0].clone();
        let own = format!("http://dns.example{path}?limit=1&sort_key=name&type=A");
        assert_eq!(page.body["links"], json!({"self": own, "next": format!("{own}&marker={id}")}));
        assert_eq!(page.body["metadata"], json!({"total_count": 1}));
        member.get(&format!("{path}?marker={UNKNOWN}")).await.refused(400, "marker_not_found");

        let everywhere = member.get("/v2/recordsets?sort_key=name&sort_dir=desc").await;
        assert_eq!(everywhere.column("recordsets", "name")[..3], ["two.org.", "two.org.", "one.org."]);
        assert_eq!(everywhere.body["metadata"], json!({"total_count": 7}));
        assert_eq!(
            rig.of("p2", "reader").get("/v2/recordsets").await.body["metadata"]["total_count"],
            json!(0)
        );
        for (query, names) in [
            ("type=TXT", vec!["a.one.org."]),
            ("data=192.0.2.1", vec!["b.one.org.", "c.two.org."]),
            ("data=192.0.2.*", vec!["b.one.org.", "c.two.org."]),
            ("name=A.one.org.", vec!["a.one.org."]),
            ("name=*.org.&type=A", vec!["b.one.org.", "c.two.org."]),
            ("ttl=60", vec!["c.two.org."]),
            ("description=x", vec!["c.two.org."]),
            ("status=PENDING&type=A", vec!["c.two.org."]),
            ("status=ACTIVE&type=A", vec!["b.one.org."]),
            ("status=NONSENSE", vec![]),
            (&format!("zone_id={two}&type=A"), vec!["c.two.org."]),
        ] {
            let got = member.get(&format!("/v2/recordsets?{query}")).await;
            assert_eq!(got.column("recordsets", "name"), names, "{query}");
            assert_eq!(got.body["metadata"]["total_count"], json!(names.len()), "{query}");
        }
        let ignored = member.get(&format!("{path}?zone_id={two}&type=TXT")).await;
        assert_eq!(ignored.column("recordsets", "name"), ["a.one.org."]);
        for (base, keys) in [
            (
                path.as_str(),
                vec!["id", "created_at", "updated_at", "zone_id", "tenant_id", "name", "type", "ttl"],
            ),
            (
                "/v2/recordsets",
                vec!["created_at", "updated_at", "zone_id", "tenant_id", "name", "type", "ttl"],
            ),
        ] {
            let mut all = member.get(base).await.column("recordsets", "id");
            all.sort();
            for key in keys {
                let mut seen = Vec::new();
                let mut target = format!("{base}?limit=2&sort_key={key}&sort_dir=desc");
                loop {
                    let page = member.get(&target).await;
                    seen.extend(page.column("recordsets", "id"));
                    assert!(seen.len() <= all.len(), "{key}");
                    match page.body["links"]["next"].as_str() {
                        Some(next) => target = next.replace("http://dns.example", ""),
                        None => break,
                    }
                }
                seen.sort();
                assert_eq!(seen, all, "{base} by {key}");
            }
        }
        let hidden = member.with("OpenStack-DNS-Hide-Counts", "true").get(&path).await;
        assert_eq!(hidden.body["metadata"], json!({}));
    });
}
