//! What every request and answer of the REST API has in common, whatever central says: routing, negotiation, bodies,
//! request ids, switches, faults. Central is a fake here.

use std::time::Duration;

use actix_web::http::Method;
use ordain::actors::central::api::Central;
use ordain::actors::central::api::recordsets::GetRecordset;
use ordain::actors::central::api::services::Heartbeat;
use ordain::actors::central::api::zones::{FindZones, GetQuotas, GetZone, GetZoneNameservers};
use ordain::config::Config;
use ordain::deployment::ServiceKind;
use ordain::domain::page::Page;
use ordain::domain::quota::Quotas;
use ordain::testing::{Reply, Spec, Wire, World};
use ordain::transport::{Fake, Faked, Fault};
use serde_json::{Value, json};

use crate::support::on_every_wire;

on_every_wire!(
    the_versions_are_listed_for_everybody,
    the_health_check_answers_in_the_clients_language,
    unknown_paths_are_404_and_unknown_methods_405,
    slashes_and_question_marks_at_the_end_mean_nothing,
    every_answer_has_its_request_id,
    ids_are_checked_before_anything_else,
    what_the_client_does_not_take_is_not_sent,
    bodies_are_json_objects,
    a_body_over_the_limit_is_413_in_plain_text,
    switches_are_for_those_who_may,
    faults_of_central_keep_code_and_type,
    limits_are_for_every_caller,
    maintenance_is_for_the_maintenance_role,
    lists_check_their_parameters,
    pages_of_configured_origins_may_use_it,
);

const ZONE: &str = "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3";

/// An API in front of a central that has a ready answer to everything.
struct Front {
    world: World,
    central: Faked,
}

impl Front {
    async fn configured(wire: &Wire, change: impl FnOnce(&mut Config)) -> Self {
        let spec = Spec::all_in_one().services(&[ServiceKind::Api]).over(wire).configured(change);
        let world = World::start(spec).await.unwrap();
        let not_found = || Fault::not_found("zone_not_found", "Could not find Zone");
        let central = Fake::<Central>::on(move |_: GetZone| Err(not_found()))
            .and(|_: FindZones| Ok(Page { items: Vec::new(), total: Some(0) }))
            .and(|_: GetQuotas| Ok(Quotas::default()))
            .and(|_: GetZoneNameservers| Err(Fault::overloaded("central")))
            .and(|_: GetRecordset| Err(Fault::timeout()))
            .and(|_: Heartbeat| Ok(()))
            .mount(&*world.deployment().transport())
            .await
            .unwrap();
        let front = Self { world, central };
        front.finds_central().await;
        front
    }

    /// Resolves once a heartbeat has reached central, which came after the API.
    async fn finds_central(&self) {
        let found = async {
            while self.get("/healthcheck").await.status.as_u16() != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(300), found).await.unwrap();
    }

    async fn on(wire: &Wire) -> Self {
        Self::configured(wire, |_| ()).await
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.world.api().raw(method, target, headers, body.into()).await.unwrap()
    }

    async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], "").await
    }

    /// Sends a JSON body, answers status and type.
    async fn post(&self, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        verdict(&self.send("POST", target, headers, body).await)
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"))
}

fn verdict(reply: &Reply) -> (u16, String) {
    let kind = body(reply)["type"].as_str().unwrap_or_default().to_owned();
    (reply.status.as_u16(), kind)
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn the_versions_are_listed_for_everybody(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let reply = front.send("GET", "/?", &[("Host", "dns.example:9001")], "").await;
        assert_eq!((reply.status.as_u16(), header(&reply, "content-type")), (200, Some("application/json")));
        assert_eq!(header(&reply, "x-openstack-request-id"), None);
        let versions = body(&reply)["versions"].as_array().unwrap().clone();
        let ids: Vec<&str> = versions.iter().map(|v| v["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["v2", "v2.0", "v2.1", "v2.2", "v2.3", "v2.4"]);
        assert_eq!(
            versions[5],
            json!({"id": "v2.4", "status": "CURRENT", "updated": "2026-04-13T00:00:00Z", "links": [
                {"href": "http://dns.example:9001/v2", "rel": "self"},
                {"href": "https://docs.openstack.org/api-ref/dns", "rel": "help"},
            ]})
        );
        for method in ["HEAD", "OPTIONS"] {
            assert_eq!(front.send(method, "/", &[], "").await.status.as_u16(), 200);
        }
        let refused = front.send("POST", "/", &[], "").await;
        assert_eq!((refused.status.as_u16(), header(&refused, "allow")), (405, Some("OPTIONS, GET, HEAD")));
        for path in ["/v1", "/foo", "/v2zones", "/v1/zones"] {
            let reply = front.get(path).await;
            assert_eq!(reply.status.as_u16(), 404, "{path}");
            assert!(header(&reply, "content-type").unwrap().starts_with("text/html"), "{path}");
        }
        let admin = front.get("/admin/quotas/p1").await;
        assert_eq!((admin.status.as_u16(), admin.body.len()), (404, 0));
    });
}

fn the_health_check_answers_in_the_clients_language(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let plain = front.get("/healthcheck").await;
        assert_eq!((plain.status.as_u16(), &plain.body[..]), (200, &b"OK"[..]));
        let json = front.send("GET", "/healthcheck", &[("Accept", "application/json")], "").await;
        assert_eq!(body(&json), json!({"detailed": false, "reasons": ["OK"]}));
        assert_eq!(front.send("HEAD", "/healthcheck", &[], "").await.status.as_u16(), 204);
        assert_eq!(front.send("POST", "/healthcheck", &[], "").await.status.as_u16(), 405);
    });
}

