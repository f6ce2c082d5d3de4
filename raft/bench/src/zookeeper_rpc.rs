//! As much of ZooKeeper's protocol as locks and groups take: one session on one connection, any number of requests under way.
use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, tcp::OwnedReadHalf},
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

/// Milliseconds without a sign after which the server ends the session.
const SESSION: i32 = 20_000;
const PING: Duration = Duration::from_secs(5);
const NO_NODE: i32 = -101;

const CREATE: i32 = 1;
const DELETE: i32 = 2;
const EXISTS: i32 = 3;
const CHILDREN: i32 = 8;

/// What a request came to: an error number, 0 for none, and the body.
type Answer = (i32, Vec<u8>);

#[derive(Default)]
struct Waiting {
    /// In the order of asking, which is that of answering.
    answers: VecDeque<oneshot::Sender<Answer>>,
    watches: HashMap<String, Vec<oneshot::Sender<()>>>,
    over: bool,
}

/// A session.
pub struct Session {
    waiting: Arc<Mutex<Waiting>>,
    out: mpsc::UnboundedSender<Vec<u8>>,
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn int(mut self, number: i32) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn long(mut self, number: i64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    fn bool(mut self, value: bool) -> Self {
        self.0.push(u8::from(value));
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self = self.int(i32::try_from(bytes.len()).expect("short"));
        self.0.extend(bytes);
        self
    }

    fn frame(self) -> Vec<u8> {
        Self::default().bytes(&self.0).0
    }
}

fn lost() -> io::Error {
    io::Error::other("the session is over")
}

fn int(bytes: &[u8], at: usize) -> i32 {
    bytes.get(at..at + 4).map_or(0, |word| i32::from_be_bytes(word.try_into().expect("four bytes")))
}

fn text(bytes: &[u8], at: usize) -> (String, usize) {
    let end = at + 4 + usize::try_from(int(bytes, at)).unwrap_or(0);
    (String::from_utf8_lossy(bytes.get(at + 4..end).unwrap_or_default()).into_owned(), end)
}

async fn frame(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = vec![0; stream.read_u32().await? as usize];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

impl Session {
    /// Begins a session with this node; refused as long as the node does not serve.
    pub async fn begin(address: &str, limit: Duration) -> io::Result<Self> {
        timeout(limit, Self::connect(address)).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn connect(address: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let hello = Bytes::default().int(0).long(0).int(SESSION).long(0).bytes(&[0; 16]).bool(false);
        stream.write_all(&hello.frame()).await?;
        let welcome = frame(&mut stream).await?;
        if int(&welcome, 4) <= 0 {
            return Err(lost());
        }
        let (reader, mut writer) = stream.into_split();
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let (out, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        tokio::spawn(async move {
            while let Some(mut bytes) = queue.recv().await {
                while let Ok(more) = queue.try_recv() {
                    bytes.extend(more);
                }
                if writer.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let weak = out.downgrade();
        tokio::spawn(async move {
            while let Some(out) = weak.upgrade() {
                let _ = out.send(Bytes::default().int(-2).int(11).frame());
                drop(out);
                sleep(PING).await;
            }
        });
        let shared = waiting.clone();
        tokio::spawn(async move {
            let _ = read(reader, &shared).await;
            let mut waiting = shared.lock().expect("no holder panics");
            waiting.over = true;
            waiting.answers.clear();
            waiting.watches.clear();
        });
        Ok(Self { waiting, out })
    }

    async fn ask(
        &self,
        kind: i32,
        body: Bytes,
        watched: Option<(&str, oneshot::Sender<()>)>,
    ) -> io::Result<Answer> {
        let (tell, told) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock().expect("no holder panics");
            if waiting.over {
                return Err(lost());
            }
            waiting.answers.push_back(tell);
            if let Some((path, tell)) = watched {
                waiting.watches.entry(path.to_owned()).or_default().push(tell);
            }
            let mut request = Bytes::default().int(1).int(kind);
            request.0.extend(body.0);
            self.out.send(request.frame()).map_err(|_| lost())?;
        }
        told.await.map_err(|_| lost())
    }

    /// Makes a node that ends with the session. Says its path.
    pub async fn create(&self, path: &str, ephemeral: bool, sequential: bool) -> io::Result<String> {
        let flags = i32::from(ephemeral) + 2 * i32::from(sequential);
        // Everybody may do everything.
        let body = Bytes::default().bytes(path.as_bytes()).bytes(&[]).int(1).int(31);
        let body = body.bytes(b"world").bytes(b"anyone").int(flags);
        match self.ask(CREATE, body, None).await? {
            (0, answer) => Ok(text(&answer, 0).0),
            (error, _) => Err(io::Error::other(format!("create {path}: error {error}"))),
        }
    }

    pub async fn delete(&self, path: &str) -> io::Result<()> {
        match self.ask(DELETE, Bytes::default().bytes(path.as_bytes()).int(-1), None).await? {
            (0, _) => Ok(()),
            (error, _) => Err(io::Error::other(format!("delete {path}: error {error}"))),
        }
    }

    /// If the node is there, something to wait on until it is not.
    pub async fn watch(&self, path: &str) -> io::Result<Option<oneshot::Receiver<()>>> {
        let (tell, told) = oneshot::channel();
        let body = Bytes::default().bytes(path.as_bytes()).bool(true);
        match self.ask(EXISTS, body, Some((path, tell))).await? {
            (0, _) => Ok(Some(told)),
            (NO_NODE, _) => Ok(None),
            (error, _) => Err(io::Error::other(format!("exists {path}: error {error}"))),
        }
    }

    /// Names of the nodes within a node.
    pub async fn children(&self, path: &str) -> io::Result<Vec<String>> {
        self.list(path, None).await
    }

    /// The same, and something to wait on until they change.
    pub async fn watch_children(&self, path: &str) -> io::Result<(Vec<String>, oneshot::Receiver<()>)> {
        let (tell, told) = oneshot::channel();
        Ok((self.list(path, Some(tell)).await?, told))
    }

    async fn list(&self, path: &str, tell: Option<oneshot::Sender<()>>) -> io::Result<Vec<String>> {
        let body = Bytes::default().bytes(path.as_bytes()).bool(tell.is_some());
        let (error, answer) = self.ask(CHILDREN, body, tell.map(|tell| (path, tell))).await?;
        if error != 0 {
            return Err(io::Error::other(format!("children of {path}: error {error}")));
        }
        let mut at = 4;
        let names = (0..int(&answer, 0)).map(|_| {
            let (name, end) = text(&answer, at);
            at = end;
            name
        });
        Ok(names.collect())
    }
}

async fn read(reader: OwnedReadHalf, shared: &Mutex<Waiting>) -> io::Result<()> {
    let mut reader = tokio::io::BufReader::new(reader);
    loop {
        let mut body = frame(&mut reader).await?;
        let (number, error) = (int(&body, 0), int(&body, 12));
        body.drain(..16.min(body.len()));
        let mut waiting = shared.lock().expect("no holder panics");
        match number {
            -2 => {}
            -1 => {
                let (path, _) = text(&body, 8);
                for waiter in waiting.watches.remove(&path).unwrap_or_default() {
                    let _ = waiter.send(());
                }
            }
            _ => drop(waiting.answers.pop_front().ok_or_else(lost)?.send((error, body))),
        }
    }
}
