//! Abandoned zones, imports and exports.

use std::time::Duration;

use ordain::actors::central::api::Central;
use ordain::actors::central::api::tasks::{CreateImport, RunTasks};
use ordain::domain::identity::Identity;
use ordain::domain::ids::{ProjectId, TaskId};
use ordain::domain::page::Scope;
use ordain::domain::task::{Task, TaskKind, TaskStatus};
use ordain::domain::time::Timestamp;
use ordain::store::StoreError;
use ordain::store::repo::tasks;
use ordain::testing::{Spec, Wire, World};
use ordain::transport::Cx;
use serde_json::{Value, json};

use crate::support::{Caller, Got, Rig, on_every_wire};

on_every_wire!(
    an_abandoned_zone_is_gone_at_once,
    a_zone_is_made_of_a_file,
    a_file_in_json_has_attributes,
    what_is_wrong_with_a_file_is_told_by_its_import,
    what_is_no_import_is_refused_at_once,
    an_export_is_the_zone_as_a_file,
    an_exported_zone_can_be_imported,
    a_zone_too_large_is_not_exported,
    tasks_are_for_their_project,
    an_import_that_nobody_is_at_is_taken_up,
    a_producer_finds_what_nobody_is_at,
    tasks_are_told_to_others,
    paths_of_tasks,
);

const IMPORTS: &str = "/v2/zones/tasks/imports";
const EXPORTS: &str = "/v2/zones/tasks/exports";
const UNKNOWN: &str = "11111111-2222-4333-8444-555555555555";

const FILE: &str = "$ORIGIN example.org.\n$TTL 300\n\
    @ 600 IN SOA ns.elsewhere.net. host\\.master.example.org. 2026081401 7200 900 604800 60\n\
    @ IN NS ns.elsewhere.net.\n\
    @ IN MX 10 mail\n\
    www IN A 192.0.2.1\nwww IN A 192.0.2.2\n\
    mail 0 IN A 192.0.2.3\n\
    txt IN TXT \"a b\" c\n\
    sub IN NS ns.sub\n";

async fn import(caller: &Caller<'_>, file: &str) -> Got {
    caller.raw("POST", IMPORTS, "text/dns", file.as_bytes()).await
}

/// The task once it is over.
async fn over(rig: &Rig, caller: &Caller<'_>, path: &str) -> Value {
    let is_over = async || Ok(caller.get(path).await.body["status"] != "PENDING");
    rig.world.until("the end of a task", is_over).await.unwrap();
    let got = caller.get(path).await;
    assert_eq!(got.status, 200, "{}", got.text);
    got.body
}

async fn imported(rig: &Rig, caller: &Caller<'_>, file: &str) -> Value {
    let got = import(caller, file).await;
    assert_eq!(got.status, 202, "{}", got.text);
    over(rig, caller, &format!("{IMPORTS}/{}", got.id())).await
}

fn an_abandoned_zone_is_gone_at_once(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (admin, member) = (rig.admin(), rig.member());
        let (zone, below) = (member.zone("example.org.").await, member.zone("sub.example.org.").await);
        let path = format!("/v2/zones/{zone}/tasks/abandon");
        member.send("POST", &path, None).await.refused(403, "forbidden");
        let unknown = format!("/v2/zones/{UNKNOWN}/tasks/abandon");
        member.send("POST", &unknown, None).await.refused(403, "forbidden");
        admin.send("POST", &unknown, None).await.refused(404, "zone_not_found");
        rig.of("p2", "admin").send("POST", &path, None).await.refused(404, "zone_not_found");
        admin.send("POST", &path, None).await.refused(400, "zone_has_sub_zone");
        assert_eq!(admin.send("POST", &format!("/v2/zones/{below}/tasks/abandon"), None).await.status, 204);
        let share =
            member.post(&format!("/v2/zones/{zone}/shares"), json!({"target_project_id": "p2"})).await;
        assert_eq!(share.status, 201);
        admin.send("POST", &path, None).await.refused(400, "zone_is_shared");
        let gone = admin.with("X-Designate-Delete-Shares", "true").send("POST", &path, None).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        member.get(&format!("/v2/zones/{zone}")).await.refused(404, "zone_not_found");
        // Its name is free.
        member.zone("example.org.").await;
        admin.get(&path).await.refused(405, "method_not_allowed");
    });
}

