//! `/v2/zones/tasks/transfer_requests` and `…/transfer_accepts`: zones change hands.

use ordain::domain::zone_status::Outcome;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Caller, Rig, on_every_wire};

on_every_wire!(
    a_zone_changes_hands,
    who_sees_which_offer,
    an_offer_is_changed_and_taken_back,
    what_is_wrong_with_an_offer_is_told,
    who_may_not_accept,
    transfers_are_told_to_others_without_keys,
    paths_of_transfers,
);

const REQUESTS: &str = "/v2/zones/tasks/transfer_requests";
const ACCEPTS: &str = "/v2/zones/tasks/transfer_accepts";
const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

async fn offer(caller: &Caller<'_>, zone: &str, body: Value) -> Value {
    let got = caller.post(&format!("/v2/zones/{zone}/tasks/transfer_requests"), body).await;
    assert_eq!(got.status, 201, "{}", got.text);
    got.body
}

fn accepting(offer: &Value) -> Value {
    json!({"key": offer["key"], "zone_transfer_request_id": offer["id"]})
}

fn a_zone_changes_hands(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two) = (rig.member(), rig.of("p2", "member,reader"));
        let zone = one.zone("example.org.").await;
        one.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;
        let body = json!({"target_project_id": "p2", "description": "yours"});
        let made = one.post(&format!("/v2/zones/{zone}/tasks/transfer_requests"), body).await;
        let id = made.id();
        let url = format!("http://dns.example{REQUESTS}/{id}");
        assert_eq!((made.status, made.location.as_deref()), (201, Some(url.as_str())));
        let key = made.body["key"].as_str().unwrap();
        assert!(key.len() == 8 && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()), "{key}");
        assert_eq!(
            made.body,
            json!({
                "id": id, "zone_id": zone, "project_id": "p1", "target_project_id": "p2", "description": "yours",
                "key": key, "status": "ACTIVE", "zone_name": "example.org.",
                "created_at": "2026-11-23T00:43:10.000000", "updated_at": null, "links": {"self": url},
            })
        );
        let accepted = two.post(ACCEPTS, accepting(&made.body)).await;
        let accept = accepted.id();
        let url = format!("http://dns.example{ACCEPTS}/{accept}");
        assert_eq!((accepted.status, accepted.location.as_deref()), (201, Some(url.as_str())));
        let mut expected = json!({
            "id": accept, "zone_transfer_request_id": id, "project_id": "p2", "key": key, "status": "COMPLETE",
            "zone_id": zone, "created_at": "2026-11-23T00:43:10.000000", "updated_at": null,
            "links": {"self": url, "zone": format!("http://dns.example/v2/zones/{zone}")},
        });
        assert_eq!(accepted.body, expected);
        expected["key"] = Value::Null;
        assert_eq!(two.get(&format!("{ACCEPTS}/{accept}")).await.body, expected);
        let shown = two.get(&format!("/v2/zones/{zone}")).await;
        assert_eq!(shown.body["project_id"], json!("p2"));
        let sets = two.get("/v2/recordsets").await;
        assert_eq!(sets.body["metadata"], json!({"total_count": 3}));
        assert!(sets.column("recordsets", "project_id").iter().all(|project| project == "p2"));
        one.get(&format!("/v2/zones/{zone}")).await.refused(404, "zone_not_found");
        assert_eq!(one.get(&format!("{REQUESTS}/{id}")).await.body["status"], json!("COMPLETE"));
        two.post(ACCEPTS, accepting(&made.body)).await.refused(400, "invalid_zone_transfer_request");
        // Acceptances are listed for admins only.
        two.get(ACCEPTS).await.refused(403, "forbidden");
        let list = rig.of("p2", "admin").get(&format!("{ACCEPTS}?status=COMPLETE&sort_key=id")).await;
        assert_eq!(list.column("transfer_accepts", "id"), [accept.as_str()]);
        assert_eq!(list.body["metadata"], json!({"total_count": 1}));
        // With its request an acceptance goes, too.
        assert_eq!(one.delete(&format!("{REQUESTS}/{id}")).await.status, 204);
        two.get(&format!("{ACCEPTS}/{accept}")).await.refused_saying(
            404,
            "zone_transfer_accept_not_found",
            "Could not find ZoneTransferAccept",
        );
    });
}

