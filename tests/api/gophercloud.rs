//! Requests as gophercloud, OpenStack's library for Go (and so Terraform), writes them, and answers as it reads them: which
//! statuses it takes for success, and what Go's decoder makes of each member.

use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Caller, Got, Rig, on_every_wire};

on_every_wire!(
    zones_go_their_way,
    recordsets_go_their_way,
    zones_are_shared_and_handed_over,
    quotas_and_other_projects,
);

/// What a member is declared as in Go.
#[derive(Clone, Copy)]
enum Go {
    /// `string`
    Text,
    /// `int`
    Int,
    /// `bool`
    Bool,
    /// `time.Time` of the layout `2006-01-02T15:04:05.999999`
    Time,
    /// `map[string]string`
    Texts,
    /// `[]string`
    List,
    /// `map[string]any`
    Map,
}

const ZONE: &[(&str, Go)] = &[
    ("id", Go::Text),
    ("pool_id", Go::Text),
    ("project_id", Go::Text),
    ("name", Go::Text),
    ("email", Go::Text),
    ("description", Go::Text),
    ("ttl", Go::Int),
    ("serial", Go::Int),
    ("status", Go::Text),
    ("action", Go::Text),
    ("version", Go::Int),
    ("attributes", Go::Texts),
    ("type", Go::Text),
    ("masters", Go::List),
    ("created_at", Go::Time),
    ("updated_at", Go::Time),
    ("transferred_at", Go::Time),
    ("shared", Go::Bool),
    ("links", Go::Map),
];
const RECORDSET: &[(&str, Go)] = &[
    ("id", Go::Text),
    ("zone_id", Go::Text),
    ("project_id", Go::Text),
    ("name", Go::Text),
    ("zone_name", Go::Text),
    ("type", Go::Text),
    ("records", Go::List),
    ("ttl", Go::Int),
    ("status", Go::Text),
    ("action", Go::Text),
    ("description", Go::Text),
    ("version", Go::Int),
    ("created_at", Go::Time),
    ("updated_at", Go::Time),
    ("links", Go::Map),
];
const SHARE: &[(&str, Go)] = &[
    ("id", Go::Text),
    ("zone_id", Go::Text),
    ("project_id", Go::Text),
    ("target_project_id", Go::Text),
    ("created_at", Go::Time),
    ("updated_at", Go::Time),
];
const REQUEST: &[(&str, Go)] = &[
    ("id", Go::Text),
    ("zone_id", Go::Text),
    ("project_id", Go::Text),
    ("target_project_id", Go::Text),
    ("key", Go::Text),
    ("description", Go::Text),
    ("status", Go::Text),
    ("zone_name", Go::Text),
    ("created_at", Go::Time),
    ("updated_at", Go::Time),
    ("links", Go::Map),
];
const ACCEPT: &[(&str, Go)] = &[
    ("id", Go::Text),
    ("zone_id", Go::Text),
    ("project_id", Go::Text),
    ("zone_transfer_request_id", Go::Text),
    ("key", Go::Text),
    ("status", Go::Text),
    ("created_at", Go::Time),
    ("updated_at", Go::Time),
    ("links", Go::Map),
];

/// Go's decoder takes null for any member, and fails on any other type.
fn decodes(value: &Value, go: Go) -> bool {
    let layout = |text: &str| {
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape.strip_prefix("0000-00-00T00:00:00").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    value.is_null()
        || match go {
            Go::Text => value.is_string(),
            Go::Int => value.is_i64() || value.is_u64(),
            Go::Bool => value.is_boolean(),
            Go::Time => value.as_str().is_some_and(layout),
            Go::Texts => value.as_object().is_some_and(|map| map.values().all(Value::is_string)),
            Go::List => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Go::Map => value.is_object(),
        }
}

#[track_caller]
fn read(value: &Value, members: &[(&str, Go)]) {
    for (name, go) in members {
        let member = value.get(*name).unwrap_or_else(|| panic!("no {name} in {value}"));
        assert!(decodes(member, *go), "{name} of {value}");
    }
}

#[track_caller]
fn taken(got: &Got, statuses: &[u16], members: &[(&str, Go)]) {
    assert!(statuses.contains(&got.status), "{}: {}", got.status, got.text);
    read(&got.body, members);
}

/// GET and DELETE carry `Accept` and no body; gophercloud sends no `Content-Type` with them.
async fn send(caller: &Caller<'_>, method: &str, path: &str) -> Got {
    caller.with("Accept", "application/json").send(method, path, None).await
}

fn zones_go_their_way(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let go = rig.member();
        let body = json!({"attributes": {"tier": "gold"}, "email": "joe@example.org", "description": "This is an example zone.",
            "name": "example.org.", "ttl": 7200, "type": "PRIMARY"});
        let made = go.post("/v2/zones", body).await;
        taken(&made, &[201, 202], ZONE);
        let path = format!("/v2/zones/{}", made.id());
        taken(&send(&go, "GET", &path).await, &[200], ZONE);
        let changed = go.patch(&path, json!({"description": "Updated", "ttl": 600})).await;
        taken(&changed, &[200, 202], ZONE);
        // Pages are followed by links.next until a page is empty.
        go.zone("example.net.").await;
        let page = send(&go, "GET", "/v2/zones?limit=1").await;
        page.body["zones"].as_array().unwrap().iter().for_each(|zone| read(zone, ZONE));
        let mut seen = page.column("zones", "name");
        let mut next = page.body["links"]["next"].as_str().map(str::to_owned);
        while let Some(url) = next {
            let page = send(&go, "GET", url.strip_prefix("http://dns.example").unwrap()).await;
            seen.extend(page.column("zones", "name"));
            next = page.body["links"]["next"].as_str().map(str::to_owned);
        }
        seen.sort_unstable();
        assert_eq!(seen, ["example.net.", "example.org."]);
        assert_eq!(send(&go, "GET", "/v2/zones?name=example.net.").await.column("zones", "name"), ["example.net."]);
        taken(&send(&go, "DELETE", &path).await, &[202], ZONE);
    });
}

