//! The strategy `keystone`, with a real Keystone and a real server process.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use support::keystone::{Answer, Keystone, in_project, send};
use support::server::Server;

/// Most that is waited for anything, and between two looks.
const LIMIT: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(100);

/// A server that knows its callers by this Keystone.
fn serve(folder: &Path, keystone: &Keystone, more: &str) -> Server {
    let project = keystone.make_project("service");
    keystone.make_user("ordain", &project, &["service", "reader"]);
    let settings = format!(
        "auth.strategy = \"keystone\"\nauth.keystone.auth_url = \"{}\"\nauth.keystone.password = \"secret\"\n\
         auth.keystone.www_authenticate_uri = \"https://keystone.example.org/v3\"\n{more}",
        keystone.url()
    );
    Server::serve_natively(folder, &settings)
}

/// Asks with a token and more headers.
fn ask(
    server: &Server,
    method: &str,
    path: &str,
    token: &str,
    more: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let headers = [&[("X-Auth-Token", token)], more].concat();
    send(server.api(), method, path, &headers, body)
}

fn zones(server: &Server, token: &str, more: &[(&str, &str)]) -> Answer {
    ask(server, "GET", "/v2/zones", token, more, None)
}

/// Looks again until it is so.
fn until(what: &str, mut is: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "a real server runs in real time")]
    let begin = SystemTime::now();
    while !is() {
        assert!(begin.elapsed().unwrap() < LIMIT, "never: {what}");
        thread::sleep(PAUSE);
    }
}

