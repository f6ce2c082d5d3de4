//! The rndc client against peers that answer, stall, close or lie.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Table, Value, open, seal};
use super::*;

const NONCE: u64 = 7;

/// How the peer treats the second message of each connection (the first one fetches the nonce).
#[derive(Debug, Clone, Copy)]
enum Manner {
    Answer,
    AnswerOnce,
    WrongSerial,
    WrongNonce,
    NotAReply,
    WrongKey,
    NoData,
    Garbage,
    Oversized,
    CutShort,
    HangUp,
    Silent,
}

struct Peer {
    client: RndcClient,
    connections: Arc<Mutex<usize>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn key(secret: &str) -> Arc<Key> {
    Arc::new(Key::new("k", "sha256", secret).unwrap())
}

async fn peer(manner: Manner) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = RndcConfig {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        key: KeySource::Given(key("YQ==")),
        timeout: Duration::from_millis(if matches!(manner, Manner::Silent) { 50 } else { 10_000 }),
    };
    let connections = Arc::new(Mutex::new(0));
    let count = Arc::clone(&connections);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            *count.lock() += 1;
            tokio::spawn(async move { serve(stream, manner).await });
        }
    });
    Peer { client: RndcClient::new(config, Clock::system()), connections, task }
}

async fn serve(mut stream: TcpStream, manner: Manner) {
    let mut asked = 0;
    while let Ok(length) = stream.read_u32().await {
        let mut message = vec![0; length as usize];
        stream.read_exact(&mut message).await.unwrap();
        let request = open(&key("YQ=="), &message).unwrap();
        asked += 1;
        let acting = if asked == 1 { Manner::Answer } else { manner };
        if matches!(acting, Manner::AnswerOnce) && asked > 2 {
            return;
        }
        let Some(frame) = answer(&request, asked, acting) else { return };
        stream.write_all(&frame).await.unwrap();
        if matches!(acting, Manner::CutShort) {
            return;
        }
    }
}

fn answer(request: &Table, asked: usize, manner: Manner) -> Option<Vec<u8>> {
    let control = request.table("_ctrl").unwrap();
    if asked > 1 {
        assert_eq!(control.number("_nonce"), Some(7), "commands repeat the nonce");
    }
    let serial = u64::from(control.number("_ser").unwrap());
    let command = request.table("_data").unwrap().text("type").unwrap();
    let serial = if matches!(manner, Manner::WrongSerial) { serial ^ 1 } else { serial };
    let nonce = if matches!(manner, Manner::WrongNonce) { NONCE + 1 } else { NONCE };
    let reply = if matches!(manner, Manner::NotAReply) { "0" } else { "1" };
    let secret = if matches!(manner, Manner::WrongKey) { "Yg==" } else { "YQ==" };
    let control = Table::default().with("_ser", serial).with("_rpl", reply).with("_nonce", nonce);
    let mut body = Table::default().with("_ctrl", control);
    if !matches!(manner, Manner::NoData) {
        let data = Table::default().with("result", 0).with("text", Value::from(command.as_str()));
        body = body.with("_data", data);
    }
    let message = seal(&key(secret), &body).unwrap();
    let mut frame = u32::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&message);
    match manner {
        Manner::Garbage => Some(b"\0\0\0\x06\0\0\0\x01??".to_vec()),
        Manner::Oversized => Some(vec![0xff; 64]),
        Manner::CutShort => Some(frame[..40].to_vec()),
        Manner::HangUp => None,
        Manner::Silent => Some(Vec::new()),
        _ => Some(frame),
    }
}

#[tokio::test]
async fn one_connection_serves_many_commands() {
    let peer = peer(Manner::Answer).await;
    for command in ["status", "showzone example.org"] {
        let reply = peer.client.command(command).await.unwrap();
        assert_eq!(reply, Reply { result: 0, error: None, text: Some(command.to_owned()) });
    }
    assert_eq!(*peer.connections.lock(), 1);
}

#[tokio::test]
async fn commands_at_the_same_time_share_few_connections() {
    let peer = peer(Manner::Answer).await;
    let replies = futures::future::join_all((0..40).map(|_| peer.client.command("status"))).await;
    assert!(replies.iter().all(Result::is_ok));
    assert!(*peer.connections.lock() <= MAX_CONNECTIONS);
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced() {
    let peer = peer(Manner::AnswerOnce).await;
    for _ in 0..3 {
        peer.client.command("status").await.unwrap();
    }
    assert_eq!(*peer.connections.lock(), 3);
}

#[tokio::test]
async fn replies_that_do_not_fit_the_request_are_refused() {
    for (manner, expected) in [
        (Manner::WrongSerial, "bad reply: _ser is missing or wrong"),
        (Manner::WrongNonce, "bad reply: _nonce is missing or wrong"),
        (Manner::NotAReply, "bad reply: _rpl is missing or wrong"),
        (Manner::NoData, "bad reply: _data is missing or wrong"),
        (Manner::WrongKey, "bad reply: the signature is missing or wrong"),
        (Manner::Garbage, "bad reply: the message is cut short"),
    ] {
        let error = peer(manner).await.client.command("status").await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{manner:?}");
    }
}

#[tokio::test]
async fn broken_connections_are_typed() {
    let of = async |manner| peer(manner).await.client.command("status").await.unwrap_err();
    assert!(matches!(of(Manner::HangUp).await, RndcError::Session(SessionError::Closed)));
    assert!(matches!(of(Manner::Oversized).await, RndcError::Session(SessionError::Io { .. })));
    assert!(matches!(of(Manner::CutShort).await, RndcError::Session(SessionError::Io { .. })));
    assert!(matches!(of(Manner::Silent).await, RndcError::TimedOut { .. }));
}

#[tokio::test]
async fn an_overlong_command_is_not_sent() {
    let peer = peer(Manner::Answer).await;
    let error = peer.client.command(&"x".repeat(33_000)).await.unwrap_err();
    assert!(matches!(error, RndcError::Session(SessionError::TooLong { .. })));
}

#[tokio::test]
async fn nobody_listening_and_unreadable_keys_are_typed() {
    let mut peer = peer(Manner::Answer).await;
    peer.client.config.key = KeySource::File("/nonexistent/rndc.key".into());
    assert!(matches!(peer.client.command("status").await, Err(RndcError::ReadKey { .. })));

    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    peer.client.config.key = KeySource::Given(key("YQ=="));
    peer.client.config.port = free;
    let error = peer.client.command("status").await.unwrap_err();
    assert!(matches!(error, RndcError::Session(SessionError::Connect { .. })));
}

#[tokio::test]
async fn the_key_may_stand_in_an_included_file() {
    let mut peer = peer(Manner::Answer).await;
    let folder = tempfile::tempdir().unwrap();
    let key = "key \"k\" { algorithm hmac-sha256; secret \"YQ==\"; };";
    std::fs::write(folder.path().join("rndc.key"), key).unwrap();
    let conf = folder.path().join("rndc.conf");
    std::fs::write(&conf, "include \"rndc.key\";\noptions { default-key \"k\"; };\n").unwrap();
    peer.client.config.key = KeySource::File(conf.clone());
    peer.client.command("status").await.unwrap();

    // A file that includes itself ends as well.
    std::fs::write(&conf, format!("include \"{}\";", conf.display())).unwrap();
    assert!(matches!(read_with_includes(&conf).await, Ok(text) if text.lines().count() == MAX_FILES));
}
