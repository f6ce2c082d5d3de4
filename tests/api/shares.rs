//! `/v2/zones/{zone_id}/shares`: whom a zone is shared with.

use ordain::testing::Wire;
use serde_json::json;

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    a_zone_is_shared_and_unshared,
    shares_are_for_their_parties,
    what_is_wrong_with_a_share_is_told,
    a_share_ends_when_its_project_has_nothing_left,
    shares_are_told_to_others,
);

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

fn a_zone_is_shared_and_unshared(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let shares = format!("/v2/zones/{zone}/shares");
        let made = member.post(&shares, json!({"target_project_id": "p2"})).await;
        assert_eq!((made.status, &made.location), (201, &None), "{}", made.text);
        let id = made.id();
        let url = format!("http://dns.example{shares}/{id}");
        let expected = json!({
            "id": id, "zone_id": zone, "project_id": "p1", "target_project_id": "p2",
            "created_at": "2026-11-23T00:43:10.000000", "updated_at": null,
            "links": {"self": url, "zone": format!("http://dns.example/v2/zones/{zone}")},
        });
        assert_eq!(made.body, expected);
        assert_eq!(member.get(&format!("{shares}/{id}")).await.body, expected);
        let list = member.get(&shares).await;
        assert_eq!(list.body["shared_zones"], json!([expected]));
        assert!(list.body.get("metadata").is_none());
        assert_eq!(list.body["links"], json!({"self": format!("http://dns.example{shares}")}));
        assert_eq!(member.get(&format!("/v2/zones/{zone}")).await.body["shared"], json!(true));
        let other = rig.of("p2", "member,reader");
        assert_eq!(other.get("/v2/zones").await.column("zones", "id"), [zone.as_str()]);
        other.recordset(&zone, "www.example.org.", "A", &["192.0.2.1"]).await;

        member.delete(&format!("/v2/zones/{zone}")).await.refused(400, "zone_is_shared");
        let one = format!("{shares}/{id}");
        member.delete(&one).await.refused(400, "shared_zone_has_recordsets");
        let sets = other.get("/v2/recordsets").await.column("recordsets", "id");
        other.delete(&format!("/v2/zones/{zone}/recordsets/{}", sets[0])).await;
        let gone = member.delete(&one).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        member.get(&one).await.refused_saying(404, "shared_zone_not_found", "Could not find SharedZone");
        other.get(&format!("/v2/zones/{zone}")).await.refused(404, "zone_not_found");
        assert_eq!(member.delete(&format!("/v2/zones/{zone}")).await.status, 202);
    });
}

fn shares_are_for_their_parties(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let shares = format!("/v2/zones/{zone}/shares");
        let with_two = member.post(&shares, json!({"target_project_id": "p2"})).await.id();
        let with_three = member.post(&shares, json!({"target_project_id": "p3"})).await.id();
        let two = rig.of("p2", "member,reader");
        assert_eq!(two.get(&shares).await.column("shared_zones", "id"), [with_two.as_str()]);
        two.get(&format!("{shares}/{with_two}")).await.refused(403, "forbidden");
        two.get(&format!("{shares}/{with_three}")).await.refused(404, "shared_zone_not_found");
        two.delete(&format!("{shares}/{with_two}")).await.refused(403, "forbidden");
        two.post(&shares, json!({"target_project_id": "p4"})).await.refused(403, "forbidden");
        two.get(&format!("{shares}?target_project_id=p3")).await.refused(403, "forbidden");
        rig.of("p1", "reader").get(&shares).await.refused(403, "forbidden");
        rig.of("p1", "reader")
            .post(&shares, json!({"target_project_id": "p4"}))
            .await
            .refused(403, "forbidden");
        let stranger = rig.of("p9", "member,reader");
        assert_eq!(stranger.get(&shares).await.body["shared_zones"], json!([]));
        stranger.get(&format!("{shares}/{with_two}")).await.refused(404, "shared_zone_not_found");
        stranger.delete(&format!("{shares}/{with_two}")).await.refused(404, "shared_zone_not_found");
        stranger.post(&shares, json!({"target_project_id": "p9"})).await.refused(404, "zone_not_found");
        assert_eq!(
            stranger.get(&format!("/v2/zones/{UNKNOWN}/shares")).await.body["shared_zones"],
            json!([])
        );
        let admin = rig.of("p9", "admin").with("X-Auth-All-Projects", "true");
        let all = admin.get(&format!("{shares}?sort_key=created_at&target_project_id=p*")).await;
        assert_eq!(all.column("shared_zones", "target_project_id").len(), 2);
        assert_eq!(admin.delete(&format!("{shares}/{with_three}")).await.status, 204);
    });
}

fn what_is_wrong_with_a_share_is_told(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let shares = format!("/v2/zones/{zone}/shares");
        for body in [
            json!({}),
            json!({"target_project_id": null}),
            json!({"target_project_id": "x".repeat(37)}),
            json!({"target_project_id": "p2", "project_id": "p3"}),
            json!({"target_project_id": "p2", "colour": 1}),
        ] {
            member.post(&shares, body).await.refused(400, "invalid_object");
        }
        member.post(&shares, json!({"target_project_id": "p1"})).await.refused(400, "bad_request");
        assert_eq!(member.post(&shares, json!({"target_project_id": "p2"})).await.status, 201);
        let again = member.post(&shares, json!({"target_project_id": "p2"})).await;
        again.refused_saying(409, "duplicate_shared_zone", "Duplicate SharedZone");
        member.get(&format!("{shares}?sort_key=id")).await.refused(400, "invalid_sort_key");
        member.get(&format!("{shares}?project_id=p1")).await.refused(400, "bad_request");
        let message = "Invalid UUID zone_share_id: x";
        member.get(&format!("{shares}/x")).await.refused_saying(400, "invalid_uuid", message);
        member.patch(&format!("{shares}/{UNKNOWN}"), json!({})).await.refused(405, "method_not_allowed");
        member.put(&shares, json!({})).await.refused(405, "method_not_allowed");
    });
}

fn a_share_ends_when_its_project_has_nothing_left(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        // A zone below one that comes later: made by hand-over.
        let (one, two) = (rig.member(), rig.of("p2", "member,reader"));
        let zone = one.zone("example.org.").await;
        let below = one.zone("sub.example.org.").await;
        let offer = one.post(&format!("/v2/zones/{below}/tasks/transfer_requests"), json!({})).await;
        let accept = json!({"key": offer.body["key"], "zone_transfer_request_id": offer.id()});
        assert_eq!(two.post("/v2/zones/tasks/transfer_accepts", accept).await.status, 201);
        let shares = format!("/v2/zones/{zone}/shares");
        let id = one.post(&shares, json!({"target_project_id": "p2"})).await.id();
        one.delete(&format!("{shares}/{id}")).await.refused(400, "shared_zone_has_sub_zone");
    });
}

fn shares_are_told_to_others(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        let shares = format!("/v2/zones/{zone}/shares");
        let id = member.post(&shares, json!({"target_project_id": "p2"})).await.id();
        member.delete(&format!("{shares}/{id}")).await;
        let told = rig.told().await;
        let events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(events, ["dns.zone.create", "dns.domain.create", "dns.zone.share", "dns.zone.unshare"]);
        assert_eq!(told[2].1["target_project_id"], json!("p2"));
    });
}
