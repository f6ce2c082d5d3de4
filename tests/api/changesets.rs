//! Change sets.

use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Caller, Got, Rig, on_every_wire};

on_every_wire!(
    many_recordsets_change_together_or_not_at_all,
    rules_are_asked_of_what_would_be_there,
    everything_that_is_wrong_is_told_at_once,
    nothing_happens_unless_all_is_as_it_was_known,
    a_dry_run_changes_nothing,
    what_the_service_manages_is_protected,
    quotas_are_asked_of_the_whole,
    those_a_zone_is_shared_with_change_what_is_theirs,
    what_a_change_set_does_is_told_to_others,
    a_change_set_has_its_limits,
);

async fn apply(caller: &Caller<'_>, zone: &str, body: Value) -> Got {
    caller.post(&format!("/v2/zones/{zone}/changesets"), body).await
}

/// Name, type and records of all recordsets that are no service's.
async fn sets(caller: &Caller<'_>, zone: &str) -> Vec<(String, String, String)> {
    let got = caller.get(&format!("/v2/zones/{zone}/recordsets?sort_key=name&limit=1000")).await;
    let mut sets: Vec<_> = got.body["recordsets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|set| set["name"] != "example.org.")
        .map(|set| {
            let text = |field: &str| set[field].as_str().unwrap().to_owned();
            (text("name"), text("type"), set["records"].to_string())
        })
        .collect();
    sets.sort();
    sets
}

/// Where the errors are, and of which type.
fn errors(got: &Got) -> Vec<(Value, String)> {
    let found = got.body["errors"]["errors"].as_array().unwrap_or_else(|| panic!("{}", got.text));
    found.iter().map(|one| (one["path"].clone(), one["validator"].as_str().unwrap().to_owned())).collect()
}

fn many_recordsets_change_together_or_not_at_all(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let a = member.recordset(&zone, "a.example.org.", "A", &["192.0.2.1"]).await;
        member.recordset(&zone, "b.example.org.", "A", &["192.0.2.2"]).await;
        member.recordset(&zone, "same.example.org.", "TXT", &["\"x\""]).await;
        let before = member.get(&format!("/v2/zones/{zone}/changes")).await.body["changes"].clone();
        let got = apply(&member, &zone, json!({"changes": [
            {"op": "create", "name": "new.example.org.", "type": "AAAA", "records": ["2001:db8::1"], "ttl": 60},
            {"op": "replace", "id": a, "records": ["192.0.2.10", "192.0.2.11"], "ttl": 300},
            {"op": "delete", "name": "B.example.org.", "type": "A"},
            {"op": "upsert", "name": "up.example.org.", "type": "TXT", "records": ["\"y\""]},
            {"op": "upsert", "name": "same.example.org.", "type": "TXT", "records": ["\"x\""]},
        ]}))
        .await;
        assert_eq!(got.status, 202, "{}", got.text);
        let results: Vec<_> =
            got.body["changes"].as_array().unwrap().iter().map(|c| c["result"].as_str().unwrap()).collect();
        assert_eq!(results, ["created", "updated", "deleted", "created", "unchanged"]);
        assert_eq!((&got.body["status"], &got.body["action"]), (&json!("PENDING"), &json!("UPDATE")));
        assert_eq!(got.body["changes"][0]["recordset"]["status"], "PENDING");
        assert_eq!(got.body["changes"][2]["recordset"]["action"], "DELETE");
        assert_eq!(
            sets(&member, &zone).await,
            [
                ("a.example.org.", "A", "[\"192.0.2.10\",\"192.0.2.11\"]"),
                ("new.example.org.", "AAAA", "[\"2001:db8::1\"]"),
                ("same.example.org.", "TXT", "[\"\\\"x\\\"\"]"),
                ("up.example.org.", "TXT", "[\"\\\"y\\\"\"]"),
            ]
            .map(|(name, kind, records)| (name.to_owned(), kind.to_owned(), records.to_owned()))
        );
        // One generation for all.
        let after = member.get(&format!("/v2/zones/{zone}/changes")).await.body["changes"].clone();
        assert_eq!(after.as_array().unwrap().len(), before.as_array().unwrap().len() + 1);
        assert_eq!(after[3]["recordsets"].as_array().unwrap().len(), 4, "{after}");
        // One that is wrong: none of them.
        let there = sets(&member, &zone).await;
        apply(&member, &zone, json!({"changes": [
            {"op": "delete", "name": "up.example.org.", "type": "TXT"},
            {"op": "delete", "name": "none.example.org.", "type": "TXT"},
        ]}))
        .await
        .refused(404, "invalid_changeset");
        assert_eq!(sets(&member, &zone).await, there);
        // What is there already is no change.
        let same = json!({"changes": [
            {"op": "replace", "name": "up.example.org.", "type": "TXT", "records": ["\"y\""]}]});
        assert_eq!(apply(&member, &zone, same).await.status, 200);
        rig.report(&zone, ordain::domain::zone_status::Outcome::Propagated).await;
        assert_eq!(member.get(&format!("/v2/zones/{zone}")).await.body["status"], "ACTIVE");
    });
}