fn unknown_paths_are_404_and_unknown_methods_405(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let zone = format!("/v2/zones/{ZONE}");
        for (method, path) in [
            ("GET", "/v2"),
            ("GET", "/v2/"),
            ("GET", "/v2/foo"),
            ("GET", "/v2/zones.json"),
            ("GET", "/v2/zones/nameservers"),
            ("GET", "/v2/zones/recordsets"),
            ("GET", "/v2/zones/shares"),
            ("GET", "/v2/zones/tasks"),
            ("POST", "/v2/zones/tasks"),
            ("GET", &format!("{zone}/foo")),
            ("GET", &format!("{zone}/tasks")),
            ("POST", &format!("{zone}/tasks")),
            ("GET", &format!("{zone}/recordsets/{ZONE}/foo")),
        ] {
            let reply = front.send(method, path, &[], "").await;
            assert_eq!(verdict(&reply), (404, "not_found".into()), "{method} {path}");
        }
        for (method, path) in [
            ("POST", zone.as_str()),
            ("PUT", zone.as_str()),
            ("PUT", "/v2/zones"),
            ("PATCH", "/v2/zones"),
            ("DELETE", "/v2/zones"),
            ("TRACE", "/v2/zones"),
            ("PATCH", &format!("{zone}/recordsets/{ZONE}")),
            ("POST", &format!("{zone}/foo")),
            ("POST", "/v2/recordsets"),
            ("PUT", &format!("/v2/recordsets/{ZONE}")),
            ("DELETE", &format!("/v2/recordsets/{ZONE}")),
            ("POST", "/v2/limits"),
            ("GET", "/v2/limits/x"),
            ("POST", "/v2/service_statuses"),
            ("PUT", &format!("{zone}/nameservers")),
            ("GET", &format!("{zone}/nameservers/x")),
            ("GET", "/v2/zones?_method=delete"),
            ("POST", "/v2/zones?_method=DELETE"),
        ] {
            let reply = front.send(method, path, &[], "").await;
            assert_eq!(verdict(&reply), (405, "method_not_allowed".into()), "{method} {path}");
            assert!(body(&reply).get("message").is_none() && header(&reply, "allow").is_none(), "{path}");
        }
        assert_eq!(front.send("HEAD", "/v2/zones", &[], "").await.status.as_u16(), 405);
        let options = front.send("OPTIONS", "/v2/zones", &[], "").await;
        assert_eq!((options.status.as_u16(), options.body.len()), (200, 0));
    });
}

fn slashes_and_question_marks_at_the_end_mean_nothing(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        for path in
            ["/v2/zones", "/v2/zones/", "/v2/zones///", "/v2/zones?", "/v2/zones/?", "/v2/zones/?limit=5"]
        {
            let reply = front.get(path).await;
            assert_eq!(reply.status.as_u16(), 200, "{path}");
            let own = if path.contains("limit") { "/v2/zones?limit=5" } else { "/v2/zones" };
            assert!(body(&reply)["links"]["self"].as_str().unwrap().ends_with(own), "{path}");
        }
        assert_eq!(front.central.count::<FindZones>(), 6);
    });
}

