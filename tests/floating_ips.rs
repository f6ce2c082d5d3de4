//! PTR records of floating IPs: what central does with them, and the whole of it against a network service that is faked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use actix_web::http::Method;
use hickory_proto::rr::RecordType;
use ordain::actors::central::api::Central;
use ordain::actors::central::api::floating_ips::{FindPtrs, Gone, SetPtr, UnsetPtr};
use ordain::domain::floating_ip::{FloatingIp, Ptr};
use ordain::domain::identity::Identity;
use ordain::domain::ids::{FloatingIpId, ProjectId, ZoneId};
use ordain::testing::{Failure, Spec, World, run};
use ordain::transport::{Cx, Fault, OnceKey};
use serde_json::{Value, json};
use support::asking::{ask, until};
use support::dns;
use support::neutron::Neutron;
use support::ports::free_port;
use support::rabbitmq::certificates;
use support::server::Server;

const MANAGED: &str = "00000000-0000-0000-0000-000000000000";

fn ip(region: &str, number: u128, address: &str) -> FloatingIp {
    FloatingIp {
        region: region.to_owned(),
        id: FloatingIpId::from(uuid::Uuid::from_u128(number)),
        address: address.parse::<IpAddr>().unwrap().into(),
    }
}

/// A caller of central, past the API.
#[derive(Clone, Copy)]
struct Caller<'w> {
    world: &'w World,
    project: &'w str,
    roles: &'w str,
}

impl<'w> Caller<'w> {
    fn member(world: &'w World, project: &'w str) -> Self {
        Self { world, project, roles: "member" }
    }

    fn cx(&self) -> Cx {
        let identity = Identity {
            project: Some(ProjectId::new(self.project)),
            roles: self.roles.split(',').map(str::to_owned).collect(),
            ..Identity::default()
        };
        Cx::new(identity, Duration::from_secs(60))
    }

    async fn set(&self, ip: &FloatingIp, name: &str) -> Result<Ptr, Fault> {
        let message =
            SetPtr { ip: ip.clone(), ptrdname: name.parse().unwrap(), ttl: None, description: None };
        self.world.service::<Central>().call(&self.cx(), message).await
    }

    async fn unset(&self, ip: &FloatingIp) -> Result<(), Fault> {
        self.world.service::<Central>().call(&self.cx(), UnsetPtr { ip: ip.clone() }).await
    }

    /// What the PTR records of these say, after others of their regions are gone.
    async fn names(&self, seen: &[FloatingIp], regions: &[&str]) -> Vec<Option<String>> {
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        let message = FindPtrs { seen: seen.to_vec(), gone: Gone::OthersIn(regions) };
        let found = self.world.service::<Central>().call(&self.cx(), message).await.unwrap();
        found.into_iter().map(|ptr| ptr.map(|ptr| ptr.ptrdname)).collect()
    }
}

async fn in_dns(world: &World, name: &str) -> Result<Vec<String>, Failure> {
    world.resolve(name, RecordType::PTR).await
}

async fn all_zones(world: &World) -> Result<Vec<Value>, Failure> {
    let admin = world.api().clone().with("X-Auth-All-Projects", "true");
    let (_, listed) = admin.json(Method::GET, "/v2/zones?limit=max&sort_key=name", None).await?;
    Ok(listed["zones"].as_array().unwrap().clone())
}

/// Waits until a zone of the service is in DNS as it is to be.
async fn active(world: &World, zone: ZoneId) -> Result<(), Failure> {
    let admin = world.api().clone().with("X-Auth-All-Projects", "true");
    world
        .until("the zone to be active", async || Ok(admin.zone(&zone.to_string()).await?.status == "ACTIVE"))
        .await
}

