//! `/v2/zones`: operations, rules, lists, and every error they can give.

use ordain::actors::worker::api::PublishZone;
use ordain::domain::consensus::Answer;
use ordain::domain::ids::{NameserverId, PoolId, ProjectId};
use ordain::domain::serial::Serial;
use ordain::domain::zone_status::Outcome;
use ordain::store::StoreError;
use ordain::store::repo::{nameserver_states, pools, shares};
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    a_zone_is_created_pending_and_shown_in_full,
    what_name_servers_showed_is_noted_with_the_report,
    a_secondary_zone_has_masters,
    a_zone_is_changed_in_part,
    a_zone_is_deleted_when_the_servers_confirm,
    what_is_not_there_or_not_yours_is_not_found,
    roles_decide,
    names_are_admitted_by_length_labels_tlds_and_blacklist,
    zones_of_different_projects_do_not_nest,
    a_zone_with_zones_below_it_or_shares_stays,
    a_shared_zone_is_seen_but_not_changed,
    quotas_and_limits_hold,
    a_pool_without_name_servers_takes_no_zone,
    the_name_servers_are_those_of_the_pool,
    lists_are_paged_by_marker,
    lists_are_filtered
);

const UNKNOWN: &str = "/v2/zones/11111111-2222-4333-8444-555555555555";

fn zone_body(name: &str) -> Value {
    json!({"name": name, "email": "a@example.org"})
}

fn a_zone_is_created_pending_and_shown_in_full(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let got = rig.member().post("/v2/zones", zone_body("Example.org.")).await;
        let id = got.id();
        let text = format!(
            concat!(
                r#"{{"id":"{id}","pool_id":"794ccc2c-d751-44fe-b57f-8894c9f5c842","project_id":"p1","#,
                r#""name":"Example.org.","email":"a@example.org","description":null,"ttl":3600,"#,
                r#""serial":1795394590,"shared":false,"status":"PENDING","action":"CREATE","version":1,"#,
                r#""attributes":{{}},"type":"PRIMARY","masters":[],"#,
                r#""created_at":"2026-11-23T00:43:10.000000","updated_at":null,"transferred_at":null,"#,
                r#""links":{{"self":"http://dns.example/v2/zones/{id}"}}}}"#
            ),
            id = id
        );
        assert_eq!((got.status, &got.text), (202, &text));
        assert_eq!(got.location, Some(format!("http://dns.example/v2/zones/{id}")));
        rig.worker().answered::<PublishZone>(1).await;
        let shown = rig.member().get(&format!("/v2/zones/{id}")).await;
        assert_eq!((shown.status, &shown.text), (200, &text));
        rig.report(&id, Outcome::Propagated).await;
        let shown = rig.member().get(&format!("/v2/zones/{id}")).await;
        assert_eq!((&shown.body["status"], &shown.body["action"]), (&json!("ACTIVE"), &json!("NONE")));
    });
}

fn what_name_servers_showed_is_noted_with_the_report(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().post("/v2/zones", zone_body("example.org.")).await.id();
        let zone_id = id.parse().unwrap();
        let mut answers =
            vec![(NameserverId::random(), Answer::Unknown), (NameserverId::random(), Answer::NoZone)];
        answers.sort_by_key(|(server, _)| server.uuid());
        for answer in [Answer::Serial(Serial::new(7)), Answer::NoZone] {
            answers[0].1 = answer;
            rig.report_answers(&id, Outcome::Failed, answers.clone()).await;
            let noted = rig.store.read(|tx| Box::pin(nameserver_states::of_zone(tx, zone_id))).await;
            let noted = noted.map_err(|error: StoreError| error).unwrap();
            let noted: Vec<_> = noted.into_iter().map(|state| (state.nameserver_id, state.answer)).collect();
            assert_eq!(noted, answers);
        }
    });
}

