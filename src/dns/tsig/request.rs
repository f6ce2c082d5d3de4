//! Is a request signed by whom it says?
//!
//! Invariants: looked at in the order of RFC 8945, section 5.2: key, code, time, length of the code; an answer is signed only
//! if the code was right.

use std::sync::Arc;

use super::record::{Malformed, Signature};
use super::ring::{Keyring, Scope};
use super::sign::{ReplySigner, Said, append, put_variables};
use super::{error, seconds};
use crate::clock::Clock;

/// The shortest code that any algorithm allows (RFC 8945, section 5.2.2.1).
const SHORTEST_CODE: usize = 10;

/// A request that is signed by a known key.
#[derive(Debug)]
pub struct Verified {
    /// What the key is good for.
    pub scope: Scope,
    /// Signs the answer.
    pub signer: ReplySigner,
}

/// Why a signed request is not heard.
#[derive(Debug)]
pub enum Rejection {
    /// It cannot be read: FORMERR, without a signature.
    Malformed,
    /// NOTAUTH with an error in a TSIG record without a code.
    Unsigned {
        /// The key's name as the request has it.
        key: Box<[u8]>,
        /// The algorithm's, likewise.
        algorithm: Box<[u8]>,
        /// When the request says that it was signed.
        time: u64,
        /// How much the clocks may differ.
        fudge: u16,
        /// BADKEY or BADSIG.
        error: u16,
    },
    /// NOTAUTH, signed: BADTIME or BADTRUNC.
    Signed(ReplySigner, u16),
}

impl Rejection {
    /// The error of the TSIG record; zero if there is none.
    #[must_use]
    pub const fn error(&self) -> u16 {
        match self {
            Self::Malformed => 0,
            Self::Unsigned { error, .. } | Self::Signed(_, error) => *error,
        }
    }

    /// True if another look at the keys may help.
    #[must_use]
    pub const fn concerns_key(&self) -> bool {
        matches!(self, Self::Unsigned { .. })
    }

    /// Puts the error behind the answer that begins at octet `start` of the buffer.
    pub fn seal(mut self, buffer: &mut Vec<u8>, start: usize) {
        match &mut self {
            Self::Malformed => {}
            Self::Unsigned { key, algorithm, time, fudge, error } => {
                let (time, fudge, error) = (*time, *fudge, *error);
                append(buffer, start, &Said { key, algorithm, time, fudge, error, other: &[] }, &[]);
            }
            Self::Signed(signer, _) => signer.sign(buffer, start),
        }
    }
}

/// Verifies the signature of a request; `None` if it has none.
///
/// # Errors
/// If there is one that does not hold.
pub fn verify(message: &[u8], keys: &Keyring, clock: Clock) -> Result<Option<Verified>, Rejection> {
    let signature = match Signature::find(message) {
        Ok(Some(signature)) => signature,
        Ok(None) => return Ok(None),
        Err(Malformed) => return Err(Rejection::Malformed),
    };
    let unsigned = |error| Rejection::Unsigned {
        key: signature.key.clone(),
        algorithm: signature.algorithm.clone(),
        time: signature.time,
        fudge: signature.fudge,
        error,
    };
    let known = keys.get(&signature.key).filter(|(key, _)| *key.algorithm_name() == *signature.algorithm);
    let Some((key, scope)) = known else { return Err(unsigned(error::BADKEY)) };
    let (length, full) = (signature.code.len(), key.code_length());
    if length > full || length < SHORTEST_CODE.max(full.div_ceil(2)) {
        return Err(Rejection::Malformed);
    }
    let mut mac = key.mac();
    signature.put_message(&mut mac);
    put_variables(&mut mac, key, signature.time, signature.fudge, signature.error, signature.other);
    if !mac.agrees(signature.code) {
        return Err(unsigned(error::BADSIG));
    }
    let signer = ReplySigner::new(Arc::clone(key), clock, signature.code);
    let flaw = if !signature.is_timely(seconds(clock.now())) {
        error::BADTIME
    } else if length < full {
        error::BADTRUNC
    } else {
        return Ok(Some(Verified { scope: *scope, signer }));
    };
    Err(Rejection::Signed(signer.complaining(flaw, signature.time), flaw))
}