fn every_answer_has_its_request_id(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        for (method, path) in
            [("GET", "/v2/zones"), ("GET", "/v2/foo"), ("OPTIONS", "/v2/zones"), ("PUT", "/v2/zones")]
        {
            let reply = front.send(method, path, &[("X-OpenStack-Request-ID", "req-mine")], "").await;
            let id = header(&reply, "x-openstack-request-id").unwrap().to_owned();
            assert!(id.starts_with("req-") && id.len() == 40, "{id}");
            if !reply.status.is_success() {
                assert_eq!(body(&reply)["request_id"], json!(id));
            }
        }
    });
}

fn ids_are_checked_before_anything_else(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let reply = front.get("/v2/zones/x.y").await;
        assert_eq!(verdict(&reply), (400, "invalid_uuid".into()));
        assert_eq!(body(&reply)["message"], "Invalid UUID zone_id: x.y");
        let reply = front.send("PATCH", "/v2/zones/x", &[("Content-Type", "text/plain")], "{").await;
        assert_eq!(verdict(&reply), (400, "invalid_uuid".into()));
        let reply = front.get(&format!("/v2/zones/{ZONE}/recordsets/x")).await;
        assert_eq!(body(&reply)["message"], "Invalid UUID recordset_id: x");
        let reply = front.get("/v2/recordsets/x").await;
        assert_eq!(body(&reply)["message"], "Invalid UUID recordset_id: x");
        let reply = front.get(&format!("/v2/zones/{ZONE}.json")).await;
        assert_eq!(verdict(&reply).1, "invalid_uuid");
        let spelt = ZONE.to_uppercase().replace('-', "");
        let reply = front.get(&format!("/v2/zones/%7B{spelt}%7D")).await;
        assert_eq!(verdict(&reply), (404, "zone_not_found".into()));
    });
}

fn what_the_client_does_not_take_is_not_sent(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        for accept in ["text/html", "text/plain", "image/png", "application/json-patch+json"] {
            let reply = front.send("GET", "/v2/zones", &[("Accept", accept)], "").await;
            assert_eq!(reply.status.as_u16(), 406, "{accept}");
            let expected = if accept == "text/html" { "text/html" } else { "text/plain" };
            assert!(header(&reply, "content-type").unwrap().starts_with(expected));
        }
        assert_eq!(front.central.count::<FindZones>(), 0);
        for accept in ["", "*/*", "application/*", "application/json", "text/html, */*;q=0.1"] {
            let reply = front.send("GET", "/v2/zones", &[("Accept", accept)], "").await;
            assert_eq!(reply.status.as_u16(), 200, "{accept}");
        }
        let patch = [("Accept", "application/json-patch+json"), JSON];
        let reply = front.send("PATCH", &format!("/v2/zones/{ZONE}"), &patch, "{}").await;
        assert_eq!(verdict(&reply), (404, "zone_not_found".into()));
    });
}

fn bodies_are_json_objects(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        for (content_type, body, expected) in [
            ("text/plain", "{}", (415, "unsupported_content_type")),
            ("text/dns", "", (415, "unsupported_content_type")),
            ("", "{}", (415, "unsupported_content_type")),
            ("application/json", "", (400, "empty_request_body")),
            ("application/json", "null", (400, "empty_request_body")),
            ("application/json", "{", (400, "invalid_json")),
            ("application/json; charset=utf-8", "{'a': 1}", (400, "invalid_json")),
            ("application/json", "[]", (400, "invalid_object")),
            ("application/json", "\"x\"", (400, "invalid_object")),
            ("application/json-patch+json", "[]", (400, "invalid_object")),
            ("application/json", "{}", (400, "invalid_object")),
        ] {
            let found = front.post("/v2/zones", &[("Content-Type", content_type)], body).await;
            assert_eq!(found, (expected.0, expected.1.to_owned()), "{content_type} {body}");
        }
        let bytes = vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'];
        let reply = front.send("POST", "/v2/zones", &[JSON], bytes).await;
        assert_eq!(verdict(&reply), (400, "invalid_json".into()));
        let target = format!("/v2/zones/{ZONE}");
        let patch = [("Content-Type", "application/json-patch+json")];
        assert_eq!(verdict(&front.send("PATCH", &target, &patch, "[]").await).0, 415);
        let reply = front.send("PATCH", &target, &[JSON], "[]").await;
        assert_eq!(verdict(&reply), (400, "invalid_object".into()), "before the zone is looked for");
        assert_eq!(front.central.count::<GetZone>(), 0);
    });
}