#[test]
fn a_zone_is_made_with_its_first_record_and_shared_by_the_rest() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let (one, two) = (Caller::member(&world, "p1"), Caller::member(&world, "p2"));
        let (a, b) = (ip("R1", 1, "203.0.113.40"), ip("R1", 2, "203.0.113.41"));
        // At once, and in the same zone.
        let (first, second) = tokio::join!(one.set(&a, "www.example.org."), two.set(&b, "mail.example.org."));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.zone_id, second.zone_id);
        assert_eq!((first.status.as_str(), first.action.as_str()), ("PENDING", "CREATE"));
        let zones = all_zones(&world).await?;
        let shown: Vec<_> =
            zones.iter().map(|zone| (&zone["name"], &zone["project_id"], &zone["email"])).collect();
        let (name, email) = (json!("113.0.203.in-addr.arpa."), json!("hostmaster@example.com"));
        assert_eq!(shown, [(&name, &json!(MANAGED), &email)]);
        active(&world, first.zone_id).await?;
        assert_eq!(in_dns(&world, "40.113.0.203.in-addr.arpa.").await?, ["www.example.org."]);
        assert_eq!(in_dns(&world, "41.113.0.203.in-addr.arpa.").await?, ["mail.example.org."]);
        // It is the service's record: not even an admin changes it unless he says so.
        let admin = world.api().clone().with("X-Auth-All-Projects", "true");
        let (_, sets) = admin.json(Method::GET, "/v2/recordsets?type=PTR", None).await?;
        assert_eq!(sets["recordsets"].as_array().unwrap().len(), 2);
        let set = &sets["recordsets"][0];
        let path = format!("/v2/zones/{}/recordsets/{}", first.zone_id, set["id"].as_str().unwrap());
        assert_eq!(admin.json(Method::DELETE, &path, None).await?.0, 400);
        Ok(())
    });
}

#[test]
fn a_record_is_changed_and_removed_by_its_project_alone() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let (one, two) = (Caller::member(&world, "p1"), Caller::member(&world, "p2"));
        let mine = ip("R1", 1, "203.0.113.40");
        let made = one.set(&mine, "www.example.org.").await.unwrap();
        active(&world, made.zone_id).await?;
        let changed = one.set(&mine, "new.example.org.").await.unwrap();
        assert_eq!((changed.status.as_str(), changed.action.as_str()), ("PENDING", "UPDATE"));
        active(&world, made.zone_id).await?;
        assert_eq!(in_dns(&world, "40.113.0.203.in-addr.arpa.").await?, ["new.example.org."]);
        // Readers look and do not touch; whoever has no floating IP of this id has no record of it.
        let reader = Caller { roles: "reader", ..one };
        assert_eq!(
            reader.names(std::slice::from_ref(&mine), &[]).await,
            [Some("new.example.org.".to_owned())]
        );
        assert_eq!(reader.set(&mine, "x.example.org.").await.unwrap_err().code.status(), 403);
        assert_eq!(reader.unset(&mine).await.unwrap_err().code.status(), 403);
        assert_eq!(two.unset(&mine).await.unwrap_err().code.status(), 404);
        one.unset(&mine).await.unwrap();
        assert_eq!(one.unset(&mine).await.unwrap_err().kind, "not_found");
        world
            .until("the record to be gone", async || {
                Ok(in_dns(&world, "40.113.0.203.in-addr.arpa.").await?.is_empty())
            })
            .await
    });
}

#[test]
fn the_same_request_twice_is_done_once() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let one = Caller::member(&world, "p1");
        let mine = ip("R1", 1, "203.0.113.40");
        let message = SetPtr {
            ip: mine.clone(),
            ptrdname: "www.example.org.".parse().unwrap(),
            ttl: None,
            description: None,
        };
        let cx = one.cx().with_once(OnceKey::random());
        let first = world.service::<Central>().call(&cx, message.clone()).await.unwrap();
        let again = world.service::<Central>().call(&cx, message).await.unwrap();
        assert_eq!(first, again);
        assert_eq!(all_zones(&world).await?.len(), 1);
        Ok(())
    });
}

