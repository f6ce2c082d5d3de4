//! A private Keystone: real, from PyPI, with its own database, keys and port on 127.0.0.1.
//!
//! Invariants: a started Keystone answers once `start` returns; it is stopped by its pid when the value is dropped; every
//! wait is bounded. Tests use a real one unless `ORDAIN_TEST_KEYSTONE=0`; where it cannot be had they fail.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::ports::free_port;

/// Looks at a Keystone that starts, with pauses between.
const LOOKS: u32 = 6000;
const PAUSE: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(120);

/// A running Keystone.
#[derive(Debug)]
pub(crate) struct Keystone {
    folder: PathBuf,
    at: SocketAddr,
    lifetime: u32,
    process: Option<Child>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl Keystone {
    /// Starts one whose tokens last so many seconds. `None` if `ORDAIN_TEST_KEYSTONE=0` says to go without.
    pub(crate) fn start(folder: &Path, lifetime: u32) -> Option<Self> {
        if std::env::var_os("ORDAIN_TEST_KEYSTONE").is_some_and(|value| value == "0") {
            return None;
        }
        let folder = folder.join("keystone");
        let mut keystone = Self { folder, at: free_port(), lifetime, process: None };
        let prepared = keystone.script("prepare").output().unwrap();
        assert!(prepared.status.success(), "{}", String::from_utf8_lossy(&prepared.stderr));
        keystone.start_again();
        Some(keystone)
    }

    /// Starts it again, with the data it had.
    pub(crate) fn start_again(&mut self) {
        self.process = Some(self.script("run").spawn().unwrap());
        for _ in 0..LOOKS {
            if TcpStream::connect(self.at).is_ok() && self.send("GET", "/v3", &[], None).status == 200 {
                return;
            }
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "keystone ended; ORDAIN_TEST_KEYSTONE=0 goes without:\n{}", self.log());
            thread::sleep(PAUSE);
        }
        panic!("keystone does not start:\n{}", self.log());
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Stops it for a while: it is there and does nothing.
    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v3", self.at)
    }

    /// A token: of a user with the password "secret", for this scope (null: none).
    pub(crate) fn token(&self, user: &str, scope: &Value) -> String {
        let user = json!({"name": user, "domain": {"id": "default"}, "password": "secret"});
        let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
        auth["scope"] = if scope.is_null() { json!("unscoped") } else { scope.clone() };
        let answer = self.send("POST", "/v3/auth/tokens", &[], Some(&json!({ "auth": auth })));
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.header("X-Subject-Token").unwrap().to_owned()
    }

    /// A token for a project.
    pub(crate) fn project_token(&self, user: &str, project: &str) -> String {
        self.token(user, &in_project(project))
    }

    /// Does something as the administrator; the answer's body.
    pub(crate) fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let token = self.token("admin", &in_project("admin"));
        let answer = self.send(method, &format!("/v3{path}"), &[("X-Auth-Token", &token)], body);
        assert!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
        answer.json()
    }

    /// Makes a project; its id.
    pub(crate) fn make_project(&self, name: &str) -> String {
        let made = self.admin("POST", "/projects", Some(&json!({"project": {"name": name}})));
        made["project"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes a user with the password "secret" and these roles on a project; its id.
    pub(crate) fn make_user(&self, name: &str, project: &str, roles: &[&str]) -> String {
        let made = self.admin("POST", "/users", Some(&json!({"user": {"name": name, "password": "secret"}})));
        let user = made["user"]["id"].as_str().unwrap().to_owned();
        for role in roles {
            let role = self.role(role);
            self.admin("PUT", &format!("/projects/{project}/users/{user}/roles/{role}"), None);
        }
        user
    }

    /// The id of a role, which is made if it is not there.
    pub(crate) fn role(&self, name: &str) -> String {
        let found = self.admin("GET", &format!("/roles?name={name}"), None);
        match found["roles"][0]["id"].as_str() {
            Some(id) => id.to_owned(),
            None => {
                let made = self.admin("POST", "/roles", Some(&json!({"role": {"name": name}})));
                made["role"]["id"].as_str().unwrap().to_owned()
            }
        }
    }

    /// Sends one request.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        send(self.at, method, path, headers, body)
    }

    fn script(&self, what: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/keystone.sh");
        let mut command = Command::new(script);
        command.arg(what).arg(&self.folder).arg(self.at.port().to_string());
        command.env("ORDAIN_KEYSTONE_EXPIRATION", self.lifetime.to_string());
        command.stdin(Stdio::null());
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default()
    }
}

impl Drop for Keystone {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The scope of a token for a project.
pub(crate) fn in_project(name: &str) -> Value {
    json!({"project": {"name": name, "domain": {"id": "default"}}})
}

/// Sends one request on a connection of its own.
pub(crate) fn send(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut connection = TcpStream::connect(at).unwrap();
    connection.set_read_timeout(Some(LIMIT)).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
