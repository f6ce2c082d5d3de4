//! One conversation with a control channel: connect, learn the nonce, then any number of commands.
//!
//! `named` answers many commands on one connection under the nonce of the first; it closes a connection that is silent
//! for about half a minute, older versions every connection after one minute.
//!
//! Invariants: a reply is used only if it is signed with the key and repeats the serial and the nonce of the request;
//! after any error the session must not be used again (the caller drops it). Time limits are the caller's.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use super::auth::Key;
use super::wire::{self, Table, WireError};
use crate::clock::Clock;

/// Longest request that `named` reads.
const MAX_REQUEST: usize = 32 * 1024;
/// Longest reply that is read.
const MAX_REPLY: usize = 1024 * 1024;
/// Seconds for which a request is valid.
const VALID_FOR: u64 = 60;

/// What can go wrong between asking and answering.
#[derive(Debug, Error)]
pub enum SessionError {
    /// No connection could be made.
    #[error("cannot connect: {source}")]
    Connect {
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke, or the frame on it was oversized.
    #[error("connection failed: {source}")]
    Io {
        /// What the system said.
        source: io::Error,
    },
    /// The peer hung up instead of answering: it does that to wrong keys, clocks far off, and addresses not allowed.
    #[error(
        "the server closed the connection without an answer (wrong key, clock skew or address not allowed)"
    )]
    Closed,
    /// The request is longer than the server reads.
    #[error("the command is too long ({length} bytes)")]
    TooLong {
        /// Bytes of the message.
        length: usize,
    },
    /// The reply is malformed or not signed with the key.
    #[error("bad reply: {source}")]
    Wire {
        /// What is wrong with it.
        #[from]
        source: WireError,
    },
    /// The reply lacks a field, or one of its fields does not fit the request.
    #[error("bad reply: {field} is missing or wrong")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
}

/// What the server said to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The server's result code; 0 is success, other numbers differ between versions.
    pub result: u32,
    /// The text of the result if it is no success.
    pub error: Option<String>,
    /// Output of the command.
    pub text: Option<String>,
}

/// An open connection that knows its nonce.
#[derive(Debug)]
pub(super) struct Session {
    frames: Framed<TcpStream, LengthDelimitedCodec>,
    key: Arc<Key>,
    clock: Clock,
    serial: u32,
    nonce: Option<u32>,
    opened: Instant,
    used: Instant,
}

impl Session {
    /// Connects and fetches the nonce.
    pub(super) async fn open(
        host: &str,
        port: u16,
        key: Arc<Key>,
        clock: Clock,
    ) -> Result<Self, SessionError> {
        let stream =
            TcpStream::connect((host, port)).await.map_err(|source| SessionError::Connect { source })?;
        stream.set_nodelay(true).map_err(|source| SessionError::Io { source })?;
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_REPLY).new_codec();
        let frames = Framed::new(stream, codec);
        let now = Instant::now();
        let mut session =
            Self { frames, key, clock, serial: rand::random(), nonce: None, opened: now, used: now };
        session.command("null").await?;
        Ok(session)
    }

    /// When the connection was made.
    pub(super) const fn opened(&self) -> Instant {
        self.opened
    }

    /// When the last reply came.
    pub(super) const fn used(&self) -> Instant {
        self.used
    }

    /// Runs one command and waits for its reply.
    pub(super) async fn command(&mut self, command: &str) -> Result<Reply, SessionError> {
        // The server refuses a pair of serial and second it has seen before: every request takes a new serial.
        self.serial = self.serial.wrapping_add(1);
        let message = wire::seal(&self.key, &self.request(command))?;
        if message.len() > MAX_REQUEST {
            return Err(SessionError::TooLong { length: message.len() });
        }
        self.frames.send(Bytes::from(message)).await.map_err(|source| SessionError::Io { source })?;
        let frame = match self.frames.next().await {
            Some(Ok(frame)) => frame,
            Some(Err(source)) => return Err(SessionError::Io { source }),
            None => return Err(SessionError::Closed),
        };
        self.used = Instant::now();
        self.reply(&wire::open(&self.key, &frame)?)
    }

    fn request(&self, command: &str) -> Table {
        let now = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        let mut control = Table::default()
            .with("_ser", u64::from(self.serial))
            .with("_tim", now)
            .with("_exp", now.saturating_add(VALID_FOR));
        if let Some(nonce) = self.nonce {
            control = control.with("_nonce", u64::from(nonce));
        }
        Table::default().with("_ctrl", control).with("_data", Table::default().with("type", command))
    }

    fn reply(&mut self, message: &Table) -> Result<Reply, SessionError> {
        let control = message.table("_ctrl").ok_or(SessionError::Field { field: "_ctrl" })?;
        if control.number("_ser") != Some(self.serial) {
            return Err(SessionError::Field { field: "_ser" });
        }
        if control.bytes("_rpl") != Some(b"1") {
            return Err(SessionError::Field { field: "_rpl" });
        }
        let nonce = control.number("_nonce").ok_or(SessionError::Field { field: "_nonce" })?;
        if *self.nonce.get_or_insert(nonce) != nonce {
            return Err(SessionError::Field { field: "_nonce" });
        }
        let data = message.table("_data").ok_or(SessionError::Field { field: "_data" })?;
        let error = data.text("err");
        let result = match (data.number("result"), &error) {
            (Some(result), _) => result,
            // Versions before 9.11 send no number.
            (None, None) => 0,
            (None, Some(_)) => u32::MAX,
        };
        Ok(Reply { result, error, text: data.text("text") })
    }
}
