//! The strategy `token` and the policy commands, with the real program.

mod support;

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;
use support::keystone::{Answer, send};
use support::server::{Server, run};

fn list(server: &Server, headers: &[(&str, &str)]) -> Answer {
    send(server.api(), "GET", "/v2/zones", headers, None)
}

fn config(folder: &Path) -> String {
    folder.join("ordain.toml").display().to_string()
}

#[test]
fn tokens_are_made_used_and_revoked_while_the_server_runs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::serve_natively(folder.path(), "auth.strategy = \"token\"\n");
    let config = config(folder.path());
    let make = |more: &[&str]| run(&[&["token", "create", "--config", &config], more].concat());
    let member = make(&["ci", "--project", "p1"]).unwrap();
    let reader = make(&["watcher", "--project", "p1", "--roles", "reader", "--days", "2"]).unwrap();
    let admin = make(&["root", "--project", "p0", "--roles", "admin", "--user", "ada"]).unwrap();
    let [member, reader, admin] = [&member, &reader, &admin].map(|token| token.trim().to_owned());

    let refused = list(&server, &[("X-Roles", "admin"), ("X-Auth-Project-ID", "p1")]);
    assert_eq!(refused.status, 401);
    assert!(refused.header("WWW-Authenticate").is_some());
    assert_eq!(list(&server, &[("X-Auth-Token", "ordain_nonsense")]).status, 401);

    let new = json!({"name": "example.org.", "email": "a@example.org"});
    let post = |token: &str| send(server.api(), "POST", "/v2/zones", &[("X-Auth-Token", token)], Some(&new));
    assert_eq!(post(&reader).status, 403);
    let made = post(&member);
    assert_eq!((made.status, &made.json()["project_id"]), (202, &json!("p1")), "{}", made.body);
    assert_eq!(list(&server, &[("X-Auth-Token", &reader)]).json()["zones"].as_array().unwrap().len(), 1);
    let everything = [("X-Auth-Token", admin.as_str()), ("X-Auth-All-Projects", "true")];
    assert_eq!(list(&server, &everything).json()["zones"].as_array().unwrap().len(), 1);

    // Names are given once; what is listed shows no token.
    assert!(make(&["ci", "--project", "p2"]).unwrap_err().contains("already"));
    assert!(make(&["", "--project", "p2"]).is_err());
    let listed = run(&["token", "list", "--config", &config]).unwrap();
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0][..4], ["ci", "ci", "p1", "member,reader"]);
    assert_eq!(lines[2][..4], ["root", "ada", "p0", "admin"]);
    assert!(lines[0][5] == "never" && lines[1][5] != "never");
    assert!(![&member, &reader, &admin].iter().any(|token| listed.contains(*token)));

    run(&["token", "revoke", "ci", "--config", &config]).unwrap();
    assert!(run(&["token", "revoke", "ci", "--config", &config]).unwrap_err().contains("no token"));
    let mut looks = 0;
    while list(&server, &[("X-Auth-Token", &member)]).status != 401 {
        looks += 1;
        assert!(looks < 600, "a revoked token stays of use");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(list(&server, &[("X-Auth-Token", &reader)]).status, 200);

    let log = server.log();
    assert!(log.contains("\"ada\"") && log.contains("request answered"), "{log}");
    let database = std::fs::read(folder.path().join("ordain.db")).unwrap();
    let wal = std::fs::read(folder.path().join("ordain.db-wal")).unwrap_or_default();
    let kept = |token: &str| {
        [&database, &wal].iter().any(|file| file.windows(token.len()).any(|w| w == token.as_bytes()))
    };
    assert!(![&member, &reader, &admin].iter().any(|token| log.contains(*token) || kept(token)));
}

#[test]
fn a_policy_is_listed_checked_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, "# ours\n\"get_tld\": \"role:reader\"\n").unwrap();
    let settings = format!("policy.file = \"{}\"\n", policy.display());
    let server = Server::serve_natively(folder.path(), &settings);
    let config = config(folder.path());
    let listed = run(&["policy", "list", "--config", &config]).unwrap();
    assert!(listed.contains(&format!("get_tld\trole:reader\t{}, line 2\n", policy.display())), "{listed}");
    assert!(listed.contains("\ncreate_tld\trole:admin\tbuilt in\n"), "{listed}");
    assert_eq!(run(&["policy", "list", "--changed", "--config", &config]).unwrap().lines().count(), 1);

    let check = |question: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ordain"))
            .args(["policy", "check", "--config", &config])
            .args(question)
            .output()
            .unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let says = |code, word: &str| (code, word.to_owned());
    assert_eq!(check(&["get_tld", "--roles", "reader"]), says(0, "allowed"));
    assert_eq!(check(&["create_zone", "--roles", "member", "--project", "p"]), says(0, "allowed"));
    let foreign = ["create_zone", "--roles", "member", "--project", "p", "--target", "project_id=q"];
    assert_eq!(check(&foreign), says(1, "forbidden"));
    assert_eq!(check(&["get_tld", "--roles", "reader", "--scope", "system"]), says(1, "wrong scope"));
    assert_eq!(check(&["fly"]).0, 1);

    // A new file counts after SIGHUP; one with a mistake leaves everything as it was.
    let create = |name: &str| {
        let new = json!({"name": name, "email": "a@example.org"});
        let reader = [("X-Roles", "reader"), ("X-Auth-Project-ID", "p")];
        send(server.api(), "POST", "/v2/zones", &reader, Some(&new)).status
    };
    let reload = |text: &str| {
        std::fs::write(&policy, text).unwrap();
        let pid = server.pid().unwrap().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };
    assert_eq!(create("a.example."), 403);
    reload("create_zone: 'role:reader'\n");
    let mut looks = 0;
    while create("b.example.") == 403 {
        looks += 1;
        assert!(looks < 600, "the policy is not read again");
        thread::sleep(Duration::from_millis(100));
    }
    reload("create_zone: '@'\ncreate_zoone: '@'\n");
    looks = 0;
    while !server.log().contains("create_zoone is unknown") {
        looks += 1;
        assert!(looks < 600, "nobody says what is wrong: {}", server.log());
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(create("c.example."), 202);
    let told = run(&["config", "check", "--config", &config]).unwrap_err();
    assert!(told.contains("policy.yaml, line 2") && told.contains("create_zoone"), "{told}");
}