fn a_secondary_zone_has_masters(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let body = json!({"name": "example.org.", "type": "SECONDARY", "description": "d",
                          "masters": ["192.0.2.1", "192.0.2.2:5354"], "attributes": {"tier": 1}});
        let got = rig.member().post("/v2/zones", body).await;
        assert_eq!(got.status, 202, "{}", got.text);
        for (member, value) in [
            ("type", json!("SECONDARY")),
            ("serial", json!(1)),
            ("email", json!("hostmaster@example.com")),
            ("masters", json!(["192.0.2.1", "192.0.2.2:5354"])),
            ("attributes", json!({"tier": "1"})),
            ("description", json!("d")),
        ] {
            assert_eq!(got.body[member], value, "{member}");
        }
    });
}

fn a_zone_is_changed_in_part(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let id = member.zone("example.org.").await;
        let path = format!("/v2/zones/{id}");
        let early = member.patch(&path, json!({"description": "before anybody knows it"})).await;
        assert_eq!((&early.body["status"], &early.body["action"]), (&json!("PENDING"), &json!("UPDATE")));
        rig.report(&id, Outcome::Propagated).await;
        rig.wait(10).await;
        let before = member.get(&path).await.body;
        let body = json!({"email": "b@example.org", "ttl": 60, "description": "d", "name": "example.org."});
        let got = member.patch(&path, body).await;
        assert_eq!(got.status, 202, "{}", got.text);
        for (field, value) in [
            ("email", json!("b@example.org")),
            ("ttl", json!(60)),
            ("description", json!("d")),
            ("status", json!("PENDING")),
            ("action", json!("UPDATE")),
            ("serial", before["serial"].clone()),
            ("updated_at", json!("2026-11-23T00:43:20.000000")),
        ] {
            assert_eq!(got.body[field], value, "{field}");
        }
        assert!(got.body["version"].as_u64() > before["version"].as_u64());
        let empty = member.patch(&path, json!({})).await;
        assert_eq!((empty.status, &empty.body["status"]), (202, &json!("PENDING")));
        let cleared = member.patch(&path, json!({"description": null, "attributes": {"a": "b"}})).await;
        assert_eq!(cleared.body["description"], Value::Null);
        assert_eq!(cleared.body["attributes"], json!({"a": "b"}));
    });
}

fn a_zone_is_deleted_when_the_servers_confirm(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let id = member.zone("example.org.").await;
        let path = format!("/v2/zones/{id}");
        for _ in 0..2 {
            let got = member.delete(&path).await;
            assert_eq!(got.status, 202, "{}", got.text);
            assert_eq!((&got.body["status"], &got.body["action"]), (&json!("PENDING"), &json!("DELETE")));
        }
        assert_eq!(member.get(&path).await.body["action"], json!("DELETE"));
        member.patch(&path, json!({"ttl": 5})).await.refused(400, "bad_request");
        member.patch(&path, json!({"colour": 5})).await.refused(400, "bad_request");
        let recordsets = format!("{path}/recordsets");
        let body = json!({"name": "a.example.org.", "type": "A", "records": ["192.0.2.1"]});
        member.post(&recordsets, body).await.refused(400, "bad_request");
        member.post("/v2/zones", zone_body("example.org.")).await.refused(409, "duplicate_zone");
        rig.report(&id, Outcome::Propagated).await;
        member.get(&path).await.refused_saying(404, "zone_not_found", "Could not find Zone");
        member.zone("example.org.").await;
    });
}

fn what_is_not_there_or_not_yours_is_not_found(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("example.org.").await;
        let own = format!("/v2/zones/{id}");
        for (caller, path) in [
            (rig.member(), UNKNOWN),
            (rig.admin(), UNKNOWN),
            (rig.of("p2", "member,reader"), own.as_str()),
            (rig.of("p2", "admin"), own.as_str()),
        ] {
            for got in [
                caller.get(path).await,
                caller.delete(path).await,
                caller.patch(path, json!({"ttl": 5})).await,
                caller.get(&format!("{path}/nameservers")).await,
                caller.get(&format!("{path}/recordsets")).await,
            ] {
                got.refused_saying(404, "zone_not_found", "Could not find Zone");
            }
        }
        for header in ["X-Auth-All-Projects", "X-Auth-Sudo-Project-ID"] {
            let value = if header.contains("Sudo") { "p1" } else { "true" };
            let got = rig.of("p2", "admin").with(header, value).get(&own).await;
            assert_eq!(got.status, 200, "{header}");
        }
    });
}