fn who_sees_which_offer(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two, three) = (rig.member(), rig.of("p2", "member,reader"), rig.of("p3", "member,reader"));
        let (a, b) = (one.zone("a.example.").await, one.zone("b.example.").await);
        let meant = offer(&one, &a, json!({"target_project_id": "p2"})).await;
        rig.wait(1).await;
        let open = offer(&one, &b, Value::Null).await;
        let path = |offer: &Value| format!("{REQUESTS}/{}", offer["id"].as_str().unwrap());
        let own = one.get(REQUESTS).await;
        assert_eq!(own.column("transfer_requests", "zone_name"), ["a.example.", "b.example."]);
        assert!(own.body.get("metadata").is_none());
        assert_eq!(own.body["transfer_requests"][0], meant);
        let theirs = two.get(REQUESTS).await;
        assert_eq!(theirs.column("transfer_requests", "zone_id"), [a.as_str()]);
        let short = json!({
            "id": meant["id"], "zone_id": a, "description": null, "status": "ACTIVE", "zone_name": "a.example.",
            "links": meant["links"],
        });
        assert_eq!(theirs.body["transfer_requests"], json!([short]));
        assert_eq!(two.get(&path(&meant)).await.body, short);
        assert_eq!(three.get(REQUESTS).await.body["transfer_requests"], json!([]));
        three.get(&path(&meant)).await.refused(403, "forbidden");
        let untargeted = three.get(&path(&open)).await;
        assert_eq!((untargeted.status, untargeted.body.get("key")), (200, None));
        let unknown = format!("{REQUESTS}/{UNKNOWN}");
        let message = "Could not find ZoneTransferRequest";
        three.get(&unknown).await.refused_saying(404, "zone_transfer_request_not_found", message);
        let filtered = one.get(&format!("{REQUESTS}?status=COMPLETE")).await;
        assert_eq!(filtered.body["transfer_requests"], json!([]));
        let all = rig.of("p9", "admin").with("X-Auth-All-Projects", "1").get(REQUESTS).await;
        assert_eq!(all.column("transfer_requests", "key").len(), 2);
    });
}

fn an_offer_is_changed_and_taken_back(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two, three) = (rig.member(), rig.of("p2", "member,reader"), rig.of("p3", "member,reader"));
        let zone = one.zone("a.example.").await;
        let made = offer(&one, &zone, json!({"target_project_id": "p2"})).await;
        let path = format!("{REQUESTS}/{}", made["id"].as_str().unwrap());
        let changed = one.patch(&path, json!({"description": "x", "target_project_id": "p2"})).await;
        assert_eq!((changed.status, &changed.body["description"]), (200, &json!("x")), "{}", changed.text);
        assert!(changed.body["updated_at"].is_string());
        one.patch(&path, json!({"target_project_id": "p3"})).await.refused(400, "invalid_object");
        one.patch(&path, json!({"zone_id": zone})).await.refused(400, "invalid_operation");
        one.patch(&path, json!({"description": "x".repeat(161)})).await.refused(400, "invalid_object");
        two.patch(&path, json!({"description": "y"})).await.refused(403, "forbidden");
        two.delete(&path).await.refused(403, "forbidden");
        three.delete(&path).await.refused(404, "zone_transfer_request_not_found");
        rig.of("p1", "reader").delete(&path).await.refused(403, "forbidden");
        let gone = one.delete(&path).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        one.delete(&path).await.refused(404, "zone_transfer_request_not_found");
        // The offer of a zone that is gone is shown no more, and can be deleted.
        let made = offer(&one, &zone, json!({"target_project_id": "p2"})).await;
        let path = format!("{REQUESTS}/{}", made["id"].as_str().unwrap());
        assert_eq!(one.delete(&format!("/v2/zones/{zone}")).await.status, 202);
        rig.report(&zone, Outcome::Propagated).await;
        one.get(&path).await.refused(404, "zone_transfer_request_not_found");
        three.delete(&path).await.refused(404, "zone_transfer_request_not_found");
        assert_eq!(one.delete(&path).await.status, 204);
    });
}

