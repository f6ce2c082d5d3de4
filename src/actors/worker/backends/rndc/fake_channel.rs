//! A control channel on a loopback port that answers as a function says: the peer of the tests.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Table, open, seal};
use super::{Key, Reply};

/// The key of every fake channel.
pub(crate) const SECRET: &str = "MTIzNDU2Nzg5MGFiY2RlZg==";

type Answer = dyn Fn(&str) -> Reply + Send + Sync;

/// The channel; stops when dropped.
pub(crate) struct FakeChannel {
    port: u16,
    commands: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl FakeChannel {
    pub(crate) async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let commands = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&commands), Arc::new(answer) as Arc<Answer>);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&log), Arc::clone(&answer)));
            }
        });
        Self { port, commands, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The commands since the last time this was asked.
    pub(crate) fn commands(&self) -> Vec<String> {
        std::mem::take(&mut self.commands.lock())
    }
}

impl Drop for FakeChannel {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, log: Arc<Mutex<Vec<String>>>, answer: Arc<Answer>) {
    let key = Key::new("fake", "hmac-sha256", SECRET).unwrap();
    let read = async |stream: &mut TcpStream| {
        let length = stream.read_u32().await.ok()?;
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await.ok()?;
        open(&key, &message).ok()
    };
    let mut first = true;
    while let Ok(Some(request)) = tokio::time::timeout(Duration::from_secs(30), read(&mut stream)).await {
        let command = request.table("_data").unwrap().text("type").unwrap();
        let mut reply = Reply { result: 0, error: None, text: None };
        if !std::mem::take(&mut first) {
            reply = answer(&command);
            log.lock().push(command);
        }
        let mut data = Table::default().with("result", u64::from(reply.result));
        if let Some(error) = &reply.error {
            data = data.with("err", error.as_str());
        }
        if let Some(text) = &reply.text {
            data = data.with("text", text.as_str());
        }
        let serial = u64::from(request.table("_ctrl").unwrap().number("_ser").unwrap());
        let control = Table::default().with("_ser", serial).with("_rpl", "1").with("_nonce", 11);
        let message = seal(&key, &Table::default().with("_ctrl", control).with("_data", data)).unwrap();
        stream.write_u32(u32::try_from(message.len()).unwrap()).await.unwrap();
        stream.write_all(&message).await.unwrap();
    }
}
