//! The rules for zones, as a client meets them: status, type and text of each refusal.

use ordain::domain::ids::ProjectId;
use ordain::domain::zone_status::Outcome;
use ordain::store::StoreError;
use ordain::store::repo::shares;
use ordain::testing::{Failure, Spec, Wire, World};
use serde_json::{Value, json};

use crate::support::{Got, Rig, on_every_wire};

on_every_wire!(
    the_soa_follows_the_email,
    each_member_is_refused_in_known_words,
    no_text_holds_a_nul_character,
    the_type_decides_about_the_other_members,
    masters_are_hosts_with_ports,
    tlds_and_blacklists_are_for_new_zones_only,
    the_nearest_zone_above_decides_for_everybody,
    a_zone_between_others_moves_those_below,
    recordsets_do_not_keep_a_zone,
    low_ttls_are_for_those_who_may,
    a_zone_has_its_soa_and_ns_from_the_start,
    a_shared_zone_is_for_work_on_ones_own_recordsets
);

/// A valid body with `changes` made to it; null takes a member away.
fn body(base: Value, changes: &Value) -> Value {
    let mut body = base;
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body.as_object_mut().unwrap().retain(|_, value| *value != json!("ABSENT"));
    body
}

fn primary(changes: &Value) -> Value {
    body(json!({"name": "example.org.", "email": "a@example.org"}), changes)
}

fn secondary(changes: &Value) -> Value {
    body(json!({"name": "example.org.", "type": "SECONDARY", "masters": ["192.0.2.1"]}), changes)
}

fn value_error(detail: &str) -> String {
    format!("Provided object is not valid. Got a ValueError error with message {detail}")
}

async fn share(rig: &Rig, zone: &str, target: &str) {
    let (zone, now) = (zone.parse().unwrap(), rig.now());
    rig.store
        .transact(|tx| {
            let (owner, target) = (ProjectId::new("p1"), ProjectId::new(target));
            let id = uuid::Uuid::new_v4();
            Box::pin(async move { shares::insert(tx, id, zone, &owner, &target, now).await })
        })
        .await
        .map_err(|error: StoreError| error)
        .unwrap();
}

