//! The `ordain` program as a process of its own, spoken to over sockets only.
//!
//! Invariants: a started server answers once `start` returns; it is stopped by its pid when the value is dropped; every
//! wait is bounded.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use ordain::domain::host_port::HostPort;
use serde_json::Value;
use tokio::time::Instant;

use super::ports::free_port;

/// Most that is waited for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at something that has no way of telling when it is there.
const PAUSE: Duration = Duration::from_millis(2);

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    arguments: Vec<String>,
    api: SocketAddr,
    dns: SocketAddr,
    log: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// `ordain dev` with its data in the folder.
    pub(crate) fn dev(folder: &Path) -> Self {
        let (api, dns) = (free_port(), free_port());
        let data = folder.join("data").to_string_lossy().into_owned();
        Self::start(
            &["dev", "--data-dir", &data, "--api", &api.to_string(), "--dns", &dns.to_string()],
            api,
            dns,
            folder,
        )
    }

    /// `ordain serve` with its data in the folder, what else the configuration says, and the pools of a file that is
    /// made for the port of mdns.
    pub(crate) fn serve(folder: &Path, settings: &str, pools: impl FnOnce(u16) -> String) -> Self {
        let (api, dns) = (free_port(), free_port());
        let config = configure(folder, api, dns, settings).to_string_lossy().into_owned();
        let file = folder.join("pools.yaml");
        std::fs::write(&file, pools(dns.port())).unwrap();
        run(&["db", "migrate", "--config", &config]).unwrap();
        run(&["pool", "update", "--config", &config, "--file", &file.to_string_lossy()]).unwrap();
        Self::start(&["serve", "--config", &config], api, dns, folder)
    }

    /// `ordain serve` with its data in the folder and what else the configuration says, its own name server being the pool.
    pub(crate) fn serve_natively(folder: &Path, settings: &str) -> Self {
        let (api, dns) = (free_port(), free_port());
        let config = configure(folder, api, dns, settings).to_string_lossy().into_owned();
        Self::start(&["serve", "--config", &config], api, dns, folder)
    }

    /// `ordain serve` on this database, its own name server being the pool.
    pub(crate) fn on_database(folder: &Path, url: &str) -> Self {
        let (api, dns) = (free_port(), free_port());
        let file = folder.join("ordain.toml");
        let text = format!(
            "api.listen = [\"{api}\"]\nmdns.listen = [\"{dns}\"]\ndatabase.url = \"{url}\"\ncoordinator.state_path = \"{}\"\n",
            folder.join("coordinator").display()
        );
        std::fs::write(&file, text).unwrap();
        Self::start(&["serve", "--config", &file.to_string_lossy()], api, dns, folder)
    }

    fn start(arguments: &[&str], api: SocketAddr, dns: SocketAddr, folder: &Path) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut server = Self { arguments, api, dns, log: folder.join("ordain.log"), process: None };
        server.start_again();
        server
    }

    /// Starts the program again, with the data it had.
    pub(crate) fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(&self.log).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_ordain"))
            .args(&self.arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let deadline = Instant::now() + LIMIT;
        while !self.is_ready() {
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the server does not start:\n{}",
                self.log()
            );
            thread::sleep(PAUSE);
        }
    }

    fn is_ready(&self) -> bool {
        TcpStream::connect(self.api).is_ok() && self.request("GET", "/healthcheck", None).0 == 200
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Where its API listens.
    pub(crate) fn api(&self) -> SocketAddr {
        self.api
    }

    /// Its process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Where it answers DNS.
    pub(crate) fn dns(&self) -> HostPort {
        HostPort::new(self.dns.ip().to_string(), self.dns.port())
    }

    /// What it has printed and logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends one request; status and JSON body (null if there is none).
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut connection = TcpStream::connect(self.api).unwrap();
        connection.set_read_timeout(Some(LIMIT)).unwrap();
        connection.set_nodelay(true).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.api,
            body.len()
        );
        connection.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        parse(&String::from_utf8(answer).unwrap())
    }

    /// Sends a request that must be answered with the status.
    pub(crate) fn expect(&self, status: u16, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (got, answer) = self.request(method, path, body);
        assert_eq!(got, status, "{method} {path}: {answer}\n{}", self.log());
        answer
    }

    /// Looks at a resource until it is as wanted.
    pub(crate) fn until(&self, path: &str, wanted: impl Fn(u16, &Value) -> bool) -> Value {
        let deadline = Instant::now() + LIMIT;
        loop {
            let (status, answer) = self.request("GET", path, None);
            if wanted(status, &answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path} stays {status} {answer}\n{}", self.log());
            thread::sleep(PAUSE);
        }
    }

    /// Looks at a resource until its status is this.
    pub(crate) fn until_status(&self, path: &str, status: &str) -> Value {
        self.until(path, |_, answer| answer["status"] == status)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes the configuration of a server into its folder.
pub(crate) fn configure(folder: &Path, api: SocketAddr, dns: SocketAddr, settings: &str) -> PathBuf {
    let file = folder.join("ordain.toml");
    let text = format!(
        "api.listen = [\"{api}\"]\nmdns.listen = [\"{dns}\"]\ndatabase.url = \"sqlite:{0}/ordain.db\"\ncoordinator.state_path = \"{0}/coordinator\"\n{settings}",
        folder.display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Runs the program to its end; what it printed, or its complaint as the error.
pub(crate) fn run(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ordain")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Status and body of an HTTP/1.1 answer on a connection that was closed after it.
fn parse(answer: &str) -> (u16, Value) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

fn unchunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}
