//! Signing.
//!
//! Invariants: a signature is the last record of its message, which is otherwise left as it is; the second and every further
//! message of an answer is signed over the code of the one before (RFC 8945, section 5.3.1).

use std::sync::Arc;

use super::algorithm::Mac;
use super::answers::Answers;
use super::key::Key;
use super::record::ADDITIONAL;
use super::{FUDGE, error, seconds, six};
use crate::clock::Clock;

const TSIG: u16 = 250;
const CLASS_ANY: u16 = 255;

/// Puts a code into another with its length in front (RFC 8945, section 4.3.1).
pub(super) fn put_code(mac: &mut Mac, code: &[u8]) {
    mac.update(&u16::try_from(code.len()).unwrap_or(u16::MAX).to_be_bytes());
    mac.update(code);
}

/// Puts in the fields of a signature (RFC 8945, section 4.3.3).
pub(super) fn put_variables(mac: &mut Mac, key: &Key, time: u64, fudge: u16, error: u16, other: &[u8]) {
    mac.update(key.name());
    mac.update(&CLASS_ANY.to_be_bytes());
    mac.update(&[0; 4]);
    mac.update(key.algorithm_name());
    put_timers(mac, time, fudge);
    mac.update(&error.to_be_bytes());
    put_code(mac, other);
}

/// Puts in the only fields that count in the second and every further message.
pub(super) fn put_timers(mac: &mut Mac, time: u64, fudge: u16) {
    mac.update(&six(time));
    mac.update(&fudge.to_be_bytes());
}

/// What a signature says, its code apart.
pub(super) struct Said<'a> {
    pub(super) key: &'a [u8],
    pub(super) algorithm: &'a [u8],
    pub(super) time: u64,
    pub(super) fudge: u16,
    pub(super) error: u16,
    pub(super) other: &'a [u8],
}

/// Appends a signature to the message that begins at octet `start` of the buffer.
pub(super) fn append(buffer: &mut Vec<u8>, start: usize, said: &Said<'_>, code: &[u8]) {
    let id = buffer.get(start..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
    let size = |octets: &[u8]| u16::try_from(octets.len()).unwrap_or(0).to_be_bytes();
    buffer.extend_from_slice(said.key);
    for word in [TSIG, CLASS_ANY, 0, 0] {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
    let length = said.algorithm.len() + 16 + code.len() + said.other.len();
    buffer.extend_from_slice(&u16::try_from(length).unwrap_or(0).to_be_bytes());
    buffer.extend_from_slice(said.algorithm);
    buffer.extend_from_slice(&six(said.time));
    buffer.extend_from_slice(&said.fudge.to_be_bytes());
    buffer.extend_from_slice(&size(code));
    buffer.extend_from_slice(code);
    buffer.extend_from_slice(&id);
    buffer.extend_from_slice(&said.error.to_be_bytes());
    buffer.extend_from_slice(&size(said.other));
    buffer.extend_from_slice(said.other);
    if let Some(count) = buffer.get_mut(start + ADDITIONAL..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *count = u16::from_be_bytes(*count).wrapping_add(1).to_be_bytes();
    }
}

/// Signs the messages of one answer, in their order.
#[derive(Debug, Clone)]
pub struct ReplySigner {
    key: Arc<Key>,
    clock: Clock,
    /// The code of the request, later of the message before.
    prior: Vec<u8>,
    is_first: bool,
    error: u16,
    /// The requester's time, where that is what is wrong.
    asked_at: Option<u64>,
}

impl ReplySigner {
    /// Answers a request that has this code.
    pub(super) fn new(key: Arc<Key>, clock: Clock, request_code: &[u8]) -> Self {
        Self { key, clock, prior: request_code.to_vec(), is_first: true, error: 0, asked_at: None }
    }

    /// Answers with what is wrong with the request's time or the length of its code.
    pub(super) fn complaining(mut self, error: u16, asked_at: u64) -> Self {
        self.error = error;
        self.asked_at = (error == error::BADTIME).then_some(asked_at);
        self
    }

    /// Octets that a signature takes.
    #[must_use]
    pub fn room(&self) -> usize {
        self.key.room() + if self.asked_at.is_some() { 6 } else { 0 }
    }

    /// Signs the finished message that begins at octet `start` of the buffer and ends with it.
    pub fn sign(&mut self, buffer: &mut Vec<u8>, start: usize) {
        let now = seconds(self.clock.now());
        let (time, other) = match self.asked_at {
            Some(asked_at) => (asked_at, six(now).to_vec()),
            None => (now, Vec::new()),
        };
        let mut mac = self.key.mac();
        put_code(&mut mac, &self.prior);
        mac.update(buffer.get(start..).unwrap_or_default());
        if self.is_first {
            put_variables(&mut mac, &self.key, time, FUDGE, self.error, &other);
        } else {
            put_timers(&mut mac, time, FUDGE);
        }
        let code = mac.finish();
        let said = Said {
            key: self.key.name(),
            algorithm: self.key.algorithm_name(),
            time,
            fudge: FUDGE,
            error: self.error,
            other: &other,
        };
        append(buffer, start, &said, &code);
        self.prior = code;
        self.is_first = false;
    }
}

/// A key and the clock that its signatures go by.
#[derive(Debug, Clone)]
pub struct SignedBy {
    key: Arc<Key>,
    clock: Clock,
}

impl SignedBy {
    /// Signs by this key.
    #[must_use]
    pub const fn new(key: Arc<Key>, clock: Clock) -> Self {
        Self { key, clock }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Signs a finished request, which is all of the buffer from octet `start` on. The answer is for what comes back.
    pub fn sign(&self, request: &mut Vec<u8>, start: usize) -> Answers {
        let time = seconds(self.clock.now());
        let mut mac = self.key.mac();
        mac.update(request.get(start..).unwrap_or_default());
        put_variables(&mut mac, &self.key, time, FUDGE, 0, &[]);
        let code = mac.finish();
        let said = Said {
            key: self.key.name(),
            algorithm: self.key.algorithm_name(),
            time,
            fudge: FUDGE,
            error: 0,
            other: &[],
        };
        append(request, start, &said, &code);
        Answers::new(Arc::clone(&self.key), self.clock, &code)
    }
}