fn roles_decide(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{id}");
        for roles in ["", "reader"] {
            let caller = rig.of("p1", roles);
            let expected = if roles.is_empty() { 403 } else { 200 };
            for path in [path.as_str(), "/v2/zones", &format!("{path}/nameservers")] {
                let got = caller.get(path).await;
                assert_eq!(got.status, expected, "{roles} {path}");
            }
            for got in [caller.post("/v2/zones", zone_body("other.org.")).await, caller.delete(&path).await] {
                got.refused(403, "forbidden");
                assert!(got.body.get("message").is_none());
            }
            caller.patch(&path, json!({"ttl": 5})).await.refused(403, "forbidden");
        }
        rig.of("", "admin")
            .post("/v2/zones", zone_body("other.org."))
            .await
            .refused(401, "missing_project_id");
        let catalog = json!({"name": "c.org.", "type": "CATALOG", "email": "a@example.org"});
        let got = rig.admin().post("/v2/zones", catalog).await;
        got.refused(403, "forbidden");
        assert!(got.body["message"].is_string());
    });
}

fn names_are_admitted_by_length_labels_tlds_and_blacklist(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.max_zone_name_len = 20).await;
        let (member, kind) = (rig.member(), "invalid_zone_name");
        let refused = |name: &'static str, message: &'static str| async move {
            member.post("/v2/zones", zone_body(name)).await.refused_saying(400, kind, message);
        };
        refused("a-rather-long-name.example.", "Name too long").await;
        refused("org.", "More than one label is required").await;
        for name in ["org", "co.uk"] {
            assert_eq!(rig.admin().post("/v2/tlds", json!({"name": name})).await.status, 201);
        }
        let pattern = json!({"pattern": "^(.+\\.)?evil\\.org\\.$"});
        assert_eq!(rig.admin().post("/v2/blacklists", pattern).await.status, 201);
        refused("example.com.", "Invalid TLD").await;
        refused("example.uk.", "Invalid TLD").await;
        refused("co.uk.", "Zone name cannot be the same as a TLD").await;
        refused("www.evil.org.", "Blacklisted zone name").await;
        member.zone("example.ORG.").await;
        member.zone("example.co.uk.").await;
        rig.admin().zone("evil.org.").await;
    });
}

fn zones_of_different_projects_do_not_nest(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two) = (rig.member(), rig.of("p2", "admin,member"));
        one.zone("example.org.").await;
        let same = one.post("/v2/zones", zone_body("EXAMPLE.org.")).await;
        same.refused_saying(409, "duplicate_zone", "Duplicate Zone");
        two.post("/v2/zones", zone_body("example.org.")).await.refused(409, "duplicate_zone");
        two.post("/v2/zones", zone_body("sub.example.org.")).await.refused(403, "illegal_child");
        two.post("/v2/zones", zone_body("a.b.example.org.")).await.refused(403, "illegal_child");
        two.zone("deep.example.net.").await;
        one.post("/v2/zones", zone_body("example.net.")).await.refused(403, "illegal_parent");
        one.zone("notexample.org.").await;
        one.zone("sub.example.org.").await;
    });
}

fn a_zone_with_zones_below_it_or_shares_stays(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let child = member.zone("sub.example.org.").await;
        let parent = member.zone("example.org.").await;
        let path = format!("/v2/zones/{parent}");
        member.delete(&path).await.refused(400, "zone_has_sub_zone");
        member.delete(&format!("/v2/zones/{child}")).await;
        rig.report(&child, Outcome::Propagated).await;
        share(&rig, &parent, "p2").await;
        assert_eq!(member.get(&path).await.body["shared"], json!(true));
        member.delete(&path).await.refused(400, "zone_is_shared");
        let got = member.with("X-Designate-Delete-Shares", "true").delete(&path).await;
        assert_eq!((got.status, &got.body["shared"]), (202, &json!(false)), "{}", got.text);
    });
}

