//! Asking a running server, and waiting until it shows something.

use std::thread;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::keystone::{Answer, send};
use super::server::Server;

/// Asks a server as somebody.
pub(crate) fn ask(
    server: &Server,
    method: &str,
    path: &str,
    (project, roles): (&str, &str),
    body: Option<&Value>,
) -> Answer {
    let headers = [("X-Auth-Project-ID", project), ("X-Roles", roles), ("Content-Type", "application/json")];
    send(server.api(), method, path, &headers, body)
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    #[expect(clippy::disallowed_methods, reason = "a real server runs in real time")]
    let begin = SystemTime::now();
    while !is() {
        assert!(begin.elapsed().unwrap() < Duration::from_secs(180), "never: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}