#[test]
fn records_of_floating_ips_that_moved_or_are_gone_go_away() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let (one, two) = (Caller::member(&world, "p1"), Caller::member(&world, "p2"));
        let ips = [ip("R1", 1, "203.0.113.1"), ip("R1", 2, "203.0.113.2"), ip("R1", 3, "203.0.113.3")];
        for ip in &ips {
            one.set(ip, "www.example.org.").await.unwrap();
        }
        let elsewhere = ip("R2", 4, "203.0.113.4");
        one.set(&elsewhere, "r2.example.org.").await.unwrap();
        // The first is another project's now, which sees no record of it, and may make one of its own.
        assert_eq!(two.names(&ips[..1], &["R1"]).await, [None]);
        two.set(&ips[0], "theirs.example.org.").await.unwrap();
        // The second was released, and the region that has the last one was not asked.
        let www = Some("www.example.org.".to_owned());
        assert_eq!(one.names(&ips[2..], &["R1"]).await, std::slice::from_ref(&www));
        assert_eq!(
            one.names(std::slice::from_ref(&elsewhere), &[]).await,
            [Some("r2.example.org.".to_owned())]
        );
        assert_eq!(two.names(&ips[..1], &["R1"]).await, [Some("theirs.example.org.".to_owned())]);
        assert_eq!(one.names(&ips[1..], &[]).await, [None, www]);
        // Its address has a new floating IP, which is asked for by its id.
        let anew = ip("R1", 5, "203.0.113.3");
        assert_eq!(one.names(&[anew], &["R1"]).await, [None]);
        world
            .until("DNS to have what is left", async || {
                let mut left = Vec::new();
                for last in 1..=4 {
                    left.push(in_dns(&world, &format!("{last}.113.0.203.in-addr.arpa.")).await?.concat());
                }
                Ok(left == ["theirs.example.org.", "", "", "r2.example.org."])
            })
            .await
    });
}

#[test]
fn regions_with_the_same_addresses_do_not_take_each_others_records() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let (one, two) = (Caller::member(&world, "p1"), Caller::member(&world, "p2"));
        let (here, there) = (ip("R1", 1, "203.0.113.1"), ip("R2", 2, "203.0.113.1"));
        one.set(&here, "here.example.org.").await.unwrap();
        assert_eq!(two.names(std::slice::from_ref(&there), &["R2"]).await, [None]);
        assert_eq!(two.set(&there, "there.example.org.").await.unwrap_err().kind, "duplicate_recordset");
        assert_eq!(one.names(&[here], &["R1"]).await, [Some("here.example.org.".to_owned())]);
        Ok(())
    });
}

#[test]
fn no_quota_ends_the_making_of_zones_and_ipv6_has_its_own() {
    run(async {
        let small = |config: &mut ordain::config::Config| {
            config.central.quotas.zones = 1;
            config.central.quotas.zone_recordsets = 2;
        };
        let world = World::start(Spec::all_in_one().configured(small)).await?;
        let one = Caller::member(&world, "p1");
        for (number, address) in
            ["203.0.113.1", "203.0.113.2", "198.51.100.1", "2001:db8:0:1::1"].into_iter().enumerate()
        {
            one.set(&ip("R1", number as u128 + 1, address), "www.example.org.").await.unwrap();
        }
        let names: Vec<_> = all_zones(&world).await?.iter().map(|zone| zone["name"].clone()).collect();
        let v6 = "1.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
        assert_eq!(names, [json!(v6), json!("100.51.198.in-addr.arpa."), json!("113.0.203.in-addr.arpa.")]);
        let name = format!("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.{v6}");
        world
            .until("the IPv6 record to be there", async || {
                Ok(in_dns(&world, &name).await? == ["www.example.org."])
            })
            .await
    });
}