fn rules_are_asked_of_what_would_be_there(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        member.recordset(&zone, "www.example.org.", "CNAME", &["a.example.net."]).await;
        let cname = json!({"op": "delete", "name": "www.example.org.", "type": "CNAME"});
        let a = json!({"op": "create", "name": "www.example.org.", "type": "A", "records": ["192.0.2.1"]});
        let alone = apply(&member, &zone, json!({"changes": [a]})).await;
        alone.refused(400, "invalid_changeset");
        assert_eq!(errors(&alone), [(json!(["changes", 0]), "invalid_recordset_location".to_owned())]);
        for order in [json!([a, cname]), json!([cname, a])] {
            let body = json!({"changes": order, "dry_run": true});
            assert_eq!(apply(&member, &zone, body).await.status, 200, "{order}");
        }
        assert_eq!(apply(&member, &zone, json!({"changes": [a, cname]})).await.status, 202);
        assert_eq!(sets(&member, &zone).await.len(), 1);
        // Two of one set contradict each other.
        let two = apply(
            &member,
            &zone,
            json!({"changes": [
                {"op": "create", "name": "x.example.org.", "type": "CNAME", "records": ["a.example.net."]},
                {"op": "create", "name": "x.example.org.", "type": "TXT", "records": ["\"t\""]},
            ]}),
        )
        .await;
        assert_eq!(errors(&two).len(), 2, "{}", two.text);
    });
}

fn everything_that_is_wrong_is_told_at_once(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let id = member.recordset(&zone, "a.example.org.", "A", &["192.0.2.1"]).await;
        let got = apply(
            &member,
            &zone,
            json!({"changes": [
                {"op": "create", "name": "ok.example.org.", "type": "A", "records": ["192.0.2.1"]},
                {"op": "create", "name": "bad.example.org.", "type": "A", "records": ["192.0.2.1", "x", "y"]},
                {"op": "create", "name": "a.example.org.", "type": "A", "records": ["192.0.2.1"]},
                {"op": "create", "name": "a.elsewhere.net.", "type": "A", "records": ["192.0.2.1"]},
                {"op": "burn", "name": "b.example.org.", "type": "A"},
                {"op": "delete", "name": "none.example.org.", "type": "A"},
                {"op": "upsert", "name": "OK.example.org.", "type": "A", "records": ["192.0.2.2"]},
                {"op": "replace", "id": "11111111-2222-4333-8444-555555555555", "records": ["192.0.2.2"]},
            ]}),
        )
        .await;
        got.refused(400, "invalid_changeset");
        let expected = [
            (json!(["changes", 1, "records", 1]), "format"),
            (json!(["changes", 1, "records", 2]), "format"),
            (json!(["changes", 2]), "duplicate_recordset"),
            (json!(["changes", 3]), "invalid_recordset_location"),
            (json!(["changes", 4]), "invalid_object"),
            (json!(["changes", 5]), "recordset_not_found"),
            (json!(["changes", 6]), "duplicate_change"),
            (json!(["changes", 7]), "recordset_not_found"),
        ];
        assert_eq!(errors(&got), expected.map(|(path, kind)| (path, kind.to_owned())));
        let known = json!({"changes": [{"op": "replace", "id": id, "records": ["192.0.2.1", "nonsense"]}]});
        let got = apply(&member, &zone, known).await;
        assert_eq!(errors(&got), [(json!(["changes", 0, "records", 1]), "format".to_owned())]);
        assert_eq!(sets(&member, &zone).await.len(), 1);
    });
}

