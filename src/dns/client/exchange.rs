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

use crate::dns::tsig::{AnswerError, Answers, SignedBy};
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
    /// The answer is not signed as it must be.
    #[error("bad signature: {source}")]
    BadSignature {
        /// What is wrong.
        #[from]
        source: AnswerError,
    },
    /// The question was to be signed, but by what is not there.
    #[error("cannot sign: {reason}")]
    NoKey {
        /// What is missing.
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
    /// Sign it, and believe no answer that is not signed.
    pub signed_by: Option<SignedBy>,
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

/// An exchange of which every question is signed by one key.
#[derive(Debug)]
pub struct Signed<'e> {
    /// What asks.
    pub through: &'e dyn Exchange,
    /// The key.
    pub by: SignedBy,
}

#[async_trait]
impl Exchange for Signed<'_> {
    async fn exchange(&self, server: &HostPort, ask: &Ask) -> Result<Message, ExchangeError> {
        let ask = Ask { signed_by: Some(self.by.clone()), ..ask.clone() };
        self.through.exchange(server, &ask).await
    }
}

/// A question as it is sent, and what its answer is verified by if that must be signed.
pub(crate) fn written(ask: &Ask) -> Result<(Vec<u8>, Option<Answers>), ExchangeError> {
    let mut octets =
        ask.message.to_vec().map_err(|error| ExchangeError::Encode { reason: error.to_string() })?;
    let answers = ask.signed_by.as_ref().map(|by| by.sign(&mut octets, 0));
    Ok((octets, answers))
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