fn each_member_is_refused_in_known_words(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("there.example.").await;
        let long = |n: usize| "x".repeat(n);
        for (changes, detail) in [
            (json!({"name": format!("{}ab.", "a.".repeat(127))}), "Value too long for name".into()),
            (json!({"name": format!("{}.org.", long(64))}), format!("Host {} is too long", long(64))),
            (json!({"name": format!("{}.org", long(64))}), format!("Host {} is too long", long(64))),
            (json!({"name": "a b.org"}), "Domain a b.org does not end with a dot".into()),
            (json!({"name": 5}), "Domain 5 does not end with a dot".into()),
            (json!({"name": "example.org.\n"}), "Domain example.org.\n does not end with a dot".into()),
            (json!({"name": format!("{}a.", "a.".repeat(126))}), String::new()),
            (
                json!({"name": format!("{}ab.", "a.".repeat(126))}),
                format!("Domain {}ab. is invalid", "a.".repeat(126)),
            ),
            (json!({"name": "."}), "Domain . is invalid".into()),
            (json!({"name": "*.example.org."}), "Domain *.example.org. is invalid".into()),
            (json!({"name": "-a.example.org."}), "Domain -a.example.org. is invalid".into()),
            (json!({"name": "bücher.example."}), "Domain bücher.example. is invalid".into()),
            (json!({"name": "xn--bcher-kva.example."}), String::new()),
            (json!({"name": "a\\.b.org."}), "Domain a\\.b.org. is invalid".into()),
            (json!({"name": "a\\046b.org."}), "Domain a\\046b.org. is invalid".into()),
            (json!({"name": null}), "Field `name' cannot be None".into()),
            (json!({"email": "a.example.org"}), "a.example.org is not an email".into()),
            (json!({"email": "a@b@c"}), "a@b@c is not an email".into()),
            (json!({"email": "@example.org"}), "Email @example.org is invalid".into()),
            (json!({"email": "a+b@example.org"}), "Email a+b@example.org is invalid".into()),
            (json!({"email": "a b@example.org"}), "Email a b@example.org is invalid".into()),
            (json!({"email": "a@example.org."}), "Email a@example.org. is invalid".into()),
            (json!({"email": format!("{}@b.c", long(64))}), format!("Email {}@b.c is invalid", long(64))),
            (json!({"email": format!("a.{}@b.c", long(62))}), format!("Email a.{}@b.c is invalid", long(62))),
            (json!({"email": format!("a.{}@b.c", long(61))}), String::new()),
            (json!({"email": "a@localhost"}), String::new()),
            (json!({"email": format!("{}@b.c", long(252))}), "Value too long for email".into()),
            (json!({"ttl": -1}), "Value must be >= 0 for field ttl".into()),
            (json!({"ttl": 2_147_483_648_u64}), "Value too high for ttl".into()),
            (json!({"ttl": "x"}), "invalid literal for int() with base 10: 'x'".into()),
            (json!({"ttl": 2_147_483_647}), String::new()),
            (json!({"ttl": "0"}), String::new()),
            (json!({"description": long(161)}), "Value too long for description".into()),
            (json!({"description": "ü".repeat(160)}), String::new()),
            (json!({"type": "primary"}), "Field value primary is invalid".into()),
            (json!({"attributes": {long(51): "x"}}), "Value too long for key".into()),
            (json!({"attributes": {"x": long(51)}}), "Value too long for value".into()),
            (json!({"attributes": {long(50): long(50)}}), String::new()),
        ] {
            let got = rig.admin().post("/v2/zones", primary(&changes)).await;
            if detail.is_empty() {
                assert_eq!(got.status, 202, "{changes}: {}", got.text);
                rig.admin().delete(&format!("/v2/zones/{}", got.id())).await;
                rig.report(&got.id(), Outcome::Propagated).await;
                continue;
            }
            got.refused_saying(400, "invalid_object", &value_error(&detail));
            assert!(got.body.get("errors").is_none(), "{changes}");
            if changes.get("name").is_none() && changes.get("type").is_none() {
                let got = rig.member().patch(&format!("/v2/zones/{id}"), changes).await;
                got.refused_saying(400, "invalid_object", &value_error(&detail));
            }
        }
        for odd in [
            json!({"attributes": []}),
            json!({"masters": "192.0.2.1"}),
            json!({"email": {}}),
            json!({"ttl": []}),
        ] {
            let got = rig.member().post("/v2/zones", primary(&odd)).await;
            got.refused(400, "invalid_object");
            assert!(got.body["message"].as_str().unwrap().starts_with("Provided object is not valid. Got a"));
        }
        rig.member()
            .patch(&format!("/v2/zones/{id}"), json!({"ttl": null}))
            .await
            .refused(400, "invalid_object");
    });
}

fn no_text_holds_a_nul_character(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let id = rig.member().zone("there.example.").await;
        for (changes, field) in [
            (json!({"name": "a\0b.example.org."}), "name"),
            (json!({"email": "a\0b@example.org"}), "email"),
            (json!({"description": "a\0b"}), "description"),
            (json!({"attributes": {"a\0b": "x"}}), "key"),
            (json!({"attributes": {"a": "\0"}}), "value"),
            (json!({"ttl": "3\0"}), ""),
            (json!({"type": "PRIMARY\0"}), ""),
            (json!({"masters": ["192.0.2.1\0"]}), "masters"),
            (json!({"pool_id": "\0"}), ""),
            (json!({"a\0b": "x"}), ""),
        ] {
            let got = rig.member().post("/v2/zones", primary(&changes)).await;
            got.refused(400, "invalid_object");
            if !field.is_empty() {
                let detail = format!("A NUL character is not allowed in field {field}");
                got.refused_saying(400, "invalid_object", &value_error(&detail));
            }
            rig.member().patch(&format!("/v2/zones/{id}"), changes).await.refused(400, "invalid_object");
        }
    });
}