fn a_zone_is_made_of_a_file(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let got = import(&member, FILE).await;
        let id = got.id();
        let url = format!("http://dns.example{IMPORTS}/{id}");
        assert_eq!((got.status, got.location.as_deref()), (202, Some(url.as_str())));
        assert_eq!(
            got.body,
            json!({
                "id": id, "status": "PENDING", "message": null, "zone_id": null, "project_id": "p1",
                "created_at": "2026-11-23T00:43:10.000000", "updated_at": null, "version": 1,
                "links": {"self": url},
            })
        );
        let done = over(&rig, &member, &format!("{IMPORTS}/{id}")).await;
        let zone = done["zone_id"].as_str().unwrap();
        assert_eq!(
            (&done["status"], &done["message"]),
            (&json!("COMPLETE"), &json!("example.org. imported"))
        );
        assert_eq!(
            done["links"],
            json!({"self": url, "zone": format!("http://dns.example/v2/zones/{zone}")})
        );
        let shown = member.get(&format!("/v2/zones/{zone}")).await.body;
        assert_eq!(
            (&shown["name"], &shown["email"], &shown["ttl"], &shown["serial"], &shown["status"]),
            (
                &json!("example.org."),
                &json!("host.master@example.org"),
                &json!(600),
                &json!(2_026_081_401),
                &json!("PENDING")
            )
        );
        let sets = member.get(&format!("/v2/zones/{zone}/recordsets?sort_key=name")).await;
        let shown: Vec<_> = sets.body["recordsets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|set| {
                (set["name"].as_str().unwrap(), set["type"].as_str().unwrap(), &set["ttl"], &set["records"])
            })
            .collect();
        let (soa, ttl, null) = (&shown.iter().find(|set| set.1 == "SOA").unwrap().3, json!(300), Value::Null);
        assert!(soa[0].as_str().unwrap().ends_with(" 900 604800 3600"), "{soa}");
        for expected in [
            ("example.org.", "NS", &null, &json!(["ns1.example.net.", "ns2.example.net."])),
            ("example.org.", "MX", &ttl, &json!(["10 mail.example.org."])),
            ("www.example.org.", "A", &ttl, &json!(["192.0.2.1", "192.0.2.2"])),
            ("mail.example.org.", "A", &null, &json!(["192.0.2.3"])),
            ("txt.example.org.", "TXT", &ttl, &json!(["\"a b\" \"c\""])),
            ("sub.example.org.", "NS", &ttl, &json!(["ns.sub.example.org."])),
        ] {
            assert!(shown.contains(&expected), "{expected:?} is not in {shown:?}");
        }
        assert_eq!(shown.len(), 7);
        let list = member.get(&format!("{IMPORTS}?status=COMPLETE&zone_id={zone}&message=*imported")).await;
        assert_eq!(list.column("imports", "id"), [id.as_str()]);
        assert_eq!(list.body["metadata"], json!({"total_count": 1}));
        assert_eq!(member.get(&format!("{IMPORTS}?zone_id=x")).await.body["imports"], json!([]));
        let gone = member.delete(&format!("{IMPORTS}/{id}")).await;
        assert_eq!((gone.status, gone.text.as_str()), (204, ""));
        let message = "Could not find ZoneImport";
        member.get(&format!("{IMPORTS}/{id}")).await.refused_saying(404, "zone_import_not_found", message);
        assert_eq!(member.get(&format!("/v2/zones/{zone}")).await.status, 200, "the zone stays");
    });
}