async fn share(rig: &Rig, zone: &str, target: &str) {
    let (zone, now) = (zone.parse().unwrap(), rig.now());
    let (owner, target) = (ProjectId::new("p1"), ProjectId::new(target));
    rig.store
        .transact(|tx| {
            let (owner, target) = (owner.clone(), target.clone());
            Box::pin(
                async move { shares::insert(tx, uuid::Uuid::new_v4(), zone, &owner, &target, now).await },
            )
        })
        .await
        .map_err(|error: StoreError| error)
        .unwrap();
}

fn a_shared_zone_is_seen_but_not_changed(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("example.org.").await;
        share(&rig, &id, "p2").await;
        let path = format!("/v2/zones/{id}");
        let other = rig.of("p2", "member,reader");
        let shown = other.get(&path).await;
        assert_eq!((shown.status, &shown.body["shared"]), (200, &json!(true)));
        assert_eq!(other.get("/v2/zones").await.column("zones", "id"), [id.as_str()]);
        other.patch(&path, json!({"ttl": 5})).await.refused(403, "forbidden");
        other.delete(&path).await.refused(403, "forbidden");
        other.get(&format!("{path}/nameservers")).await.refused(403, "forbidden");
        other.post("/v2/zones", zone_body("sub.example.org.")).await.refused(403, "illegal_child");
        rig.of("p3", "member,reader").get(&path).await.refused(404, "zone_not_found");
    });
}

fn quotas_and_limits_hold(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.quotas.zones = 1;
            config.central.min_ttl = 60;
        })
        .await;
        let member = rig.member();
        let mut low = zone_body("a.org.");
        low["ttl"] = json!(59);
        let got = member.post("/v2/zones", low.clone()).await;
        got.refused(400, "invalid_ttl");
        assert!(got.body["message"].as_str().unwrap().ends_with("60"), "{}", got.text);
        assert_eq!(rig.of("p2", "admin").post("/v2/zones", low).await.status, 202);
        let id = member.zone("b.org.").await;
        member.patch(&format!("/v2/zones/{id}"), json!({"ttl": 1})).await.refused(400, "invalid_ttl");
        let got = member.post("/v2/zones", zone_body("c.org.")).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for zones.");
        assert_eq!(member.get("/v2/limits").await.body["max_zones"], json!(1));
    });
}

fn a_pool_without_name_servers_takes_no_zone(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let now = rig.now();
        rig.store
            .transact(|tx| {
                Box::pin(async move {
                    let mut pool = pools::get(tx, PoolId::DEFAULT).await?.unwrap();
                    pool.ns_records.clear();
                    pools::put(tx, &pool, now).await.map(drop)
                })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        rig.member().post("/v2/zones", zone_body("a.org.")).await.refused(500, "no_servers_configured");
        rig.store
            .transact(|tx| Box::pin(async move { pools::delete(tx, PoolId::DEFAULT).await.map(drop) }))
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        let message = "There are no pools that matched your request";
        let got = rig.member().post("/v2/zones", zone_body("a.org.")).await;
        got.refused_saying(404, "no_valid_pool_found", message);
    });
}

fn the_name_servers_are_those_of_the_pool(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("example.org.").await;
        let got = rig.member().get(&format!("/v2/zones/{id}/nameservers")).await;
        let expected = r#"{"nameservers":[{"hostname":"ns1.example.net.","priority":1},{"hostname":"ns2.example.net.","priority":2}]}"#;
        assert_eq!((got.status, got.text.as_str()), (200, expected));
    });
}