fn the_type_decides_about_the_other_members(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let finding = |path: Value, validator: &str, wanted: Value| (path, validator.to_owned(), wanted);
        for (body, (path, validator, wanted)) in [
            (
                primary(&json!({"name": "ABSENT"})),
                finding(json!(["records", 0, "name"]), "required", json!(["name"])),
            ),
            (
                primary(&json!({"email": "ABSENT"})),
                finding(json!(["type", "email"]), "required", json!("email")),
            ),
            (
                primary(&json!({"masters": ["192.0.2.1"]})),
                finding(json!(["type"]), "maxItems", json!(["masters"])),
            ),
            (
                secondary(&json!({"masters": "ABSENT"})),
                finding(json!(["type", "masters"]), "required", json!(["masters"])),
            ),
            (
                secondary(&json!({"masters": []})),
                finding(json!(["type", "masters"]), "required", json!(["masters"])),
            ),
            (secondary(&json!({"email": "a@b"})), finding(json!(["type"]), "not_allowed", json!("email"))),
            (secondary(&json!({"ttl": 5})), finding(json!(["type"]), "not_allowed", json!("ttl"))),
        ] {
            let got = rig.member().post("/v2/zones", body.clone()).await;
            got.refused(400, "invalid_object");
            assert!(got.body.get("message").is_none(), "{}", got.text);
            let errors = got.body["errors"]["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 1, "{}", got.text);
            let found = (errors[0]["path"].clone(), errors[0]["validator"].as_str().unwrap().to_owned());
            assert_eq!(
                (found.0, found.1, errors[0]["validator_value"].clone()),
                (path, validator, wanted),
                "{body}"
            );
            assert!(errors[0]["message"].is_string());
        }
        let id = rig.member().post("/v2/zones", secondary(&json!({}))).await.id();
        for changes in [json!({"email": "a@b"}), json!({"ttl": 5}), json!({"masters": []})] {
            let got = rig.member().patch(&format!("/v2/zones/{id}"), changes).await;
            got.refused(400, "invalid_object");
            assert!(got.body["errors"]["errors"].is_array(), "{}", got.text);
        }
        let other = rig.member().zone("example.net.").await;
        let got = rig.member().patch(&format!("/v2/zones/{other}"), json!({"masters": ["192.0.2.1"]})).await;
        got.refused(400, "invalid_object");
    });
}

fn masters_are_hosts_with_ports(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let masters =
            json!(["192.0.2.1:53", "192.0.2.1:5354", "2001:db8::1", "[2001:db8::1]:54", "ns.example.net"]);
        let got = rig.member().post("/v2/zones", secondary(&json!({"masters": masters}))).await;
        let shown =
            json!(["192.0.2.1", "192.0.2.1:5354", "2001:db8::1", "[2001:db8::1]:54", "ns.example.net"]);
        assert_eq!((got.status, &got.body["masters"]), (202, &shown), "{}", got.text);
        for master in
            ["", ":53", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.256", "-a", "a b", "*"]
        {
            let body = secondary(&json!({"name": "a.example.", "masters": [master]}));
            rig.member().post("/v2/zones", body).await.refused(400, "invalid_object");
        }
        let twice = secondary(&json!({"name": "a.example.", "masters": ["192.0.2.1", "192.0.2.1:53"]}));
        rig.member().post("/v2/zones", twice).await.refused(409, "duplicate_zone_attribute");
    });
}

fn tlds_and_blacklists_are_for_new_zones_only(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let id = member.zone("bad.example.com.").await;
        assert_eq!(rig.admin().post("/v2/tlds", json!({"name": "org"})).await.status, 201);
        assert_eq!(rig.admin().post("/v2/blacklists", json!({"pattern": "bad"})).await.status, 201);
        member.post("/v2/zones", primary(&json!({"name": "a.com."}))).await.refused(400, "invalid_zone_name");
        member
            .post("/v2/zones", primary(&json!({"name": "a.bad.org."})))
            .await
            .refused(400, "invalid_zone_name");
        assert_eq!(member.patch(&format!("/v2/zones/{id}"), json!({"ttl": 60})).await.status, 202);
        member.recordset(&id, "bad.bad.example.com.", "A", &["192.0.2.1"]).await;
        member.zone("BAD.org.").await;
    });
}