#[test]
fn what_names_are_allowed_holds_for_zones_made_by_the_service_and_what_is_a_clients_stays() {
    run(async {
        let world = World::start(Spec::all_in_one()).await?;
        let one = Caller::member(&world, "p1");
        // Somebody has a reverse zone with a record in it.
        let other = world.api().clone().member_of("p2");
        let zone = other.create_zone("113.0.203.in-addr.arpa.").await?;
        other.create_recordset(&zone.id, "9.113.0.203.in-addr.arpa.", "PTR", &["old.example.org."]).await?;
        assert_eq!(
            one.set(&ip("R1", 1, "203.0.113.9"), "www.example.org.").await.unwrap_err().kind,
            "duplicate_recordset"
        );
        let beside = one.set(&ip("R1", 2, "203.0.113.8"), "www.example.org.").await.unwrap();
        assert_eq!(beside.zone_id.to_string(), zone.id, "a zone that is there is used");
        world.api().json(Method::POST, "/v2/tlds", Some(&json!({"name": "org"}))).await?;
        let refused = one.set(&ip("R1", 3, "198.51.100.1"), "www.example.org.").await.unwrap_err();
        assert_eq!(
            (refused.kind.as_ref(), refused.message.as_deref()),
            ("invalid_zone_name", Some("Invalid TLD"))
        );
        assert_eq!(all_zones(&world).await?.len(), 1, "a refusal made nothing");
        Ok(())
    });
}

/// A server without Keystone that finds the network service in its configuration.
fn serve(folder: &Path, neutron: &Neutron) -> Server {
    let endpoints = format!("\"R1|{}\", \"R2|{}/\"", neutron.url("one"), neutron.url("two"));
    Server::serve_natively(folder, &format!("neutron.endpoints = [{endpoints}]\nneutron.timeout = \"2s\"\n"))
}

const PATH: &str = "/v2/reverse/floatingips";
const A: &str = "5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";
const B: &str = "6f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";
const C: &str = "7f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";
const D: &str = "8f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";

fn ptr_in_dns(server: &Server, name: &str) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(dns::answer(&server.dns(), name, RecordType::PTR, false)).unwrap_or_default()
}

