//! The keys of BIND's control channel: which algorithms there are, how a message is signed and how a signature is checked.
//!
//! Invariants: a signature has the fixed width the protocol asks for (base64, cut or filled up with zero bytes);
//! comparison takes the same time wherever the first difference is; a secret is never printed.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use thiserror::Error;

/// Width of an HMAC-MD5 signature on the wire.
const MD5_WIDTH: usize = 22;
/// Width of every HMAC-SHA signature on the wire, the algorithm byte before it not counted.
const SHA_WIDTH: usize = 88;

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The algorithm is none of the six that the control channel knows.
    #[error("unknown key algorithm {name:?}")]
    UnknownAlgorithm {
        /// As it was written.
        name: String,
    },
    /// The secret is empty or not base64.
    #[error("the secret of key {key:?} is not base64")]
    BadSecret {
        /// Name of the key.
        key: String,
    },
}

/// The signature algorithms of the control channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA-1.
    Sha1,
    /// HMAC-SHA-224.
    Sha224,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-384.
    Sha384,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// The byte that names the algorithm before an HMAC-SHA signature; HMAC-MD5 has a field of its own instead.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Md5 => 157,
            Self::Sha1 => 161,
            Self::Sha224 => 162,
            Self::Sha256 => 163,
            Self::Sha384 => 164,
            Self::Sha512 => 165,
        }
    }

    /// Name of the field that carries the signature.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::Md5 => "hmd5",
            _ => "hsha",
        }
    }

    const fn width(self) -> usize {
        match self {
            Self::Md5 => MD5_WIDTH,
            _ => SHA_WIDTH,
        }
    }
}

impl FromStr for Algorithm {
    type Err = KeyError;

    /// Takes `hmac-sha256` and `sha256`, in any case.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.strip_prefix("hmac-").unwrap_or(&lower) {
            "md5" | "md5.sig-alg.reg.int" => Ok(Self::Md5),
            "sha1" => Ok(Self::Sha1),
            "sha224" => Ok(Self::Sha224),
            "sha256" => Ok(Self::Sha256),
            "sha384" => Ok(Self::Sha384),
            "sha512" => Ok(Self::Sha512),
            _ => Err(KeyError::UnknownAlgorithm { name: text.to_owned() }),
        }
    }
}

/// A shared key of a control channel. The name is for messages only, the protocol does not carry it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    algorithm: Algorithm,
    secret: Vec<u8>,
}

impl Key {
    /// A key from its parts as they stand in a configuration file; `secret` is base64, white space in it is ignored.
    ///
    /// # Errors
    /// The algorithm is unknown, or the secret is empty or not base64.
    pub fn new(name: &str, algorithm: &str, secret: &str) -> Result<Self, KeyError> {
        let algorithm = algorithm.parse()?;
        let compact: String = secret.split_whitespace().collect();
        match STANDARD.decode(compact) {
            Ok(secret) if !secret.is_empty() => Ok(Self { name: name.to_owned(), algorithm, secret }),
            _ => Err(KeyError::BadSecret { key: name.to_owned() }),
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The content of the signature field for `data`.
    pub(super) fn signature(&self, data: &[u8]) -> Vec<u8> {
        let mut text = STANDARD.encode(self.digest(data)).into_bytes();
        text.resize(self.algorithm.width(), 0);
        if self.algorithm != Algorithm::Md5 {
            text.insert(0, self.algorithm.code());
        }
        text
    }

    /// True if `field` is the content of a signature field made with this key for `data`.
    pub(super) fn verifies(&self, data: &[u8], field: &[u8]) -> bool {
        let expected = self.signature(data);
        expected.len() == field.len()
            && expected.iter().zip(field).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    }

    fn digest(&self, data: &[u8]) -> Vec<u8> {
        match self.algorithm {
            Algorithm::Md5 => mac::<Hmac<md5::Md5>>(&self.secret, data),
            Algorithm::Sha1 => mac::<Hmac<sha1::Sha1>>(&self.secret, data),
            Algorithm::Sha224 => mac::<Hmac<sha2::Sha224>>(&self.secret, data),
            Algorithm::Sha256 => mac::<Hmac<sha2::Sha256>>(&self.secret, data),
            Algorithm::Sha384 => mac::<Hmac<sha2::Sha384>>(&self.secret, data),
            Algorithm::Sha512 => mac::<Hmac<sha2::Sha512>>(&self.secret, data),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
fn mac<M: Mac + hmac::digest::KeyInit>(secret: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = <M as Mac>::new_from_slice(secret).expect("HMAC takes keys of every length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_configuration_files_write_it() {
        let key = Key::new("k", "HMAC-SHA256", "MTIz NDU2\n").unwrap();
        assert_eq!((key.algorithm(), key.secret.as_slice()), (Algorithm::Sha256, b"123456".as_slice()));
        assert_eq!(format!("{key:?}"), r#"Key { name: "k", algorithm: Sha256, .. }"#);
        for bad in ["", "not base64!"] {
            assert_eq!(Key::new("k", "sha1", bad), Err(KeyError::BadSecret { key: "k".to_owned() }));
        }
        assert!(matches!(Key::new("k", "hmac-sha3", "MTIz"), Err(KeyError::UnknownAlgorithm { .. })));
    }

    #[test]
    fn signatures_have_the_width_of_the_protocol() {
        for (algorithm, width, first) in
            [("md5", 22, b'3'), ("sha1", 89, 161), ("sha224", 89, 162), ("sha256", 89, 163)]
                .into_iter()
                .chain([("sha384", 89, 164), ("sha512", 89, 165)])
        {
            let key = Key::new("k", algorithm, "c2VjcmV0").unwrap();
            let mut field = key.signature(b"data");
            assert_eq!((field.len(), field[0]), (width, first), "{algorithm}");
            assert!(key.verifies(b"data", &field));
            assert!(!key.verifies(b"Data", &field));
            assert!(!key.verifies(b"data", &field[1..]));
            field[5] ^= 1;
            assert!(!key.verifies(b"data", &field));
        }
    }
}
