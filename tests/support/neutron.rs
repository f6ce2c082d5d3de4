//! A network service that is not one: it has the floating IPs that a test says, and fails as a test says.
//!
//! Invariants: it answers once `start` returns, and is stopped by its pid when the value is dropped.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::ports::free_port;

const LOOKS: u32 = 6000;
const PAUSE: Duration = Duration::from_millis(20);

/// A floating IP: its id, its address, its project.
type Held<'a> = (&'a str, &'a str, &'a str);

/// A running one.
#[derive(Debug)]
pub(crate) struct Neutron {
    at: SocketAddr,
    folder: PathBuf,
    ips: Value,
    process: Option<Child>,
    /// Where its certificate and key are, if it has some.
    tls: Option<PathBuf>,
}

impl Neutron {
    /// Starts one with nothing in it.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, None)
    }

    /// The same over TLS, with `cert.pem` and `key.pem` of this folder.
    pub(crate) fn start_encrypted(folder: &Path, tls: &Path) -> Self {
        Self::start_with(folder, Some(tls.to_path_buf()))
    }

    fn start_with(folder: &Path, tls: Option<PathBuf>) -> Self {
        let (at, folder) = (free_port(), folder.to_path_buf());
        let mut neutron = Self { at, folder, ips: json!({}), process: None, tls };
        neutron.behaves("fine");
        neutron.start_again();
        neutron
    }

    /// Starts it again after [`Self::kill`].
    pub(crate) fn start_again(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fake_neutron.py");
        let process = Command::new("python3")
            .arg(script)
            .arg(self.at.port().to_string())
            .args([self.folder.join("neutron.json"), self.folder.join("neutron.log")])
            .envs(self.tls.iter().map(|folder| ("NEUTRON_TLS", folder)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        for _ in 0..LOOKS {
            if TcpStream::connect(self.at).is_ok() {
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("the network service does not start");
    }

    /// Ends it.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// The address of a region, whose floating IPs are those under `region`.
    pub(crate) fn url(&self, region: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{region}", self.at)
    }

    /// Gives each region its floating IPs: id, address, project.
    pub(crate) fn has(&mut self, regions: &[(&str, &[Held<'_>])]) {
        let item = |(id, address, project): &Held<'_>| json!({"id": id, "floating_ip_address": address, "project_id": project, "tenant_id": project});
        self.ips = regions
            .iter()
            .map(|(region, ips)| ((*region).to_owned(), ips.iter().map(item).collect::<Value>()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        self.behaves("fine");
    }

    /// Makes it `fine`, `broken`, `busy`, `hang`, or talk `nonsense`.
    pub(crate) fn behaves(&self, mode: &str) {
        let state = json!({"mode": mode, "ips": self.ips, "page": 2});
        let (next, file) = (self.folder.join("neutron.next"), self.folder.join("neutron.json"));
        std::fs::write(&next, state.to_string()).unwrap();
        std::fs::rename(next, file).unwrap();
    }

    /// What it was asked: a line for each question.
    pub(crate) fn asked(&self) -> String {
        std::fs::read_to_string(self.folder.join("neutron.log")).unwrap_or_default()
    }
}

impl Drop for Neutron {
    fn drop(&mut self) {
        self.kill();
    }
}