fn recordsets_go_their_way(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let go = rig.member();
        let zone = go.zone("example.org.").await;
        let all = format!("/v2/zones/{zone}/recordsets");
        let body = json!({"description": "An example record set.", "name": "www.example.org.", "records": ["10.1.0.2"],
            "ttl": 3600, "type": "A"});
        let made = go.post(&all, body).await;
        taken(&made, &[201, 202], RECORDSET);
        let path = format!("{all}/{}", made.id());
        // A TTL of nought is sent as null, and means that of the zone.
        let changed = go.put(&path, json!({"description": "", "records": ["10.1.0.3"], "ttl": null})).await;
        taken(&changed, &[200, 202], RECORDSET);
        assert_eq!(
            (&changed.body["ttl"], &changed.body["description"], &changed.body["records"]),
            (&Value::Null, &json!(""), &json!(["10.1.0.3"]))
        );
        taken(&send(&go, "GET", &path).await, &[200], RECORDSET);
        let list = send(&go, "GET", &format!("{all}?type=A&data=10.1.0.3&limit=5&sort_key=name&sort_dir=asc")).await;
        assert_eq!(list.column("recordsets", "name"), ["www.example.org."]);
        assert_eq!(list.body["metadata"]["total_count"], json!(1));
        taken(&send(&go, "DELETE", &path).await, &[202], RECORDSET);
    });
}

fn zones_are_shared_and_handed_over(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (go, other) = (rig.member(), rig.of("p2", "member,reader"));
        let zone = go.zone("example.org.").await;
        let shares = format!("/v2/zones/{zone}/shares");
        let share = go.post(&shares, json!({"target_project_id": "p2"})).await;
        taken(&share, &[201], SHARE);
        let list = send(&go, "GET", &shares).await;
        list.body["shared_zones"].as_array().unwrap().iter().for_each(|share| read(share, SHARE));
        assert_eq!(send(&go, "DELETE", &format!("{shares}/{}", share.id())).await.status, 204);
        let body = json!({"description": "This is a zone transfer request.", "target_project_id": "p2"});
        let offer = go.post(&format!("/v2/zones/{zone}/tasks/transfer_requests"), body).await;
        taken(&offer, &[201, 202], REQUEST);
        let path = format!("/v2/zones/tasks/transfer_requests/{}", offer.id());
        taken(&go.patch(&path, json!({"description": "Updated"})).await, &[200, 202], REQUEST);
        let body = json!({"key": offer.body["key"], "zone_transfer_request_id": offer.id()});
        taken(&other.post("/v2/zones/tasks/transfer_accepts", body).await, &[201, 202], ACCEPT);
        let gone = send(&go, "DELETE", &path).await;
        assert!([202, 204].contains(&gone.status), "{}", gone.text);
    });
}

fn quotas_and_other_projects(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        let all = admin.with("X-Auth-All-Projects", "true");
        let quotas = all.patch("/v2/quotas/p2", json!({"api_export_size": 1000, "zones": 12})).await;
        assert_eq!((quotas.status, &quotas.body["zones"]), (200, &json!(12)), "{}", quotas.text);
        let names = ["api_export_size", "recordset_records", "zone_records", "zone_recordsets", "zones"];
        names.iter().for_each(|name| assert!(decodes(&quotas.body[name], Go::Int), "{}", quotas.text));
        rig.of("p2", "member,reader").zone("example.org.").await;
        let found = all.get("/v2/zones?name=example.org.").await;
        found.body["zones"].as_array().unwrap().iter().for_each(|zone| read(zone, ZONE));
        assert_eq!(found.column("zones", "project_id"), ["p2"]);
        let sudo = admin.with("X-Auth-Sudo-Tenant-ID", "p2").get("/v2/zones").await;
        assert_eq!(sudo.column("zones", "name"), ["example.org."]);
    });
}
