//! The codes: HMAC over each of the hash functions that keys may have.
//!
//! Invariants: a code is compared in constant time.

use std::fmt;

use hmac::{Hmac, Mac as _};

use crate::domain::tsig_key::TsigAlgorithm;

/// The name by which messages call an algorithm (RFC 8945, section 6), in lower-case wire form.
pub(super) const fn wire_name(algorithm: TsigAlgorithm) -> &'static [u8] {
    match algorithm {
        TsigAlgorithm::HmacMd5 => b"\x08hmac-md5\x07sig-alg\x03reg\x03int\x00",
        TsigAlgorithm::HmacSha1 => b"\x09hmac-sha1\x00",
        TsigAlgorithm::HmacSha224 => b"\x0bhmac-sha224\x00",
        TsigAlgorithm::HmacSha256 => b"\x0bhmac-sha256\x00",
        TsigAlgorithm::HmacSha384 => b"\x0bhmac-sha384\x00",
        TsigAlgorithm::HmacSha512 => b"\x0bhmac-sha512\x00",
    }
}

/// Octets of a full code.
pub(super) const fn length(algorithm: TsigAlgorithm) -> usize {
    match algorithm {
        TsigAlgorithm::HmacMd5 => 16,
        TsigAlgorithm::HmacSha1 => 20,
        TsigAlgorithm::HmacSha224 => 28,
        TsigAlgorithm::HmacSha256 => 32,
        TsigAlgorithm::HmacSha384 => 48,
        TsigAlgorithm::HmacSha512 => 64,
    }
}

/// A code in the making. A copy begins where the original stands.
#[derive(Clone)]
pub(super) enum Mac {
    Md5(Hmac<md5::Md5>),
    Sha1(Hmac<sha1::Sha1>),
    Sha224(Hmac<sha2::Sha224>),
    Sha256(Hmac<sha2::Sha256>),
    Sha384(Hmac<sha2::Sha384>),
    Sha512(Hmac<sha2::Sha512>),
}

/// Does the same to whichever it is.
macro_rules! each {
    ($mac:expr, $inner:ident => $do:expr) => {
        match $mac {
            Mac::Md5($inner) => $do,
            Mac::Sha1($inner) => $do,
            Mac::Sha224($inner) => $do,
            Mac::Sha256($inner) => $do,
            Mac::Sha384($inner) => $do,
            Mac::Sha512($inner) => $do,
        }
    };
}

impl Mac {
    pub(super) fn new(algorithm: TsigAlgorithm, secret: &[u8]) -> Self {
        match algorithm {
            TsigAlgorithm::HmacMd5 => Self::Md5(keyed(secret)),
            TsigAlgorithm::HmacSha1 => Self::Sha1(keyed(secret)),
            TsigAlgorithm::HmacSha224 => Self::Sha224(keyed(secret)),
            TsigAlgorithm::HmacSha256 => Self::Sha256(keyed(secret)),
            TsigAlgorithm::HmacSha384 => Self::Sha384(keyed(secret)),
            TsigAlgorithm::HmacSha512 => Self::Sha512(keyed(secret)),
        }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        each!(self, mac => mac.update(data));
    }

    pub(super) fn finish(self) -> Vec<u8> {
        each!(self, mac => mac.finalize().into_bytes().to_vec())
    }

    /// True if `code`, which may be cut short but not empty, begins the code of what was put in.
    pub(super) fn agrees(self, code: &[u8]) -> bool {
        each!(self, mac => mac.verify_truncated_left(code).is_ok())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac")
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn keyed<M: hmac::Mac + hmac::digest::KeyInit>(secret: &[u8]) -> M {
    <M as hmac::Mac>::new_from_slice(secret).expect("HMAC takes keys of every length")
}
