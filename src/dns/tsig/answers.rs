//! Are the answers to a signed request signed by whom was asked?
//!
//! Invariants: the first message and the last one must be signed, and of those between at least every hundredth (RFC 8945,
//! section 5.3.1: older servers sign no more); what is not signed yet counts for nothing until a signature covers it.

use std::sync::Arc;

use thiserror::Error;

use super::algorithm::Mac;
use super::key::Key;
use super::record::{Malformed, Signature};
use super::sign::{put_code, put_timers, put_variables};
use super::{error, seconds};
use crate::clock::Clock;

/// Messages in a row that may come without a signature.
const MOST_UNSIGNED: u32 = 99;

/// Why an answer is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// It cannot be read.
    #[error("its signature is malformed")]
    Malformed,
    /// It has no signature, although it should.
    #[error("it is not signed")]
    Unsigned,
    /// It is signed by another key or algorithm.
    #[error("it is signed by another key")]
    OtherKey,
    /// Its code is not right.
    #[error("its signature is not right")]
    BadCode,
    /// It was signed too long ago, or in the future.
    #[error("it was signed {apart} s away from now")]
    BadTime {
        /// How far.
        apart: u64,
    },
    /// The server does not take our signature.
    #[error("the server does not take our signature: {}", error::name(*number))]
    Rejected {
        /// The error's number.
        number: u16,
    },
}

impl From<Malformed> for AnswerError {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// The messages that answer one signed request, in their order.
#[derive(Debug, Clone)]
pub struct Answers {
    key: Arc<Key>,
    clock: Clock,
    /// What was put in since the last signature; the code of that came first.
    mac: Mac,
    is_first: bool,
    unsigned: u32,
}

impl Answers {
    pub(super) fn new(key: Arc<Key>, clock: Clock, request_code: &[u8]) -> Self {
        let mac = begun(&key, request_code);
        Self { key, clock, mac, is_first: true, unsigned: 0 }
    }

    /// True if the last message was signed, so that all of them can be believed.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        !self.is_first && self.unsigned == 0
    }

    /// Looks at the next message; says how many octets of it are left without its signature.
    ///
    /// # Errors
    /// If it cannot be believed; nor can any that come after it.
    pub fn check(&mut self, message: &[u8]) -> Result<usize, AnswerError> {
        let Some(signature) = Signature::find(message)? else {
            self.unsigned += 1;
            if self.is_first || self.unsigned > MOST_UNSIGNED {
                return Err(AnswerError::Unsigned);
            }
            self.mac.update(message);
            return Ok(message.len());
        };
        if *signature.key != *self.key.name() || *signature.algorithm != *self.key.algorithm_name() {
            return Err(AnswerError::OtherKey);
        }
        // Without a code nothing of it is certain, but it is all there is to say.
        if signature.code.is_empty() && signature.error != 0 {
            return Err(AnswerError::Rejected { number: signature.error });
        }
        let mut mac = self.mac.clone();
        signature.put_message(&mut mac);
        if self.is_first {
            put_variables(
                &mut mac,
                &self.key,
                signature.time,
                signature.fudge,
                signature.error,
                signature.other,
            );
        } else {
            put_timers(&mut mac, signature.time, signature.fudge);
        }
        if signature.code.len() != self.key.code_length() || !mac.agrees(signature.code) {
            return Err(AnswerError::BadCode);
        }
        if signature.error != 0 {
            return Err(AnswerError::Rejected { number: signature.error });
        }
        let now = seconds(self.clock.now());
        if !signature.is_timely(now) {
            return Err(AnswerError::BadTime { apart: now.abs_diff(signature.time) });
        }
        self.mac = begun(&self.key, signature.code);
        self.is_first = false;
        self.unsigned = 0;
        Ok(signature.signed_length())
    }
}

fn begun(key: &Key, code: &[u8]) -> Mac {
    let mut mac = key.mac();
    put_code(&mut mac, code);
    mac
}