fn a_file_in_json_has_attributes(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let got =
            member.post(IMPORTS, json!({"zonefile": FILE, "attributes": {"tier": 1}, "colour": "red"})).await;
        assert_eq!(got.status, 202, "{}", got.text);
        let done = over(&rig, &member, &format!("{IMPORTS}/{}", got.id())).await;
        let zone = member.get(&format!("/v2/zones/{}", done["zone_id"].as_str().unwrap())).await;
        assert_eq!(zone.body["attributes"], json!({"tier": "1"}));
    });
}

fn what_is_wrong_with_a_file_is_told_by_its_import(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.min_ttl = 60).await;
        let member = rig.member();
        let soa = "@ IN SOA a.b. c.d. 1 2 3 4 5\n";
        for (file, message) in [
            ("www IN A 192.0.2.1\n".to_owned(), "The $ORIGIN directive must be given, and come first."),
            ("$ORIGIN example.org.\nwww IN A x\n".to_owned(), "Malformed zonefile."),
            ("$ORIGIN example.org.\nwww 300 IN A 192.0.2.1\n".to_owned(), "An SOA record is required."),
            (format!("$ORIGIN example.org.\n$TTL 30\n{soa}"), "TTL is below the minimum: 60"),
            (
                format!("$ORIGIN example.org.\n$TTL 300\n{soa}www 30 IN A 192.0.2.1\n"),
                "TTL is below the minimum: 60",
            ),
            (
                format!("$ORIGIN example.org.\n$TTL 300\n{soa}www IN A 192.0.2.1\nwww IN CNAME a.b.\n"),
                "An undefined error occurred. CNAME recordsets may not share a name with any other recordset",
            ),
            (
                format!("$ORIGIN example.org.\n$TTL 300\n{soa}www.example.com. IN A 192.0.2.1\n"),
                "An undefined error occurred. RecordSet is not contained within its zone example.org.",
            ),
            (
                format!("$ORIGIN org.\n$TTL 300\n{soa}"),
                "An undefined error occurred. More than one label is required",
            ),
        ] {
            let done = imported(&rig, &member, &file).await;
            assert_eq!((&done["status"], &done["message"]), (&json!("ERROR"), &json!(message)), "{file}");
            assert_eq!((&done["zone_id"], done["links"].get("zone")), (&Value::Null, None));
        }
        rig.admin().patch("/v2/quotas/p1", json!({"zone_records": 1})).await;
        let done = imported(&rig, &member, FILE).await;
        assert_eq!(done["message"], json!("Quota exceeded for zone_records."));
        rig.admin().delete("/v2/quotas/p1").await;
        assert_eq!(member.get("/v2/zones").await.body["zones"], json!([]), "all or nothing");
        assert_eq!(imported(&rig, &member, FILE).await["status"], json!("COMPLETE"));
        assert_eq!(imported(&rig, &member, FILE).await["message"], json!("Duplicate zone."));
    });
}

fn what_is_no_import_is_refused_at_once(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let got = member.raw("POST", IMPORTS, "text/plain", FILE.as_bytes()).await;
        got.refused(415, "unsupported_content_type");
        member.raw("POST", IMPORTS, "application/json", b"{").await.refused(400, "bad_request");
        member.post(IMPORTS, json!({})).await.refused(400, "bad_request");
        member.post(IMPORTS, json!({"zonefile": 1})).await.refused(400, "bad_request");
        member.post(IMPORTS, json!({"zonefile": "", "attributes": 1})).await.refused(400, "invalid_object");
        member.raw("POST", IMPORTS, "text/dns", b"\xff").await.refused(400, "bad_request");
        member.raw("POST", IMPORTS, "text/dns", b"a\0b").await.refused(400, "bad_request");
        import(&rig.of("p1", "reader"), FILE).await.refused(403, "forbidden");
        import(&rig.of("", "admin"), FILE).await.refused(401, "missing_project_id");
        assert_eq!(member.get(IMPORTS).await.body["imports"], json!([]));
    });
}