fn nothing_happens_unless_all_is_as_it_was_known(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let serial = member.get(&format!("/v2/zones/{zone}")).await.body["serial"].clone();
        let create =
            |name: &str| json!({"op": "create", "name": name, "type": "A", "records": ["192.0.2.1"]});
        let wrong = json!({"if_serial": 1, "changes": [create("a.example.org.")]});
        apply(&member, &zone, wrong).await.refused(412, "serial_mismatch");
        let right = json!({"if_serial": serial, "changes": [create("a.example.org.")]});
        assert_eq!(apply(&member, &zone, right).await.status, 202);
        // The serial is what it was, but the zone is not: that change is not published yet.
        let late = json!({"if_serial": serial, "changes": [create("b.example.org.")]});
        apply(&member, &zone, late).await.refused(412, "serial_mismatch");

        let one = |version: Value| {
            json!({"changes": [{"op": "replace", "name": "a.example.org.", "type": "A",
                "records": ["192.0.2.9"], "if_match": version}]})
        };
        let got = apply(&member, &zone, one(json!(2))).await;
        got.refused(412, "invalid_changeset");
        assert_eq!(errors(&got), [(json!(["changes", 0]), "version_mismatch".to_owned())]);
        assert_eq!(apply(&member, &zone, one(json!("W/\"1\""))).await.status, 202);
        apply(&member, &zone, one(json!(1))).await.refused(412, "invalid_changeset");
        apply(&member, &zone, one(json!("x"))).await.refused(400, "invalid_changeset");
    });
}

fn a_dry_run_changes_nothing(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        member.recordset(&zone, "a.example.org.", "A", &["192.0.2.1"]).await;
        let (there, told) = (sets(&member, &zone).await, rig.told().await.len());
        let path = format!("/v2/zones/{zone}");
        let seen = member.get(&path).await.body;
        let changes = json!([
            {"op": "create", "name": "b.example.org.", "type": "A", "records": ["192.0.2.1"]},
            {"op": "replace", "name": "a.example.org.", "type": "A", "records": ["192.0.2.2"]},
        ]);
        let got = apply(&member, &zone, json!({"dry_run": true, "changes": changes})).await;
        assert_eq!((got.status, &got.body["dry_run"]), (200, &json!(true)), "{}", got.text);
        assert_eq!(got.body["changes"][1]["recordset"]["records"], json!(["192.0.2.2"]));
        assert_eq!(sets(&member, &zone).await, there);
        assert_eq!(member.get(&path).await.body, seen);
        assert_eq!(rig.told().await.len(), told);
        // It is what would come of it.
        let done = apply(&member, &zone, json!({"changes": changes})).await;
        let results = |got: &Got| {
            got.body["changes"].as_array().unwrap().iter().map(|c| c["result"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(results(&done), results(&got));
        assert_eq!(done.body["generation"], got.body["generation"]);
    });
}

fn what_the_service_manages_is_protected(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        for (change, status, kind) in [
            (json!({"op": "delete", "name": "example.org.", "type": "NS"}), 400, "bad_request"),
            (json!({"op": "delete", "name": "example.org.", "type": "SOA"}), 400, "bad_request"),
            (json!({"op": "upsert", "name": "example.org.", "type": "NS", "records": ["ns9.example.net."]}), 400, "bad_request"),
            (json!({"op": "create", "name": "example.org.", "type": "NS", "records": ["ns9.example.net."]}), 409, "duplicate_recordset"),
        ] {
            let got = apply(&member, &zone, json!({"changes": [change]})).await;
            got.refused(status, "invalid_changeset");
            assert_eq!(errors(&got), [(json!(["changes", 0]), kind.to_owned())], "{change}");
        }
        apply(&rig.of("p9", "member,reader"), &zone, json!({"changes": [
            {"op": "create", "name": "a.example.org.", "type": "A", "records": ["192.0.2.1"]}]}))
        .await
        .refused(404, "zone_not_found");
        apply(&rig.of("p1", "reader"), &zone, json!({"changes": [
            {"op": "create", "name": "a.example.org.", "type": "A", "records": ["192.0.2.1"]}]}))
        .await
        .refused(403, "forbidden");
        // What belongs to a zone below is not this zone's.
        member.zone("sub.example.org.").await;
        let below = apply(&member, &zone, json!({"changes": [
            {"op": "create", "name": "a.sub.example.org.", "type": "A", "records": ["192.0.2.1"]}]}))
        .await;
        assert_eq!(errors(&below)[0].1, "invalid_recordset_location");
        member.delete(&format!("/v2/zones/{zone}")).await.refused(400, "zone_has_sub_zone");
    });
}

fn quotas_are_asked_of_the_whole(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.quotas.zone_recordsets = 4;
            config.central.quotas.zone_records = 4;
            config.central.quotas.recordset_records = 3;
        })
        .await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let create = |name: &str, records: &[&str]| json!({"op": "create", "name": name, "type": "A", "records": records});
        let many = json!([create("a.example.org.", &["192.0.2.1"]), create("b.example.org.", &["192.0.2.1"]),
            create("c.example.org.", &["192.0.2.1"])]);
        apply(&member, &zone, json!({"changes": many})).await.refused(413, "over_quota");
        let wide = create("a.example.org.", &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        let got = apply(&member, &zone, json!({"changes": [wide]})).await;
        assert_eq!((got.status, errors(&got)[0].1.as_str()), (413, "over_quota"), "{}", got.text);
        let full = json!([create("a.example.org.", &["192.0.2.1", "192.0.2.2"]), create("b.example.org.", &["192.0.2.1", "192.0.2.2"])]);
        assert_eq!(apply(&member, &zone, json!({"changes": full})).await.status, 202);
        // One goes, another comes: that is not more than before.
        let exchange = json!([{"op": "delete", "name": "a.example.org.", "type": "A"}, create("c.example.org.", &["192.0.2.1", "192.0.2.2"])]);
        assert_eq!(apply(&member, &zone, json!({"changes": exchange})).await.status, 202);
        member
            .post(&format!("/v2/zones/{zone}/recordsets"), json!({"name": "d.example.org.", "type": "A"}))
            .await
            .refused(413, "over_quota");
    });
}

