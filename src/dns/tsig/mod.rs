//! Signatures of messages by shared keys (RFC 8945): those of requests and answers, and those of transfers, which are
//! chained over their messages.
//!
//! Works on messages as octets, whoever wrote them; a signature is put behind a finished message, and is looked for before
//! anything else of a message is believed.
//!
//! Invariants: codes are compared in constant time; a key signs by its own algorithm only, in full length; nothing is ever
//! signed for a request whose code was not verified; secrets do not print.

mod algorithm;
mod answers;
mod key;
mod record;
mod request;
mod ring;
mod sign;
#[cfg(test)]
mod tests;

pub use self::answers::{AnswerError, Answers};
pub use self::key::{Key, KeyError};
pub use self::record::{Malformed, Signature};
pub use self::request::{Rejection, Verified, verify};
pub use self::ring::{Keyring, Scope};
pub use self::sign::{ReplySigner, SignedBy};
use crate::domain::time::Timestamp;

/// Seconds that the clocks of the two sides may differ (RFC 8945, section 10).
pub const FUDGE: u16 = 300;

/// Numbers of the errors that a TSIG record tells of (RFC 8945, section 3), beyond the response codes.
pub mod error {
    /// The code is not right.
    pub const BADSIG: u16 = 16;
    /// The key is not known, or not with this algorithm.
    pub const BADKEY: u16 = 17;
    /// It was signed too long ago, or in the future.
    pub const BADTIME: u16 = 18;
    /// The code is shorter than we take.
    pub const BADTRUNC: u16 = 22;

    /// The name of an error.
    #[must_use]
    pub fn name(number: u16) -> String {
        match number {
            BADSIG => "BADSIG".to_owned(),
            BADKEY => "BADKEY".to_owned(),
            BADTIME => "BADTIME".to_owned(),
            BADTRUNC => "BADTRUNC".to_owned(),
            other => format!("error {other}"),
        }
    }
}

/// A moment as signatures state it: seconds since the epoch in 48 bits.
fn seconds(now: Timestamp) -> u64 {
    u64::try_from(now.seconds()).unwrap_or(0) & 0xffff_ffff_ffff
}

/// The last six octets.
fn six(seconds: u64) -> [u8; 6] {
    let [_, _, six @ ..] = seconds.to_be_bytes();
    six
}