fn an_export_is_the_zone_as_a_file(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        member.recordset(&zone, "www.example.org.", "A", &["192.0.2.1", "192.0.2.2"]).await;
        let body = json!({"name": "t.example.org.", "type": "TXT", "ttl": 60, "records": ["\"a b\""]});
        member.post(&format!("/v2/zones/{zone}/recordsets"), body).await;
        let made = member.send("POST", &format!("/v2/zones/{zone}/tasks/export"), None).await;
        let id = made.id();
        let url = format!("http://dns.example{EXPORTS}/{id}");
        assert_eq!((made.status, made.location.as_deref()), (202, Some(url.as_str())), "{}", made.text);
        assert_eq!(
            made.body,
            json!({
                "id": id, "status": "PENDING", "message": null, "location": null, "zone_id": zone, "project_id": "p1",
                "created_at": "2026-11-23T00:43:10.000000", "updated_at": null, "version": 1, "links": {"self": url},
            })
        );
        let path = format!("{EXPORTS}/{id}");
        let done = over(&rig, &member, &path).await;
        assert_eq!((&done["status"], &done["message"]), (&json!("COMPLETE"), &Value::Null));
        assert_eq!(done["location"], json!(format!("designate://v2/zones/tasks/exports/{id}/export")));
        assert_eq!(done["links"], json!({"self": url, "export": format!("{url}/export")}));
        let file = member.with("Accept", "text/dns").get(&format!("{path}/export")).await;
        assert_eq!(file.status, 200, "{}", file.text);
        let soa = file.text.lines().nth(3).unwrap();
        assert!(soa.starts_with("example.org.  IN SOA ns1.example.net. a.example.org. 1795394590 "), "{soa}");
        let rest: Vec<_> = file.text.lines().filter(|line| !line.contains(" SOA ")).collect();
        assert_eq!(
            rest,
            ["$ORIGIN example.org.", "$TTL 3600", "", "example.org.  IN NS ns1.example.net.",
                "example.org.  IN NS ns2.example.net.", "t.example.org. 60 IN TXT \"a b\"",
                "www.example.org.  IN A 192.0.2.1", "www.example.org.  IN A 192.0.2.2"]
        );
        assert!(file.text.ends_with('\n'));
        assert_eq!(member.get(&format!("{path}/export")).await.status, 200, "whoever takes anything");
        let json = member.with("Accept", "application/json").get(&format!("{path}/export")).await;
        assert_eq!(json.status, 406);
        let list = member.get(&format!("{EXPORTS}?status=COMPLETE&zone_id={zone}")).await;
        assert_eq!(list.column("exports", "id"), [id.as_str()]);
        assert_eq!(list.body["metadata"], json!({"total_count": 1}));
        rig.of("p1", "reader").get(&format!("{path}/export")).await.refused(403, "forbidden");
        rig.admin().send("POST", &format!("/v2/zones/{zone}/tasks/abandon"), None).await;
        member.get(&format!("{path}/export")).await.refused(404, "zone_not_found");
        assert_eq!(member.delete(&path).await.status, 204);
        member.get(&path).await.refused_saying(404, "zone_export_not_found", "Could not find ZoneExport");
    });
}

fn an_exported_zone_can_be_imported(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (member, admin) = (rig.member(), rig.admin());
        let zone = imported(&rig, &member, FILE).await["zone_id"].as_str().unwrap().to_owned();
        let made = member.send("POST", &format!("/v2/zones/{zone}/tasks/export"), None).await;
        let path = format!("{EXPORTS}/{}", made.id());
        over(&rig, &member, &path).await;
        let file = member.get(&format!("{path}/export")).await.text;
        admin.send("POST", &format!("/v2/zones/{zone}/tasks/abandon"), None).await;
        let again = imported(&rig, &member, &file).await;
        assert_eq!(again["status"], json!("COMPLETE"), "{again} {file}");
        let sets = member.get(&format!("/v2/zones/{}/recordsets", again["zone_id"].as_str().unwrap())).await;
        assert_eq!(sets.body["metadata"], json!({"total_count": 7}));
    });
}