fn the_nearest_zone_above_decides_for_everybody(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two) = (rig.member(), rig.of("p2", "admin,member"));
        one.zone("example.org.").await;
        one.zone("sub.example.org.").await;
        let theirs = two.zone("deep.example.net.").await;
        for caller in [two, two.with("X-Auth-All-Projects", "true")] {
            caller
                .post("/v2/zones", primary(&json!({"name": "x.example.org."})))
                .await
                .refused(403, "illegal_child");
            caller
                .post("/v2/zones", primary(&json!({"name": "Org.", "email": "a@b"})))
                .await
                .refused(400, "invalid_zone_name");
        }
        let admin = rig.admin().with("X-Auth-All-Projects", "true");
        admin
            .post("/v2/zones", primary(&json!({"name": "example.net."})))
            .await
            .refused(403, "illegal_parent");
        admin
            .post("/v2/zones", primary(&json!({"name": "a.DEEP.example.net."})))
            .await
            .refused(403, "illegal_child");
        two.zone("a.deep.example.net.").await;
        assert_eq!(two.get(&format!("/v2/zones/{theirs}")).await.status, 200);
    });
}

fn a_zone_between_others_moves_those_below(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let (top, low) = (member.zone("example.org.").await, member.zone("a.b.example.org.").await);
        for zone in [&top, &low] {
            rig.report(zone, Outcome::Propagated).await;
        }
        let middle = member.zone("b.example.org.").await;
        let status = |got: &Got| (got.body["status"].clone(), got.body["action"].clone());
        let shown = member.get(&format!("/v2/zones/{low}")).await;
        assert_eq!(status(&shown), (json!("PENDING"), json!("UPDATE")));
        let shown = member.get(&format!("/v2/zones/{top}")).await;
        assert_eq!(status(&shown), (json!("ACTIVE"), json!("NONE")));
        member.delete(&format!("/v2/zones/{middle}")).await.refused(400, "zone_has_sub_zone");
        // Names below the new zone are no longer those of the zone above it.
        let body = json!({"name": "x.b.example.org.", "type": "A", "records": ["192.0.2.1"]});
        let got = member.post(&format!("/v2/zones/{top}/recordsets"), body).await;
        got.refused(400, "invalid_recordset_location");
    });
}

fn recordsets_do_not_keep_a_zone(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let id = member.zone("example.org.").await;
        member.recordset(&id, "www.example.org.", "A", &["192.0.2.1"]).await;
        share(&rig, &id, "p2").await;
        rig.of("p2", "member").recordset(&id, "s.example.org.", "A", &["192.0.2.1"]).await;
        let path = format!("/v2/zones/{id}");
        member.delete(&path).await.refused(400, "zone_is_shared");
        member.with("X-Designate-Hard-Delete", "true").delete(&path).await.refused(403, "forbidden");
        assert_eq!(member.with("X-Designate-Delete-Shares", "true").delete(&path).await.status, 202);
        rig.of("p2", "member").get(&path).await.refused(404, "zone_not_found");
        let other = member.zone("example.net.").await;
        let got =
            rig.admin().with("X-Designate-Hard-Delete", "true").delete(&format!("/v2/zones/{other}")).await;
        assert_eq!((got.status, &got.body["action"]), (202, &json!("DELETE")));
    });
}

fn low_ttls_are_for_those_who_may(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.min_ttl = 60).await;
        let got = rig.member().post("/v2/zones", primary(&json!({"ttl": 59}))).await;
        got.refused(400, "invalid_ttl");
        assert!(got.body["message"].as_str().unwrap().ends_with("60"), "{}", got.text);
        let id = rig.member().post("/v2/zones", primary(&json!({"ttl": 60}))).await.id();
        rig.member().patch(&format!("/v2/zones/{id}"), json!({"ttl": 0})).await.refused(400, "invalid_ttl");
        assert_eq!(rig.admin().patch(&format!("/v2/zones/{id}"), json!({"ttl": 0})).await.status, 202);
    });
}