fn lists_are_paged_by_marker(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        for name in ["c.org.", "a.org.", "b.org."] {
            member.zone(name).await;
            rig.wait(1).await;
        }
        rig.of("p2", "member").zone("d.org.").await;
        let all = member.get("/v2/zones").await;
        assert_eq!(all.column("zones", "name"), ["c.org.", "a.org.", "b.org."], "by creation");
        assert_eq!(all.body["metadata"], json!({"total_count": 3}));
        assert_eq!(all.body["links"], json!({"self": "http://dns.example/v2/zones"}));

        let first = member.get("/v2/zones?limit=2&sort_key=name&sort_dir=desc").await;
        assert_eq!(first.column("zones", "name"), ["c.org.", "b.org."]);
        assert_eq!(first.body["metadata"], json!({"total_count": 3}));
        let next = first.body["links"]["next"].as_str().unwrap();
        let marker = first.column("zones", "id")[1].clone();
        let query = format!("limit=2&sort_key=name&sort_dir=desc&marker={marker}");
        assert_eq!(next, format!("http://dns.example/v2/zones?{query}"));
        let second = member.get(&format!("/v2/zones?{query}")).await;
        assert_eq!(second.column("zones", "name"), ["a.org."]);
        assert!(second.body["links"].get("next").is_none());
        let full = member.get("/v2/zones?limit=3").await;
        assert!(full.body["links"]["next"].is_string(), "a full last page has a next one");
        let unknown = "/v2/zones?marker=11111111-2222-4333-8444-555555555555";
        member.get(unknown).await.refused(400, "marker_not_found");
        let everything = rig.admin().get("/v2/zones?all_projects=true&limit=max").await;
        assert_eq!(everything.column("zones", "name").len(), 4);
        for key in ["id", "updated_at", "tenant_id", "serial", "ttl", "status", "created_at"] {
            let sorted = member.get(&format!("/v2/zones?sort_key={key}&limit=1")).await;
            let marker = sorted.column("zones", "id")[0].clone();
            let rest = member.get(&format!("/v2/zones?sort_key={key}&marker={marker}")).await;
            let mut ids = rest.column("zones", "id");
            assert_eq!((ids.len(), ids.contains(&marker)), (2, false), "{key}");
            ids.push(marker);
            let (mut ids, mut all) = (ids, all.column("zones", "id"));
            ids.sort();
            all.sort();
            assert_eq!(ids, all, "{key}");
        }
    });
}

fn lists_are_filtered(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let id = member.zone("One.example.org.").await;
        member.patch(&format!("/v2/zones/{id}"), json!({"description": "the first", "ttl": 60})).await;
        rig.wait(1).await;
        let two = member.zone("two.example.org.").await;
        rig.report(&two, Outcome::Propagated).await;
        rig.wait(1).await;
        let secondary = json!({"name": "three.example.net.", "type": "SECONDARY", "masters": ["192.0.2.1"]});
        member.post("/v2/zones", secondary).await;
        for (query, names) in [
            ("name=one.example.org.", vec!["One.example.org."]),
            ("name=*.example.org.", vec!["One.example.org.", "two.example.org."]),
            ("name=*e*.net.", vec!["three.example.net."]),
            ("name=example.org.", vec![]),
            ("type=SECONDARY", vec!["three.example.net."]),
            ("type=OTHER", vec![]),
            ("status=ACTIVE", vec!["two.example.org."]),
            ("status=NONSENSE", vec![]),
            ("description=the*", vec!["One.example.org."]),
            ("description=", vec![]),
            ("ttl=60", vec!["One.example.org."]),
            ("ttl=abc", vec![]),
            ("email=a@example.org&type=PRIMARY", vec!["One.example.org.", "two.example.org."]),
        ] {
            let got = member.get(&format!("/v2/zones?{query}")).await;
            assert_eq!(got.column("zones", "name"), names, "{query}");
            assert_eq!(got.body["metadata"]["total_count"], json!(names.len()), "{query}");
        }
    });
}
