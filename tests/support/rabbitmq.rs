//! Real RabbitMQ brokers, private to one test program: own folder, own node name, own free ports on 127.0.0.1.
//!
//! Invariants: a started broker takes connections once `start` returns; it ends with the value or, at the latest, with
//! the test program, whose end its keeper notices; every wait is bounded. Tests use real brokers unless
//! `ORDAIN_TEST_RABBITMQ=0`; where the broker is missing they fail.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use super::ports::free_port;

const START_LIMIT: u32 = 6000;
const PAUSE: Duration = Duration::from_millis(50);
const ORDER_LIMIT: Duration = Duration::from_secs(180);

/// A private broker.
#[derive(Debug)]
pub(crate) struct Rabbit {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    amqp: SocketAddr,
    keeper: Child,
    answers: Mutex<mpsc::Receiver<String>>,
}

impl Rabbit {
    /// Starts one broker. `None` if `ORDAIN_TEST_RABBITMQ=0` says to go without: the test returns then.
    pub(crate) fn start() -> Option<Self> {
        Self::start_in(|_| ())
    }

    /// Starts one broker after its folder was prepared.
    pub(crate) fn start_in(prepare: impl FnOnce(&Path)) -> Option<Self> {
        if std::env::var_os("ORDAIN_TEST_RABBITMQ").is_some_and(|value| value == "0") {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let (amqp, distribution, mapper) = (free_port(), free_port(), free_port());
        let name = format!("test-{}", amqp.port());
        let ports = [amqp, distribution, mapper].map(|address| address.port().to_string());
        let mut arguments = vec![folder.path().display().to_string(), name];
        arguments.extend(ports);
        let mut keeper = Command::new(script())
            .args(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let lines = BufReader::new(keeper.stdout.take().unwrap());
        let (tell, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut rabbit = Self { folder, arguments, amqp, keeper, answers: Mutex::new(answers) };
        rabbit.await_ready();
        Some(rabbit)
    }

    /// Where it speaks AMQP, with the name and password that a new broker knows.
    pub(crate) fn url(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.amqp)
    }

    /// Its port for AMQP.
    pub(crate) fn address(&self) -> SocketAddr {
        self.amqp
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.order("kill");
    }

    /// Stops it in good order.
    pub(crate) fn stop(&mut self) {
        self.order("stop");
    }

    /// Stops it for a while: it is there and does nothing.
    pub(crate) fn pause(&mut self) {
        self.order("pause");
    }

    /// Lets it go on.
    pub(crate) fn resume(&mut self) {
        self.order("continue");
    }

    /// Starts it again, with the data it had.
    pub(crate) fn start_again(&mut self) {
        self.order("start");
        self.await_ready();
    }

    /// Runs a command of `rabbitmqctl`; what it says.
    pub(crate) fn control(&self, command: &[&str]) -> String {
        let output = Command::new(script()).args(&self.arguments).args(command).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn order(&mut self, order: &str) {
        let orders = self.keeper.stdin.as_mut().unwrap();
        writeln!(orders, "{order}").unwrap();
        let answer = self.answers.lock().unwrap().recv_timeout(ORDER_LIMIT);
        assert_eq!(answer.as_deref(), Ok(order), "{}", self.log());
    }

    /// Waits until it greets a client.
    fn await_ready(&mut self) {
        for _ in 0..START_LIMIT {
            if greets(self.amqp) {
                return;
            }
            if let Ok(Some(status)) = self.keeper.try_wait() {
                panic!(
                    "the broker's keeper ended ({status}); ORDAIN_TEST_RABBITMQ=0 goes without:\n{}",
                    self.log()
                );
            }
            thread::sleep(PAUSE);
        }
        panic!("the broker does not start:\n{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log/console")).unwrap_or_default()
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        // The end of its orders is the keeper's end.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib/rabbitmq.sh")
}

/// True if it answers the header of the protocol.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = [0];
    stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
        && stream.write_all(b"AMQP\0\0\x09\x01").is_ok()
        && stream.read_exact(&mut answer).is_ok()
}

/// Makes an authority, and a certificate that serves both sides.
pub(crate) fn certificates(folder: &Path, port: SocketAddr) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("port"), port.port().to_string()).unwrap();
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    for arguments in [
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca-key.pem -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out request.pem",
        "x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile names -out cert.pem",
    ] {
        let output = Command::new("openssl").current_dir(folder).args(arguments.split(' ')).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