#[test]
fn clients_list_show_set_and_unset_the_records_of_their_floating_ips() {
    let folder = tempfile::tempdir().unwrap();
    let mut neutron = Neutron::start(folder.path());
    neutron.has(&[
        // More than one page of it.
        ("one", &[(A, "203.0.113.40", "p1"), (B, "203.0.113.41", "p1"), (C, "203.0.113.42", "p1")]),
        ("two", &[(D, "2001:db8::15", "p1"), (A, "203.0.113.99", "p2")]),
    ]);
    let server = serve(folder.path(), &neutron);
    let (member, reader, other) = (("p1", "member,reader"), ("p1", "reader"), ("p2", "member"));
    let path = |id: &str| format!("{PATH}/{id}");
    let (a, d) = (format!("R1:{A}"), format!("R2:{D}"));

    // Everything that there is, in all regions, has no record yet.
    let listed = ask(&server, "GET", PATH, member, None);
    assert_eq!(listed.status, 200, "{}", listed.body);
    let items = listed.json()["floatingips"].as_array().unwrap().clone();
    let ids: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, [a.clone(), format!("R1:{B}"), format!("R1:{C}"), d.clone()]);
    let own = format!("http://{}{PATH}", server.api());
    assert_eq!(listed.json()["links"], json!({"self": own}));
    assert_eq!(
        items[0],
        json!({
            "id": a, "description": null, "address": "203.0.113.40", "ptrdname": null, "ttl": null,
            "action": "NONE", "status": "INACTIVE", "links": {"self": format!("{own}/{a}")}
        })
    );
    assert_eq!(ask(&server, "GET", &path(&a), reader, None).json(), items[0]);
    assert_eq!(neutron.asked().lines().filter(|line| !line.ends_with("without token")).count(), 0);

    // Set, for both kinds of addresses.
    let name = json!({"ptrdname": "www.example.org.", "description": "a web server", "ttl": 600});
    let set = ask(&server, "PATCH", &path(&a), member, Some(&name));
    assert_eq!(set.status, 202, "{}", set.body);
    let shown = set.json();
    assert_eq!((&shown["ptrdname"], &shown["ttl"]), (&json!("www.example.org."), &json!(600)));
    assert_eq!((&shown["status"], &shown["action"]), (&json!("PENDING"), &json!("CREATE")));
    assert_eq!(
        ask(&server, "PATCH", &path(&d), member, Some(&json!({"ptrdname": "six.example.org."}))).status,
        202
    );
    until("both are active", || {
        let listed = ask(&server, "GET", PATH, reader, None).json();
        [0, 3].iter().all(|at| listed["floatingips"][at]["status"] == "ACTIVE")
    });
    assert_eq!(ptr_in_dns(&server, "40.113.0.203.in-addr.arpa."), ["www.example.org."]);
    let v6 = format!("5.1.{}8.b.d.0.1.0.0.2.ip6.arpa.", "0.".repeat(22));
    assert_eq!(ptr_in_dns(&server, &v6), ["six.example.org."]);

    // What is left out is reset.
    let changed =
        ask(&server, "PATCH", &path(&a), member, Some(&json!({"ptrdname": "new.example.org."}))).json();
    assert_eq!((&changed["description"], &changed["ttl"]), (&Value::Null, &json!(3600)));
    assert_eq!(ask(&server, "PATCH", &path(&a), member, Some(&json!({"ttl": 60}))).body, "null");
    assert_eq!(ask(&server, "GET", &path(&a), member, None).json()["ttl"], 3600);

    // What is not right, and who may not.
    for (id, body, caller, status, kind) in [
        (a.as_str(), json!({"ptrdname": "no dot"}), member, 400, "invalid_object"),
        (&a, json!({"ptrdname": "x.", "address": "203.0.113.1"}), member, 400, "invalid_object"),
        (&a, json!({"ptrdname": "x.", "colour": "red"}), member, 400, "invalid_object"),
        (&a, json!([]), member, 400, "invalid_object"),
        ("R1", json!({"ptrdname": "x.example.org."}), member, 400, "bad_request"),
        (
            "R1:5f1e9c548f0a4e658a6f0b9d8d7c6b5a",
            json!({"ptrdname": "x.example.org."}),
            member,
            400,
            "bad_request",
        ),
        ("R%201:5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a", json!({"ptrdname": null}), member, 400, "bad_request"),
        (&a, json!({"ptrdname": "x.example.org."}), other, 404, "not_found"),
        (&a, json!({"ptrdname": null}), other, 404, "not_found"),
        (&a, json!({"ptrdname": "x.example.org."}), reader, 403, "forbidden"),
        (&a, json!({"ptrdname": "x.example.org."}), ("", "member"), 401, "missing_project_id"),
        ("R9:5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a", json!({"ptrdname": null}), member, 404, "not_found"),
        (&format!("R1:{B}"), json!({"ptrdname": null}), member, 404, "not_found"),
    ] {
        let refused = ask(&server, "PATCH", &path(id), caller, Some(&body));
        assert_eq!(
            (refused.status, &refused.json()["type"]),
            (status, &json!(kind)),
            "{id} {body}: {}",
            refused.body
        );
    }
    assert_eq!(ask(&server, "GET", &path(&a), other, None).status, 404);
    for (method, target, status) in [("POST", PATH, 405), ("DELETE", PATH, 405), ("GET", "/v2/reverse", 405)]
    {
        assert_eq!(ask(&server, method, target, member, None).status, status, "{method} {target}");
    }

    // One leaves the project by way of the network service, the other here.
    neutron.has(&[("one", &[(A, "203.0.113.40", "p2")]), ("two", &[(D, "2001:db8::15", "p1")])]);
    let theirs = ask(&server, "GET", PATH, other, None).json();
    assert_eq!(
        (&theirs["floatingips"][0]["id"], &theirs["floatingips"][0]["status"]),
        (&json!(a), &json!("INACTIVE"))
    );
    assert_eq!(ask(&server, "GET", &path(&a), member, None).status, 404);
    let unset = ask(&server, "PATCH", &path(&d), member, Some(&json!({"ptrdname": null})));
    assert_eq!((unset.status, unset.body.as_str()), (202, "null"));
    assert_eq!(ask(&server, "PATCH", &path(&d), member, Some(&json!({"ptrdname": null}))).status, 404);
    until("both records are gone", || {
        ptr_in_dns(&server, "40.113.0.203.in-addr.arpa.").is_empty() && ptr_in_dns(&server, &v6).is_empty()
    });
}