fn a_zone_too_large_is_not_exported(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let member = rig.member();
        let zone = member.zone("example.org.").await;
        rig.admin().patch("/v2/quotas/p1", json!({"api_export_size": 1})).await;
        let path = format!("/v2/zones/{zone}/tasks/export");
        let refused = member.send("POST", &path, None).await;
        refused.refused_saying(413, "over_quota", "Quota exceeded for api_export_size.");
        rig.admin().patch("/v2/quotas/p1", json!({"api_export_size": 2})).await;
        assert_eq!(member.send("POST", &path, None).await.status, 202);
    });
}

fn tasks_are_for_their_project(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (one, two) = (rig.member(), rig.of("p2", "member,reader"));
        let done = imported(&rig, &one, FILE).await;
        let (zone, import) = (done["zone_id"].as_str().unwrap(), done["id"].as_str().unwrap());
        let export = one.send("POST", &format!("/v2/zones/{zone}/tasks/export"), None).await.id();
        over(&rig, &one, &format!("{EXPORTS}/{export}")).await;
        two.get(&format!("{IMPORTS}/{import}")).await.refused(404, "zone_import_not_found");
        two.delete(&format!("{IMPORTS}/{import}")).await.refused(404, "zone_import_not_found");
        two.get(&format!("{EXPORTS}/{export}")).await.refused(404, "zone_export_not_found");
        two.get(&format!("{EXPORTS}/{export}/export")).await.refused(404, "zone_export_not_found");
        two.delete(&format!("{EXPORTS}/{export}")).await.refused(404, "zone_export_not_found");
        two.send("POST", &format!("/v2/zones/{zone}/tasks/export"), None)
            .await
            .refused(404, "zone_not_found");
        assert_eq!(two.get(IMPORTS).await.body["imports"], json!([]));
        assert_eq!(two.get(EXPORTS).await.body["exports"], json!([]));
        one.get(&format!("{IMPORTS}/{export}")).await.refused(404, "zone_import_not_found");
        rig.of("p1", "").get(IMPORTS).await.refused(403, "forbidden");
        rig.of("p1", "reader").delete(&format!("{IMPORTS}/{import}")).await.refused(403, "forbidden");
        let all = rig.of("p9", "admin").with("X-Auth-All-Projects", "true");
        assert_eq!(all.get(IMPORTS).await.column("imports", "id"), [import]);
    });
}

/// An import that was accepted, and what it needs to know.
fn accepted(now: Timestamp) -> (Task, String) {
    let project = Some(ProjectId::new("p1"));
    let task = Task {
        id: TaskId::random(),
        kind: TaskKind::Import,
        project_id: project.clone(),
        zone_id: None,
        status: TaskStatus::Pending,
        message: None,
        location: None,
        version: 1,
        created_at: now,
        updated_at: None,
    };
    let caller = Identity { project, roles: vec!["member".into()], ..Identity::default() };
    let request = CreateImport { zonefile: FILE.into(), attributes: [].into() };
    let privileges = json!({"blacklisted_names": false, "low_ttl": false});
    (task, json!({"request": request, "caller": caller, "privileges": privileges}).to_string())
}

/// Whoever accepted it died before it began, and another one while at it: only the row is left.
fn an_import_that_nobody_is_at_is_taken_up(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let (task, order) = &accepted(rig.now());
        let put: Result<(), StoreError> =
            rig.store.transact(|tx| Box::pin(tasks::insert(tx, task, order))).await;
        put.unwrap();
        let (now, until) = (rig.now(), rig.now().plus(Duration::from_secs(60)));
        let held: Result<_, StoreError> =
            rig.store.transact(|tx| Box::pin(tasks::hold(tx, task.id, now, until))).await;
        assert_eq!(held.unwrap().unwrap().hold, 1);
        let run = async || {
            let cx = Cx::system(Duration::from_secs(30));
            rig.world.service::<Central>().call(&cx, RunTasks { token: 1, limit: 10 }).await.unwrap()
        };
        assert_eq!(run().await, 0, "it is held");
        rig.wait(60).await;
        assert_eq!(run().await, 1);
        let done = rig.member().get(&format!("{IMPORTS}/{}", task.id)).await;
        assert_eq!(done.body["message"], json!("example.org. imported"));
        assert_eq!(run().await, 0, "once");
    });
}

