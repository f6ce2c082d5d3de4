//! A process of `ordain serve` with some of the services, told apart by its health.
//!
//! Invariants: started means no more than that the process is there; it is stopped by its pid when the value is
//! dropped; every wait is bounded.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::ports::free_port;
use super::server::LIMIT;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A process.
#[derive(Debug)]
pub(crate) struct Part {
    surroundings: Surroundings,
    arguments: Vec<String>,
    folder: PathBuf,
    name: String,
    health: SocketAddr,
    process: Option<Child>,
}

/// What a process is started in, if not as the test itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// What its command begins with.
    pub(crate) enter: Vec<String>,
    /// Its environment, besides the test's own.
    pub(crate) variables: Vec<(String, String)>,
    /// Where it is asked about its health.
    pub(crate) health: Option<SocketAddr>,
    /// The program, if not the one built with the tests.
    pub(crate) program: Option<String>,
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
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

impl Part {
    /// Starts a process called `name` in this folder, running these services, with these settings.
    pub(crate) fn start(folder: &Path, name: &str, services: &str, settings: &str) -> Self {
        Self::start_in(folder, name, services, settings, Surroundings::default())
    }

    /// The same, in surroundings of its own.
    pub(crate) fn start_in(
        folder: &Path,
        name: &str,
        services: &str,
        settings: &str,
        surroundings: Surroundings,
    ) -> Self {
        let health = surroundings.health.unwrap_or_else(free_port);
        let config = folder.join(format!("{name}.toml"));
        std::fs::write(&config, format!("health.listen = [\"{health}\"]\n{settings}")).unwrap();
        let arguments = ["serve", "--config", &config.to_string_lossy(), "--services", services];
        let arguments = arguments.into_iter().map(str::to_owned).collect();
        let (folder, name) = (folder.to_owned(), name.to_owned());
        let mut part = Self { surroundings, arguments, folder, name, health, process: None };
        part.start_again();
        part
    }

    /// Starts it again.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        // What it enters replaces itself by the program, so that the process id is the program's.
        let words = self.surroundings.enter.iter().cloned();
        let own = self.surroundings.program.clone().unwrap_or_else(program);
        let mut words = words.chain([own]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(&self.arguments).env_remove("RUST_LOG").stdin(Stdio::null());
        command.envs(self.surroundings.variables.iter().cloned());
        self.process = Some(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
    }

    /// Other surroundings, when it is started the next time.
    pub(crate) fn set_variables(&mut self, variables: Vec<(String, String)>) {
        self.surroundings.variables = variables;
    }

    /// Another program, when it is started the next time.
    pub(crate) fn set_program(&mut self, program: String) {
        self.surroundings.program = Some(program);
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Where it answers questions about its health.
    pub(crate) fn health(&self) -> SocketAddr {
        self.health
    }

    /// What is wrong with it, a line each; nothing if it does not answer.
    pub(crate) fn wants(&self) -> Option<String> {
        let answer = try_get(self.health, "/healthcheck")?;
        assert_eq!(answer.status == 200, answer.body == "OK", "{answer:?}");
        Some(answer.body)
    }

    /// Waits until it says this of itself.
    pub(crate) fn until_wants(&mut self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let wants = self.wants();
            if let Some(wants) = &wants
                && wanted(wants)
            {
                return wants.clone();
            }
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{} ({ended:?}) says {wants:?}\n{}",
                self.name,
                self.log()
            );
            thread::sleep(PAUSE);
        }
    }

    /// Waits until it says this of itself, or says nothing any more.
    pub(crate) fn until_wants_or_gone(&self, wanted: &str) {
        let deadline = Instant::now() + LIMIT;
        while self.wants().is_some_and(|wants| !wants.contains(wanted)) {
            assert!(Instant::now() < deadline, "{} is not {wanted}\n{}", self.name, self.log());
            thread::sleep(PAUSE);
        }
    }

    /// Waits until nothing is wrong with it.
    pub(crate) fn until_ready(&mut self) {
        self.until_wants(|wants| wants == "OK");
    }

    /// Waits until it ends by itself.
    pub(crate) fn until_ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.as_mut().unwrap().try_wait().unwrap() {
                self.process = None;
                return status;
            }
            assert!(Instant::now() < deadline, "{} goes on\n{}", self.name, self.log());
            thread::sleep(PAUSE);
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Where its configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join(format!("{}.toml", self.name))
    }

    /// Asks it to finish and go.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }
}

/// The program: the one built with the tests, or another one to be measured.
pub(crate) fn program() -> String {
    std::env::var("ORDAIN_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_ordain").to_owned())
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}

fn try_get(at: SocketAddr, path: &str) -> Option<Answer> {
    ask(at, "GET", path, &[], "")
}

/// Sends one request on a connection of its own; nothing if there is no whole answer.
pub(crate) fn ask(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Answer> {
    let mut connection = TcpStream::connect_timeout(&at, LIMIT).ok()?;
    connection.set_read_timeout(Some(LIMIT)).ok()?;
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