#[test]
fn while_the_network_service_is_away_nothing_is_said_and_nothing_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut neutron = Neutron::start(folder.path());
    neutron.has(&[("one", &[(A, "203.0.113.40", "p1")]), ("two", &[])]);
    let server = serve(folder.path(), &neutron);
    let member = ("p1", "member");
    let path = format!("{PATH}/R1:{A}");
    assert_eq!(
        ask(&server, "PATCH", &path, member, Some(&json!({"ptrdname": "www.example.org."}))).status,
        202
    );
    let shown = || ask(&server, "GET", &path, member, None);
    until("it is active", || shown().json()["status"] == "ACTIVE");
    let refused = |what: &str| {
        for (method, target, body) in [
            ("GET", PATH, None),
            ("GET", path.as_str(), None),
            ("PATCH", path.as_str(), Some(json!({"ptrdname": null}))),
            ("PATCH", path.as_str(), Some(json!({"ptrdname": "new.example.org."}))),
        ] {
            let answer = ask(&server, method, target, member, body.as_ref());
            assert_eq!(answer.status, 504, "{what}: {method} {target} {}", answer.body);
            assert_eq!(answer.json()["type"], "neutron_communication_failure");
        }
    };
    for mode in ["broken", "busy", "nonsense", "hang"] {
        neutron.behaves(mode);
        refused(mode);
    }
    neutron.behaves("fine");
    assert_eq!(shown().json()["ptrdname"], "www.example.org.");
    neutron.kill();
    refused("gone");
    assert_eq!(ptr_in_dns(&server, "40.113.0.203.in-addr.arpa."), ["www.example.org."]);
    neutron.start_again();
    assert_eq!(shown().json()["status"], "ACTIVE");
}

#[test]
fn without_a_network_service_there_are_no_floating_ips() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve_natively(folder.path(), "");
    for path in [PATH.to_owned(), format!("{PATH}/R1:{A}")] {
        let refused = ask(&server, "GET", &path, ("p1", "member"), None);
        assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("no_endpoint")));
    }
}

#[test]
fn an_encrypted_network_service_is_known_by_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = (folder.path().join("own"), folder.path().join("other"));
    for folder in [&own, &other] {
        certificates(folder, free_port());
    }
    let mut neutron = Neutron::start_encrypted(folder.path(), &own);
    neutron.has(&[("one", &[(A, "203.0.113.40", "p1")])]);
    let member = ("p1", "member");
    let serving = |name: &str, authority: Option<&Path>| {
        let folder = folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let authority =
            authority.map(|folder| format!("neutron.ca_file = \"{}\"\n", folder.join("ca.pem").display()));
        let settings = format!(
            "neutron.endpoints = [\"R1|{}\"]\nneutron.timeout = \"30s\"\n{}",
            neutron.url("one"),
            authority.unwrap_or_default()
        );
        Server::serve_natively(&folder, &settings)
    };
    let good = serving("good", Some(&own));
    let listed = ask(&good, "GET", PATH, member, None);
    assert_eq!((listed.status, &listed.json()["floatingips"][0]["id"]), (200, &json!(format!("R1:{A}"))));
    let asked = neutron.asked();
    // The system's authorities know nothing of it, and another authority has not signed for it.
    for (name, authority) in [("system", None), ("other", Some(other.as_path()))] {
        let server = serving(name, authority);
        let refused = ask(&server, "GET", PATH, member, None);
        assert_eq!(refused.status, 504, "{name}: {}", refused.body);
        assert_eq!(refused.json()["type"], "neutron_communication_failure");
    }
    assert_eq!(neutron.asked(), asked, "it was asked by somebody who does not know it");
}