fn a_producer_finds_what_nobody_is_at(wire: &Wire) {
    wire.run(async {
        let every = Duration::from_secs(1);
        let spec =
            Spec::all_in_one().over(wire).configured(|config| config.producer.zone_tasks.interval = every);
        let world = World::start(spec).await.unwrap();
        let (task, order) = &accepted(world.clock().now());
        let put: Result<(), StoreError> =
            world.store().transact(|tx| Box::pin(tasks::insert(tx, task, order))).await;
        put.unwrap();
        let is_done = async || {
            let everybody = &Scope::AllProjects;
            let found: Result<Option<Task>, StoreError> =
                world.store().read(|tx| Box::pin(tasks::get(tx, TaskKind::Import, task.id, everybody))).await;
            Ok(found.unwrap().unwrap().status == TaskStatus::Complete)
        };
        world.until("an import to be done", is_done).await.unwrap();
    });
}

fn tasks_are_told_to_others(wire: &Wire) {
    wire.run(async {
        let rig = Rig::notifying(wire).await;
        let member = rig.member();
        let done = imported(&rig, &member, FILE).await;
        let zone = done["zone_id"].as_str().unwrap();
        let export = member.send("POST", &format!("/v2/zones/{zone}/tasks/export"), None).await.id();
        over(&rig, &member, &format!("{EXPORTS}/{export}")).await;
        member.delete(&format!("{EXPORTS}/{export}")).await;
        member.delete(&format!("{IMPORTS}/{}", done["id"].as_str().unwrap())).await;
        let told = rig.told().await;
        let events: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
        assert_eq!(
            events,
            [
                "dns.zone_import.create",
                "dns.zone.create",
                "dns.domain.create",
                "dns.zone_import.update",
                "dns.zone_export.create",
                "dns.zone_export.update",
                "dns.zone_export.delete",
                "dns.zone_import.delete"
            ]
        );
        assert_eq!((&told[3].1["status"], &told[3].1["zone_id"]), (&json!("COMPLETE"), &json!(zone)));
    });
}

fn paths_of_tasks(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let admin = rig.admin();
        for (path, status) in [
            (format!("/v2/zones/{UNKNOWN}/tasks/imports"), 404),
            (format!("/v2/zones/{UNKNOWN}/tasks/exports"), 404),
            (format!("/v2/zones/{UNKNOWN}/tasks/export"), 405),
            (format!("/v2/zones/{UNKNOWN}/tasks/abandon"), 405),
            (format!("/v2/zones/{UNKNOWN}/tasks/pool_move"), 405),
            (format!("/v2/zones/{UNKNOWN}/tasks/xfr"), 405),
            (format!("/v2/zones/{UNKNOWN}/tasks"), 404),
            ("/v2/zones/tasks".to_owned(), 404),
            ("/v2/zones/tasks/export".to_owned(), 405),
        ] {
            assert_eq!(admin.get(&path).await.status, status, "{path}");
        }
        for task in ["export", "xfr", "abandon"] {
            let got = admin.post(&format!("/v2/zones/tasks/{task}"), json!({})).await;
            got.refused(404, "not_found");
            assert!(got.body.get("message").is_none());
        }
        admin.post(EXPORTS, json!({})).await.refused(405, "method_not_allowed");
        for list in [IMPORTS, EXPORTS] {
            for method in ["PUT", "PATCH"] {
                let got = admin.send(method, &format!("{list}/{UNKNOWN}"), Some(json!({}))).await;
                got.refused(405, "method_not_allowed");
            }
        }
        for (list, read, delete) in
            [(IMPORTS, "import_id", "zone_import_id"), (EXPORTS, "export_id", "zone_export_id")]
        {
            let path = format!("{list}/x");
            let message = format!("Invalid UUID {read}: x");
            admin.get(&path).await.refused_saying(400, "invalid_uuid", &message);
            let message = format!("Invalid UUID {delete}: x");
            admin.delete(&path).await.refused_saying(400, "invalid_uuid", &message);
        }
    });
}