fn those_a_zone_is_shared_with_change_what_is_theirs(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (member, guest) = (rig.member(), rig.of("p2", "member,reader"));
        let zone = member.zone("example.org.").await;
        member.recordset(&zone, "owner.example.org.", "A", &["192.0.2.1"]).await;
        member.post(&format!("/v2/zones/{zone}/shares"), json!({"target_project_id": "p2"})).await;
        let made = apply(
            &guest,
            &zone,
            json!({"changes": [
            {"op": "create", "name": "guest.example.org.", "type": "A", "records": ["192.0.2.2"]}]}),
        )
        .await;
        assert_eq!((made.status, &made.body["changes"][0]["recordset"]["project_id"]), (202, &json!("p2")));
        let got = apply(
            &guest,
            &zone,
            json!({"changes": [
            {"op": "delete", "name": "guest.example.org.", "type": "A"},
            {"op": "delete", "name": "owner.example.org.", "type": "A"}]}),
        )
        .await;
        got.refused(403, "invalid_changeset");
        assert_eq!(errors(&got), [(json!(["changes", 1]), "forbidden".to_owned())]);
        let serial = member.get(&format!("/v2/zones/{zone}")).await.body["serial"].clone();
        let back = json!({"serial": serial});
        guest.post(&format!("/v2/zones/{zone}/tasks/rollback"), back).await.refused(403, "forbidden");
        let both = json!({"changes": [{"op": "delete", "name": "guest.example.org.", "type": "A"},
            {"op": "delete", "name": "owner.example.org.", "type": "A"}]});
        assert_eq!(apply(&member, &zone, both).await.status, 202);
    });
}

fn what_a_change_set_does_is_told_to_others(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        member.recordset(&zone, "a.example.org.", "A", &["192.0.2.1"]).await;
        member.recordset(&zone, "b.example.org.", "A", &["192.0.2.1"]).await;
        let before = rig.told().await.len();
        apply(
            &member,
            &zone,
            json!({"changes": [
            {"op": "delete", "name": "a.example.org.", "type": "A"},
            {"op": "replace", "name": "b.example.org.", "type": "A", "records": ["192.0.2.2"]},
            {"op": "create", "name": "c.example.org.", "type": "A", "records": ["192.0.2.3"]}]}),
        )
        .await;
        let told: Vec<_> = rig.told().await.split_off(before);
        let events: Vec<_> =
            told.iter().map(|(event, payload)| (event.as_str(), payload["name"].as_str().unwrap())).collect();
        assert_eq!(
            events,
            [
                ("dns.recordset.delete", "a.example.org."),
                ("dns.recordset.update", "b.example.org."),
                ("dns.recordset.create", "c.example.org."),
            ]
        );
    });
}

fn a_change_set_has_its_limits(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.max_changeset_items = 400;
            config.api.max_request_body_size = 1000;
        })
        .await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let many = |count: usize| -> Value {
            let change = |n| json!({"op": "create", "name": format!("h{n}.example.org."), "type": "A", "records": ["192.0.2.1"]});
            json!({"changes": (0..count).map(change).collect::<Vec<_>>()})
        };
        for body in [json!({"changes": []}), json!({}), json!({"changes": {}}), many(401)] {
            let got = apply(&member, &zone, body).await;
            got.refused(400, "invalid_object");
            assert_eq!(errors(&got)[0].0, json!(["changes"]));
        }
        let unknown = json!({"changes": [{"op": "delete", "name": "a.example.org.", "type": "A"}], "force": true});
        apply(&member, &zone, unknown).await.refused(400, "invalid_object");
        assert_eq!(apply(&member, &zone, many(400)).await.status, 202);
        let first = many(400).to_string();
        assert!(first.len() > 1000, "longer than other bodies may be");
        assert_eq!(member.get(&format!("/v2/zones/{zone}/changes")).await.body["changes"].as_array().unwrap().len(), 1);
    });
}
