//! Secondary zones: when a worker is told that their masters are to be asked, and what is written for that.

use ordain::actors::worker::api::RefreshZone;
use ordain::domain::zone_status::Outcome;
use ordain::store::StoreError;
use ordain::store::repo::refreshes::{self, Refresh};
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(the_masters_of_a_secondary_zone_are_asked);

const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

async fn refresh(rig: &Rig, zone: &str) -> Option<Refresh> {
    let id = zone.parse().unwrap();
    let read = rig.store.read(|tx| Box::pin(async move { refreshes::get(tx, id).await }));
    read.await.map_err(|error: StoreError| error).unwrap()
}

fn the_masters_of_a_secondary_zone_are_asked(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let primary = member.zone("example.net.").await;
        assert_eq!(refresh(&rig, &primary).await, None);
        let body = json!({"name": "example.org.", "type": "SECONDARY", "masters": ["192.0.2.1"]});
        let created = member.post("/v2/zones", body).await;
        assert_eq!((created.status, &created.body["transferred_at"]), (202, &Value::Null));
        let zone = created.id();
        let told = async |count| rig.worker().answered::<RefreshZone>(count).await;
        told(1).await;
        let due =
            |at, forced| Some(Refresh { due_at: at, forced, attempts: 0, checked_at: None, expired: false });
        assert_eq!(refresh(&rig, &zone).await, due(rig.now(), true));

        rig.wait(100).await;
        let path = &format!("/v2/zones/{zone}/tasks/xfr");
        let got = member.send("POST", path, None).await;
        assert_eq!((got.status, got.text.as_str()), (202, "\"\""));
        told(2).await;
        assert_eq!(refresh(&rig, &zone).await, due(rig.now(), true), "what was to be forced still is");
        // The body is not looked at.
        assert_eq!(member.raw("POST", path, "text/plain", b"}").await.status, 202);
        told(3).await;

        rig.of("p1", "reader").send("POST", path, None).await.refused(403, "forbidden");
        rig.of("p2", "member,reader").send("POST", path, None).await.refused(404, "zone_not_found");
        let of = |zone: &str| format!("/v2/zones/{zone}/tasks/xfr");
        member.send("POST", &of(UNKNOWN), None).await.refused(404, "zone_not_found");
        member.send("POST", &of(&primary), None).await.refused(400, "bad_request");

        let patched = member.patch(&format!("/v2/zones/{zone}"), json!({"description": "d"})).await;
        assert_eq!((patched.status, &patched.body["serial"]), (202, &json!(1)));
        rig.wait(100).await;
        let masters = json!({"masters": ["192.0.2.2", "[2001:db8::1]:5354"]});
        let patched = member.patch(&format!("/v2/zones/{zone}"), masters.clone()).await;
        assert_eq!((patched.status, &patched.body["masters"]), (202, &masters["masters"]));
        told(4).await;
        assert_eq!(refresh(&rig, &zone).await, due(rig.now(), true));
        assert_eq!(rig.worker().count::<RefreshZone>(), 4);

        assert_eq!(member.delete(&format!("/v2/zones/{zone}")).await.status, 202);
        member.send("POST", path, None).await.refused(400, "bad_request");
        rig.report(&zone, Outcome::Propagated).await;
        member.send("POST", path, None).await.refused(404, "zone_not_found");
        assert_eq!(refresh(&rig, &zone).await, None);
    });
}