fn a_zone_has_its_soa_and_ns_from_the_start(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let body = primary(&json!({"email": "host.master@example.net"}));
        let id = rig.member().post("/v2/zones", body).await.id();
        let got = rig.member().get(&format!("/v2/zones/{id}/recordsets?sort_key=type")).await;
        let sets = got.body["recordsets"].as_array().unwrap();
        assert_eq!(got.column("recordsets", "type"), ["NS", "SOA"]);
        assert_eq!(sets[0]["records"], json!(["ns1.example.net.", "ns2.example.net."]));
        assert!(sets.iter().all(|set| set["ttl"] == Value::Null), "{}", got.text);
        let soa: Vec<&str> = sets[1]["records"][0].as_str().unwrap().split(' ').collect();
        assert_eq!(soa[..2], ["ns1.example.net.", "host\\.master.example.net."]);
        assert!((3500..=3600).contains(&soa[3].parse::<u32>().unwrap()), "{soa:?}");
        assert_eq!(soa[4..], ["600", "86400", "3600"]);
    });
}

fn the_soa_follows_the_email(wire: &Wire) {
    let outcome: Result<(), Failure> = wire.run(async {
        let world = World::start(Spec::all_in_one().over(wire)).await?;
        let zone = world.api().create_zone("example.org.").await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        world.api().update_zone(&zone.id, &json!({"email": "new.master@example.net"})).await?;
        world.zone_becomes(&zone.id, "ACTIVE").await?;
        let soa = world.resolve("example.org.", hickory_proto::rr::RecordType::SOA).await?;
        assert!(soa[0].contains(" new\\.master.example.net. "), "{soa:?}");
        Ok(())
    });
    outcome.unwrap();
}

fn a_shared_zone_is_for_work_on_ones_own_recordsets(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.quotas.zone_recordsets = 5).await;
        let owner = rig.member();
        let id = owner.zone("example.org.").await;
        let owners = owner.recordset(&id, "o.example.org.", "A", &["192.0.2.1"]).await;
        share(&rig, &id, "p2").await;
        share(&rig, &id, "p3").await;
        let (member, reader) = (rig.of("p2", "member,reader"), rig.of("p2", "reader"));
        let all = format!("/v2/zones/{id}/recordsets");
        // Reads everything, the zone once.
        assert_eq!(member.get("/v2/zones").await.column("zones", "id"), [id.as_str()]);
        assert_eq!(reader.get(&format!("{all}/{owners}")).await.status, 200);
        assert_eq!(reader.get(&all).await.column("recordsets", "id").len(), 3);
        // Writes as a member only, and only what is its own.
        let body = |name: &str| json!({"name": name, "type": "A", "records": ["192.0.2.1"]});
        reader.post(&all, body("s.example.org.")).await.refused(403, "forbidden");
        let own = member.recordset(&id, "s.example.org.", "A", &["192.0.2.1"]).await;
        reader.put(&format!("{all}/{own}"), json!({"ttl": 5})).await.refused(403, "forbidden");
        rig.of("p3", "member")
            .put(&format!("{all}/{own}"), json!({"ttl": 5}))
            .await
            .refused(403, "forbidden");
        // The owner changes all, the creator stays.
        let changed = owner.put(&format!("{all}/{own}"), json!({"ttl": 5})).await;
        assert_eq!((changed.status, &changed.body["project_id"]), (202, &json!("p2")), "{}", changed.text);
        // Quotas are the owner's.
        member.recordset(&id, "t.example.org.", "A", &["192.0.2.1"]).await;
        let got = member.post(&all, body("u.example.org.")).await;
        got.refused_saying(413, "over_quota", "Quota exceeded for zone_recordsets.");
        assert_eq!(owner.delete(&format!("{all}/{own}")).await.status, 202);
    });
}