fn a_body_over_the_limit_is_413_in_plain_text(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let large = format!("{{\"name\": \"{}\"}}", "x".repeat(114_688));
        let reply = front.send("POST", "/v2/zones", &[JSON], large).await;
        assert_eq!(reply.status.as_u16(), 413);
        assert!(header(&reply, "content-type").unwrap().starts_with("text/plain"));
        let fits = format!("{{\"name\": \"{}\"}}", "x".repeat(114_688 - 12));
        assert_eq!(front.post("/v2/zones", &[JSON], &fits).await, (400, "invalid_object".into()));
    });
}

fn switches_are_for_those_who_may(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let member = ("X-Roles", "member,reader");
        for header in [
            ("X-Auth-Sudo-Project-ID", "p2"),
            ("X-Auth-All-Projects", "true"),
            ("X-Designate-Edit-Managed-Records", "yes"),
            ("X-Designate-Hard-Delete", "1"),
        ] {
            let reply = front.send("GET", "/v2/zones", &[member, header], "").await;
            assert_eq!(verdict(&reply), (403, "forbidden".into()), "{header:?}");
            assert!(body(&reply).get("message").is_none());
        }
        let refused = front.send("GET", "/v2/nowhere?all_projects=true", &[member], "").await;
        assert_eq!(refused.status.as_u16(), 403, "before routing");
        let served = front.send("GET", "/v2/zones?all_tenants=True&limit=3", &[], "").await;
        let own = body(&served)["links"]["self"].as_str().unwrap().to_owned();
        assert!(own.ends_with("/v2/zones?limit=3"), "{own}");
    });
}

fn faults_of_central_keep_code_and_type(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let reply = front.get(&format!("/v2/zones/{ZONE}")).await;
        let id = header(&reply, "x-openstack-request-id").unwrap();
        let text = format!(
            r#"{{"code":404,"type":"zone_not_found","message":"Could not find Zone","request_id":"{id}"}}"#
        );
        assert_eq!(reply.body, text);
        let reply = front.get(&format!("/v2/zones/{ZONE}/nameservers")).await;
        assert_eq!((verdict(&reply).0, header(&reply, "retry-after")), (503, Some("1")));
        let reply = front.get(&format!("/v2/recordsets/{ZONE}")).await;
        assert_eq!(verdict(&reply), (504, "timeout".into()));
        let reply = front.get(&format!("/v2/service_statuses/{ZONE}")).await;
        assert_eq!(verdict(&reply), (500, "unknown".into()));
        assert!(body(&reply).get("message").is_none());
        let Front { world, central } = front;
        central.leave().await;
        let reply = world.api().raw(Method::GET, "/v2/zones", &[], "").await.unwrap();
        assert_eq!((reply.status.as_u16(), header(&reply, "retry-after")), (503, Some("1")));
    });
}

fn limits_are_for_every_caller(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        let reply = front.send("GET", "/v2/limits", &[("X-Roles", "")], "").await;
        let text = concat!(
            r#"{"max_zones":10,"max_zone_recordsets":500,"max_zone_records":500,"max_recordset_records":20,"#,
            r#""min_ttl":0,"max_zone_name_length":255,"max_recordset_name_length":255,"max_page_limit":1000}"#
        );
        assert_eq!((reply.status.as_u16(), std::str::from_utf8(&reply.body).unwrap()), (200, text));
    });
}

fn maintenance_is_for_the_maintenance_role(wire: &Wire) {
    wire.run(async {
        let front = Front::configured(wire, |config| {
            config.api.maintenance_mode = true;
            config.api.maintenance_mode_role = "operator".into();
        })
        .await;
        for path in ["/", "/v2/zones"] {
            let reply = front.get(path).await;
            assert_eq!((reply.status.as_u16(), header(&reply, "retry-after")), (503, Some("60")), "{path}");
            assert!(reply.body.is_empty());
        }
        let reply = front.send("GET", "/v2/zones", &[("X-Roles", "operator")], "").await;
        assert_eq!(reply.status.as_u16(), 200);
    });
}

