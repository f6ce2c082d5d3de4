//! Real BIND 9 servers, private to one test: own folder, own free ports on 127.0.0.1, own control key.
//!
//! Invariants: a started server is stopped by its pid when the value is dropped; it serves once `start` returns; every
//! wait is bounded. Tests use real servers unless `ORDAIN_TEST_BIND=0`; where `named` is missing they fail.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::ports::free_port;

/// Name of the control key; its algorithm is hmac-sha256.
pub(crate) const KEY_NAME: &str = "ordain";

const START_LIMIT: Duration = Duration::from_secs(30);
const START_TRIES: usize = 5;

/// A private name server.
#[derive(Debug)]
pub(crate) struct Bind {
    folder: tempfile::TempDir,
    dns: SocketAddr,
    rndc: SocketAddr,
    named: Option<Child>,
}

impl Bind {
    /// Starts one server. `None` if `ORDAIN_TEST_BIND=0` says to go without: the test returns then.
    pub(crate) fn start() -> Option<Self> {
        if std::env::var_os("ORDAIN_TEST_BIND").is_some_and(|value| value == "0") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut failure = String::new();
        // Somebody may take a free port before named does.
        for _ in 0..START_TRIES {
            let (dns, rndc) = (free_port(), free_port());
            match run(folder.path(), dns, rndc) {
                Ok(named) => return Some(Self { folder, dns, rndc, named: Some(named) }),
                Err(log) => failure = log,
            }
        }
        panic!(
            "named does not start (run scripts/test once to install it, or set ORDAIN_TEST_BIND=0):\n{failure}"
        );
    }

    /// Starts so many servers.
    pub(crate) fn start_many(count: usize) -> Option<Vec<Self>> {
        (0..count).map(|_| Self::start()).collect()
    }

    /// Where it answers DNS, UDP and TCP.
    pub(crate) fn dns(&self) -> SocketAddr {
        self.dns
    }

    /// Its control channel, TCP.
    pub(crate) fn rndc(&self) -> SocketAddr {
        self.rndc
    }

    /// The file with the control key, as `rndc_key_file` wants it.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("rndc.key")
    }

    /// The control key's secret in base64.
    pub(crate) fn secret(&self) -> String {
        let text = std::fs::read_to_string(self.key_file()).unwrap();
        text.split('"').nth(3).unwrap().to_owned()
    }

    /// What it has logged, since its first start.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    /// The file it logs to.
    pub(crate) fn log_file(&self) -> PathBuf {
        log_file(self.folder.path())
    }

    /// The folder with its configuration and its zones.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.named.as_ref().map(Child::id)
    }

    /// Kills it, if it runs. Its ports are free when this returns.
    pub(crate) fn stop(&mut self) {
        if let Some(mut named) = self.named.take() {
            let _ = named.kill();
            let _ = named.wait();
        }
    }

    /// Starts it again on the same ports, with the zones it had.
    pub(crate) fn start_again(&mut self) {
        self.stop();
        match run(self.folder.path(), self.dns, self.rndc) {
            Ok(named) => self.named = Some(named),
            Err(log) => panic!("named does not start again:\n{log}"),
        }
    }

    /// Runs a control command with BIND's own tool; what it says, or its complaint as the error.
    pub(crate) fn control(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("rndc")
            .env("PATH", path_with_sbin())
            .arg("-c")
            .arg(self.folder.path().join("rndc.conf"))
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

impl Drop for Bind {
    fn drop(&mut self) {
        self.stop();
    }
}

fn path_with_sbin() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("named.log")
}

/// Runs named until it says that it serves; its log if it does not.
fn run(folder: &Path, dns: SocketAddr, rndc: SocketAddr) -> Result<Child, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/named.sh");
    let mut named = Command::new(script)
        .arg(folder)
        .args([dns.port().to_string(), rndc.port().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, told) = mpsc::channel();
    let lines = named.stderr.take().unwrap();
    let log = File::options().create(true).append(true).open(log_file(folder)).unwrap();
    thread::spawn(move || keep_log(lines, log, &tell));
    if told.recv_timeout(START_LIMIT) == Ok(true) {
        return Ok(named);
    }
    let _ = named.kill();
    let _ = named.wait();
    Err(std::fs::read_to_string(log_file(folder)).unwrap_or_default())
}

/// Copies the log to its file until named ends; tells whether it got so far as to serve on both its ports.
fn keep_log(lines: ChildStderr, mut log: File, tell: &mpsc::Sender<bool>) {
    let mut ports_taken = false;
    for line in BufReader::new(lines).lines().map_while(Result::ok) {
        let _ = writeln!(log, "{line}");
        ports_taken |= line.contains("address in use");
        if line.ends_with(" running") {
            let _ = tell.send(!ports_taken);
        }
    }
}