fn what_is_wrong_with_an_offer_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let one = rig.member();
        let zone = one.zone("a.example.").await;
        let path = format!("/v2/zones/{zone}/tasks/transfer_requests");
        for body in [
            json!({"description": "x".repeat(161)}),
            json!({"target_project_id": "x".repeat(37)}),
            json!({"key": "ABCDEFGH"}),
            json!({"colour": 1}),
        ] {
            one.post(&path, body).await.refused(400, "invalid_object");
        }
        one.send("POST", &path, None).await.refused(415, "unsupported_content_type");
        rig.of("p2", "member,reader").post(&path, json!({})).await.refused(404, "zone_not_found");
        rig.of("p1", "reader").post(&path, json!({})).await.refused(403, "forbidden");
        offer(&one, &zone, json!({})).await;
        let again = one.post(&path, json!({})).await;
        again.refused(409, "duplicate_zone_transfer_request");
        assert!(again.body.get("message").is_none());
        let deleting = one.zone("b.example.").await;
        one.delete(&format!("/v2/zones/{deleting}")).await;
        let path = format!("/v2/zones/{deleting}/tasks/transfer_requests");
        one.post(&path, json!({})).await.refused(400, "bad_request");
    });
}

fn who_may_not_accept(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two, three) = (rig.member(), rig.of("p2", "member,reader"), rig.of("p3", "member,reader"));
        let zone = one.zone("a.example.").await;
        let made = offer(&one, &zone, json!({"target_project_id": "p2"})).await;
        for body in [json!({}), json!({"key": "ABCDEFGH"}), json!({"zone_transfer_request_id": made["id"]})] {
            two.post(ACCEPTS, body).await.refused(400, "invalid_object");
        }
        let unknown = json!({"key": "ABCDEFGH", "zone_transfer_request_id": UNKNOWN});
        two.post(ACCEPTS, unknown).await.refused(404, "zone_transfer_request_not_found");
        three.post(ACCEPTS, accepting(&made)).await.refused(403, "forbidden");
        let wrong = json!({"key": "ABCDEFGH", "zone_transfer_request_id": made["id"]});
        two.post(ACCEPTS, wrong).await.refused(403, "invalid_key");
        rig.of("p2", "admin").patch("/v2/quotas/p2", json!({"zones": 0})).await;
        two.post(ACCEPTS, accepting(&made)).await.refused(413, "over_quota");
        // Nothing of that changed anything.
        assert_eq!(one.get(&format!("/v2/zones/{zone}")).await.body["project_id"], json!("p1"));
        rig.of("p2", "admin").delete("/v2/quotas/p2").await;
        assert_eq!(two.post(ACCEPTS, accepting(&made)).await.status, 201);
    });
}

fn transfers_are_told_to_others_without_keys(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let (one, two) = (rig.member(), rig.of("p2", "member,reader"));
        let zone = one.zone("a.example.").await;
        let made = offer(&one, &zone, json!({})).await;
        let path = format!("{REQUESTS}/{}", made["id"].as_str().unwrap());
        one.patch(&path, json!({"description": "x"})).await;
        two.post(ACCEPTS, accepting(&made)).await;
        one.delete(&path).await;
        let told = rig.told().await;
        let events: Vec<_> = told.iter().skip(2).map(|(event, _)| event.as_str()).collect();
        assert_eq!(
            events,
            [
                "dns.zone_transfer_request.create",
                "dns.zone_transfer_request.update",
                "dns.zone_transfer_accept.create",
                "dns.zone_transfer_request.delete"
            ]
        );
        let key = made["key"].as_str().unwrap();
        assert!(told.iter().all(|(_, payload)| !payload.to_string().contains(key)));
    });
}

fn paths_of_transfers(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for task in ["transfer_requests", "transfer_accepts"] {
            admin.get(&format!("/v2/zones/{UNKNOWN}/tasks/{task}")).await.refused(404, "not_found");
        }
        let missing = admin.post(REQUESTS, json!({})).await;
        missing.refused(404, "not_found");
        assert!(missing.body.get("message").is_none());
        admin.put(&format!("{REQUESTS}/{UNKNOWN}"), json!({})).await.refused(405, "method_not_allowed");
        for method in ["PUT", "PATCH", "DELETE"] {
            let got = admin.send(method, &format!("{ACCEPTS}/{UNKNOWN}"), Some(json!({}))).await;
            got.refused(405, "method_not_allowed");
        }
        let message = "Invalid UUID zone_transfer_request_id: x";
        admin.get(&format!("{REQUESTS}/x")).await.refused_saying(400, "invalid_uuid", message);
    });
}