fn lists_check_their_parameters(wire: &Wire) {
    wire.run(async {
        let front = Front::on(wire).await;
        for (query, kind) in [
            ("limit=0", "invalid_limit"),
            ("limit=", "value_error"),
            ("marker=x", "invalid_marker"),
            ("sort_key=records", "invalid_sort_key"),
            ("sort_dir=up", "invalid_sort_dir"),
            ("colour=red", "bad_request"),
            ("name=a&name=b", "bad_request"),
        ] {
            for path in [
                "/v2/zones",
                &format!("/v2/zones/{ZONE}/recordsets"),
                "/v2/recordsets",
                "/v2/service_statuses",
            ] {
                let reply = front.get(&format!("{path}?{query}")).await;
                assert_eq!(verdict(&reply), (400, kind.to_owned()), "{path}?{query}");
            }
        }
        assert_eq!(verdict(&front.get("/v2/recordsets?sort_key=id").await).1, "invalid_sort_key");
        assert_eq!(verdict(&front.get("/v2/recordsets?zone_id=x").await).1, "invalid_uuid");
        assert_eq!(front.get("/v2/zones?limit=max&sort_key=&sort_dir=desc&type=").await.status.as_u16(), 200);
    });
}

fn pages_of_configured_origins_may_use_it(wire: &Wire) {
    const ALLOW: &str = "access-control-allow-origin";
    wire.run(async {
        let own = "https://dashboard.example.org";
        let front = Front::configured(wire, |config| config.cors.allowed_origin = vec![own.to_owned()]).await;
        let header = |reply: &Reply, name: &str| {
            reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        let api = front.world.api();
        let ask = async |method: Method, headers: &[(&str, &str)]| {
            api.raw(method, "/v2/limits", headers, "").await.unwrap()
        };
        let got = ask(Method::GET, &[("Origin", own)]).await;
        assert_eq!((got.status.as_u16(), header(&got, ALLOW).as_deref()), (200, Some(own)));
        assert_eq!(header(&got, "access-control-allow-credentials").as_deref(), Some("true"));
        assert!(header(&got, "access-control-expose-headers").unwrap().contains("X-OpenStack-Request-ID"));
        assert_eq!(header(&got, "vary").as_deref(), Some("Origin"));
        // Before it does something unusual, a browser asks.
        let wanted = "X-Auth-Token, content-type,X-Designate-Delete-Shares";
        let asked = [
            ("Origin", own),
            ("Access-Control-Request-Method", "PATCH"),
            ("Access-Control-Request-Headers", wanted),
        ];
        let got = ask(Method::OPTIONS, &asked).await;
        assert_eq!((got.status.as_u16(), got.body.len()), (200, 0));
        let told = [
            (ALLOW, own),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PATCH"),
            ("access-control-allow-headers", wanted),
            ("access-control-max-age", "3600"),
            ("vary", "Origin"),
        ];
        for (name, value) in told {
            assert_eq!(header(&got, name).as_deref(), Some(value), "{name}");
        }
        // Others are served, and their pages learn nothing.
        let silent = [
            (Method::GET, vec![("Origin", "https://dashboard.example.org.evil.example")]),
            (Method::GET, vec![]),
            (Method::OPTIONS, vec![("Origin", own)]),
            (Method::OPTIONS, vec![("Origin", own), ("Access-Control-Request-Method", "TRACE")]),
            (Method::OPTIONS, [&asked[..2], &[("Access-Control-Request-Headers", "x-secret")]].concat()),
            (
                Method::OPTIONS,
                vec![("Origin", "http://evil.example"), ("Access-Control-Request-Method", "GET")],
            ),
        ];
        for (method, headers) in silent {
            let got = ask(method, &headers).await;
            assert_eq!((got.status.as_u16(), header(&got, ALLOW)), (200, None), "{headers:?}");
            assert!(header(&got, "access-control-allow-methods").is_none());
        }
        let refused = api.raw(Method::GET, "/v2/zones/x", &[("Origin", own)], "").await.unwrap();
        assert_eq!((refused.status.as_u16(), header(&refused, ALLOW).as_deref()), (400, Some(own)));
        // All origins at once get nobody's credentials.
        let open = Front::configured(wire, |config| config.cors.allowed_origin = vec!["*".to_owned()]).await;
        let headers = [("Origin", "http://a.example")];
        let got = open.world.api().raw(Method::GET, "/v2/limits", &headers, "").await.unwrap();
        assert_eq!(header(&got, ALLOW).as_deref(), Some("*"));
        assert!(header(&got, "access-control-allow-credentials").is_none());
        let closed = Front::configured(wire, |_| ()).await;
        let got = closed.world.api().raw(Method::GET, "/v2/limits", &[("Origin", own)], "").await.unwrap();
        assert!(header(&got, ALLOW).is_none());
    });
}
