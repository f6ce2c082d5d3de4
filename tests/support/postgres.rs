//! A real PostgreSQL, private to one test program: own folder, own free port on 127.0.0.1, empty databases on demand.
//!
//! Invariants: the server ends with the program that started it, however that ends, since it listens to a pipe of it;
//! every wait is bounded. Tests use a real server unless `ORDAIN_TEST_POSTGRES=0`; where it is missing they fail.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use super::ports::free_port;

const LIMIT: Duration = Duration::from_secs(90);
const START_TRIES: usize = 3;

/// A private database server.
#[derive(Debug)]
pub(crate) struct Postgres {
    port: u16,
    folder: PathBuf,
    control: Mutex<(Option<ChildStdin>, mpsc::Receiver<String>)>,
    script: Child,
    databases: AtomicU32,
}

impl Postgres {
    /// The server that the tests of this program share; it does not wait for the disk. `None` if
    /// `ORDAIN_TEST_POSTGRES=0` says to go without: the test returns then.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&["fsync=off"])).as_ref()
    }

    /// Starts a server with these settings, for a test that stops it.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        if std::env::var_os("ORDAIN_TEST_POSTGRES").is_some_and(|value| value == "0") {
            return None;
        }
        // Somebody may take a free port before the server does.
        let started = (0..START_TRIES).find_map(|_| run(free_port().port(), settings));
        assert!(
            started.is_some(),
            "postgres does not start (run scripts/test once to install it, or set ORDAIN_TEST_POSTGRES=0)"
        );
        started
    }

    /// The URL of a new, empty database.
    pub(crate) async fn database(&self) -> String {
        let name = format!("t{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let admin = self.client("postgres").await;
        admin.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        self.url(&name)
    }

    /// The URL of a database.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://ordain@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// A connection of the test's own.
    pub(crate) async fn client(&self, database: &str) -> tokio_postgres::Client {
        let url = self.url(database);
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The process that all others of it come from.
    pub(crate) fn pid(&self) -> String {
        let file = std::fs::read_to_string(self.folder.join("data/postmaster.pid")).unwrap();
        file.lines().next().unwrap().to_owned()
    }

    /// The certificate of the authority that vouches for `localhost`.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Ends it as an operator does: clients are cut off.
    pub(crate) fn stop(&self) {
        self.command("stop");
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&self) {
        self.command("kill");
    }

    /// Starts it again, with what it had.
    pub(crate) fn start_again(&self) {
        self.command("start");
    }

    fn command(&self, command: &str) {
        let mut control = self.control.lock().unwrap();
        writeln!(control.0.as_mut().unwrap(), "{command}").unwrap();
        assert_eq!(control.1.recv_timeout(LIMIT).as_deref(), Ok("done"), "postgres does not {command}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The script's input ends: it ends the server and removes the folder.
        drop(self.control.get_mut().unwrap().0.take());
        let _ = self.script.wait();
    }
}

fn run(port: u16, settings: &[&str]) -> Option<Postgres> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/postgres.sh");
    let mut script = Command::new(script)
        .arg(port.to_string())
        .args(settings)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (tell, told) = mpsc::channel();
    let lines = BufReader::new(script.stdout.take().unwrap());
    thread::spawn(move || lines.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
    let control = script.stdin.take().unwrap();
    match told.recv_timeout(LIMIT).ok().as_deref().and_then(|line| line.strip_prefix("ready ")) {
        Some(folder) => Some(Postgres {
            port,
            folder: PathBuf::from(folder),
            control: Mutex::new((Some(control), told)),
            script,
            databases: AtomicU32::new(0),
        }),
        None => {
            drop(control);
            let _ = script.wait();
            None
        }
    }
}
