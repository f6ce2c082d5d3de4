//! One question and its answer.
//!
//! Invariants: an answer handed out is a response, has the question's id, opcode and question section, and came from
//! whom was asked; whether it says anything useful is the caller's to see.

use std::fmt;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use hickory_proto::op::{Message, MessageType, ResponseCode};
use thiserror::Error;

use crate::domain::host_port::HostPort;

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// Nothing acceptable came in time.
    #[error("no answer within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The system could not send or receive.
    #[error("cannot ask: {source}")]
    Io {
        /// What it said.
        #[from]
        source: io::Error,
    },
    /// The server's name has no address.
    #[error("{host} has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// The question cannot be written.
    #[error("cannot write the question: {reason}")]
    Encode {
        /// Why.
        reason: String,
    },
    /// The answer over TCP is no DNS message, or not to this question.
    #[error("bad answer: {reason}")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
}

/// A question.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The message; its id should be random.
    pub message: Message,
    /// Ask over TCP at once. Otherwise over UDP, and over TCP if the answer is truncated.
    pub tcp: bool,
    /// Limit for everything, name resolution included.
    pub timeout: Duration,
}

/// Something that gets questions answered.
#[async_trait]
pub trait Exchange: Send + Sync + fmt::Debug {
    /// Asks `server` and waits for the answer.
    ///
    /// # Errors
    /// There was no acceptable answer in time.
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError>;
}

/// Why `answer` is no answer to `question`, if it is none.
pub(super) fn mismatch(question: &Message, answer: &Message) -> Option<&'static str> {
    let (asked, got) = (&question.metadata, &answer.metadata);
    if got.message_type != MessageType::Response {
        Some("it is no response")
    } else if got.id != asked.id {
        Some("its id is another")
    } else if got.op_code != asked.op_code {
        Some("its opcode is another")
    } else if answer.queries != question.queries
        // A server that could not read the question may leave it out.
        && !(answer.queries.is_empty() && got.response_code != ResponseCode::NoError)
    {
        Some("its question is another")
    } else {
        None
    }
}