#[test]
fn a_real_keystone_says_who_is_calling() {
    let folder = tempfile::tempdir().unwrap();
    let Some(keystone) = Keystone::start(folder.path(), 3600) else { return };
    let server = serve(
        folder.path(),
        &keystone,
        "auth.keystone.revocation_interval = \"200ms\"\nauth.cache_ttl = \"1h\"\n",
    );
    let one = keystone.make_project("one");
    let two = keystone.make_project("two");
    keystone.make_user("ada", &one, &["member", "reader"]);
    keystone.make_user("ben", &two, &["reader"]);
    let nova = keystone.make_user("nova", &two, &["service"]);

    // Nobody, and somebody who says who he is.
    for headers in
        [&[][..], &[("X-Roles", "admin"), ("X-Auth-Project-ID", "x"), ("X-Identity-Status", "Confirmed")]]
    {
        let refused = send(server.api(), "GET", "/v2/zones", headers, None);
        assert_eq!(refused.status, 401);
        assert_eq!(
            refused.header("WWW-Authenticate"),
            Some("Keystone uri=\"https://keystone.example.org/v3\"")
        );
        assert_eq!(refused.json()["error"]["code"], 401);
        assert_eq!(refused.json()["error"]["title"], "Unauthorized");
    }
    assert_eq!(zones(&server, "gAAAAABnonsense", &[]).status, 401);
    assert_eq!(send(server.api(), "GET", "/", &[], None).status, 200);

    // A member makes a zone in the project of his token, whatever else he sends.
    let ada = keystone.project_token("ada", "one");
    let new = json!({"name": "example.org.", "email": "a@example.org"});
    let lies = [("X-Auth-Project-ID", two.as_str()), ("X-Tenant-Id", two.as_str()), ("X-Roles", "admin")];
    let made = ask(&server, "POST", "/v2/zones", &ada, &lies, Some(&new));
    assert_eq!((made.status, &made.json()["project_id"]), (202, &json!(one)), "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();

    // A reader of another project sees nothing, may do nothing, and no switch helps him.
    let ben = keystone.project_token("ben", "two");
    assert_eq!(zones(&server, &ben, &[]).json()["zones"], json!([]));
    let foreign = ask(&server, "GET", &format!("/v2/zones/{id}"), &ben, &[], None);
    assert_eq!((foreign.status, &foreign.json()["type"]), (404, &json!("zone_not_found")));
    assert_eq!(ask(&server, "POST", "/v2/zones", &ben, &[], Some(&new)).json()["type"], "forbidden");
    for switch in [("X-Auth-All-Projects", "true"), ("X-Auth-Sudo-Project-ID", one.as_str())] {
        let refused = zones(&server, &ben, &[switch]);
        assert_eq!((refused.status, refused.body.as_str()), (403, ""));
        assert!(refused.header("Content-Type").unwrap().starts_with("text/html"));
    }

    // An administrator may switch.
    let admin = keystone.project_token("admin", "admin");
    assert_eq!(zones(&server, &admin, &[]).json()["zones"], json!([]));
    for switch in [("X-Auth-All-Projects", "true"), ("X-Auth-Sudo-Project-ID", one.as_str())] {
        assert_eq!(zones(&server, &admin, &[switch]).json()["zones"][0]["id"], id);
    }

    // Tokens for something else than a project.
    let system = keystone.token("admin", &json!({"system": {"all": true}}));
    let refused = zones(&server, &system, &[]);
    assert_eq!((refused.status, &refused.json()["type"]), (403, &json!("invalid_token_scope")));
    assert_eq!(zones(&server, &system, &[("X-Auth-All-Projects", "true")]).status, 403);
    let role = keystone.role("admin");
    let me = keystone.admin("GET", "/users?name=admin", None)["users"][0]["id"].as_str().unwrap().to_owned();
    keystone.admin("PUT", &format!("/domains/default/users/{me}/roles/{role}"), None);
    let domain = keystone.token("admin", &json!({"domain": {"id": "default"}}));
    assert_eq!(zones(&server, &domain, &[]).json()["type"], "invalid_token_scope");
    let unscoped = keystone.token("ada", &Value::Null);
    assert_eq!(zones(&server, &unscoped, &[]).json()["type"], "forbidden");
    assert_eq!(ask(&server, "GET", "/v2/limits", &unscoped, &[], None).status, 200);

    // Tokens of services: of one, of none, of no use.
    let service = keystone.project_token("nova", "two");
    assert_eq!(zones(&server, &ada, &[("X-Service-Token", &service)]).status, 200);
    assert_eq!(zones(&server, &ada, &[("X-Service-Token", &ben)]).status, 401);
    assert_eq!(zones(&server, &ada, &[("X-Service-Token", "nonsense")]).status, 401);

    // Revoked tokens are of no use long before they would be asked about again: one of them, and all of a user.
    assert_eq!(zones(&server, &ada, &[]).status, 200);
    let subject = [("X-Auth-Token", admin.as_str()), ("X-Subject-Token", ada.as_str())];
    assert_eq!(keystone.send("DELETE", "/v3/auth/tokens", &subject, None).status, 204);
    until("the revoked token is of no use", || zones(&server, &ada, &[]).status == 401);
    let ada = keystone.project_token("ada", "one");
    assert_eq!(zones(&server, &ada, &[]).status, 200);
    assert_eq!(zones(&server, &service, &[]).status, 403);
    keystone.admin("PATCH", &format!("/users/{nova}"), Some(&json!({"user": {"enabled": false}})));
    until("the tokens of a disabled user are of no use", || zones(&server, &service, &[]).status == 401);

    // Our own user's tokens end, or are ended, like any others.
    let own =
        keystone.admin("GET", "/users?name=ordain", None)["users"][0]["id"].as_str().unwrap().to_owned();
    keystone.admin("PATCH", &format!("/users/{own}"), Some(&json!({"user": {"password": "secret2"}})));
    keystone.admin("PATCH", &format!("/users/{own}"), Some(&json!({"user": {"password": "secret"}})));
    let fresh = keystone.project_token("ada", "one");
    until("we log in again", || zones(&server, &fresh, &[]).status == 200);

    let log = server.log();
    assert!(log.contains("request answered") && log.contains(&one), "the log tells who asked");
    for token in [&ada, &ben, &admin, &system, &service, &fresh] {
        assert!(!log.contains(token.as_str()), "a token is in the log");
    }
}

#[test]
fn an_application_credential_is_good_for_what_its_access_rules_say() {
    let folder = tempfile::tempdir().unwrap();
    let Some(keystone) = Keystone::start(folder.path(), 3600) else { return };
    let server = serve(folder.path(), &keystone, "api.quotas_verify_project_id = true\n");
    let dns = keystone.admin("POST", "/services", Some(&json!({"service": {"name": "dns", "type": "dns"}})));
    let at = json!({"service_id": dns["service"]["id"], "interface": "public", "url": "http://127.0.0.1:1", "region_id": "R1"});
    keystone.admin("POST", "/endpoints", Some(&json!({ "endpoint": at })));
    let one = keystone.make_project("one");
    let ada = keystone.make_user("ada", &one, &["member", "reader"]);
    let token = keystone.project_token("ada", "one");
    let restricted = |name: &str, rules: Value| {
        let new =
            json!({"application_credential": {"name": name, "secret": "secret", "access_rules": rules}});
        let path = format!("/v3/users/{ada}/application_credentials");
        let made = keystone.send("POST", &path, &[("X-Auth-Token", &token)], Some(&new));
        assert_eq!(made.status, 201, "{}", made.body);
        let id = made.json()["application_credential"]["id"].clone();
        let identity = json!({"methods": ["application_credential"], "application_credential": {"id": id, "secret": "secret"}});
        let answer =
            keystone.send("POST", "/v3/auth/tokens", &[], Some(&json!({"auth": {"identity": identity}})));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("X-Subject-Token").unwrap().to_owned()
    };
    let reads = restricted("reads", json!([{"service": "dns", "method": "GET", "path": "/v2/zones"}]));
    let all_below = restricted("below", json!([{"service": "dns", "method": "POST", "path": "/v2/**"}]));
    let elsewhere =
        restricted("elsewhere", json!([{"service": "compute", "method": "GET", "path": "/v2/zones"}]));

    assert_eq!(zones(&server, &token, &[]).status, 200);
    assert_eq!(zones(&server, &reads, &[]).status, 200);
    let refused = ask(&server, "GET", "/v2/recordsets", &reads, &[], None);
    assert_eq!(refused.status, 401);
    assert!(refused.header("WWW-Authenticate").is_some());
    let new = json!({"name": "example.org.", "email": "a@example.org"});
    assert_eq!(ask(&server, "POST", "/v2/zones", &reads, &[], Some(&new)).status, 401);
    assert_eq!(ask(&server, "POST", "/v2/zones", &all_below, &[], Some(&new)).status, 202);
    assert_eq!(zones(&server, &all_below, &[]).status, 401);
    assert_eq!(zones(&server, &elsewhere, &[]).status, 401);

    // Limits are set for projects that there are.
    let admin = keystone.project_token("admin", "admin");
    let everywhere = [("X-Auth-All-Projects", "true")];
    let set = |project: &str| {
        ask(
            &server,
            "PATCH",
            &format!("/v2/quotas/{project}"),
            &admin,
            &everywhere,
            Some(&json!({"zones": 7})),
        )
    };
    let refused = set("00000000000000000000000000000000");
    assert_eq!(
        (refused.status, &refused.json()["type"]),
        (400, &json!("invalid_project")),
        "{}",
        refused.body
    );
    assert_eq!((set(&one).status, set(&one).json()["zones"].clone()), (200, json!(7)));
}

#[test]
fn while_keystone_is_away_known_tokens_work_until_they_end_and_nobody_else_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut keystone) = Keystone::start(folder.path(), 60) else { return };
    let server = serve(folder.path(), &keystone, "auth.keystone.timeout = \"2s\"\nauth.cache_ttl = \"1s\"\n");
    let one = keystone.make_project("one");
    keystone.make_user("ada", &one, &["member", "reader"]);
    let (known, other) = (keystone.project_token("ada", "one"), keystone.token("ada", &in_project("one")));
    assert_eq!(zones(&server, &known, &[]).status, 200);

    // It hangs: answers are bounded in time.
    keystone.pause();
    let refused = zones(&server, &other, &[]);
    assert_eq!((refused.status, &refused.json()["type"]), (503, &json!("identity_unavailable")));
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(zones(&server, &known, &[]).status, 200);
    keystone.resume();
    until("keystone answers again", || zones(&server, &other, &[]).status == 200);

    // It is gone.
    let later = keystone.project_token("ada", "one");
    keystone.kill();
    assert_eq!(zones(&server, &known, &[]).status, 200);
    assert_eq!(zones(&server, &later, &[]).status, 503);
    assert_eq!(zones(&server, "gAAAAABnonsense", &[]).status, 503);
    assert_eq!(send(server.api(), "GET", "/v2/zones", &[], None).status, 401);
    until("the known token ends", || match zones(&server, &known, &[]).status {
        200 => false,
        401 => true,
        other => panic!("{other}"),
    });
    assert_eq!(zones(&server, &later, &[]).status, 503);

    keystone.start_again();
    let fresh = keystone.project_token("ada", "one");
    until("keystone is asked again", || zones(&server, &fresh, &[]).status == 200);
    assert_eq!(zones(&server, &known, &[]).status, 401);
    // A service may pass on a token that ended meanwhile.
    let two = keystone.make_project("two");
    keystone.make_user("nova", &two, &["service"]);
    let service = keystone.project_token("nova", "two");
    assert_eq!(zones(&server, &known, &[("X-Service-Token", &service)]).status, 200);
    assert_eq!(zones(&server, &known, &[]).status, 401);
}
