//! A key ready to be used.
//!
//! Invariants: its name is in lower-case wire form; the secret is never empty, and does not print.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::algorithm::{Mac, length, wire_name};
use crate::domain::name::Name;
use crate::domain::tsig_key::{TsigAlgorithm, TsigKey};

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Messages could not carry its name.
    #[error("the name of key {name:?} is no domain name")]
    Name {
        /// The name.
        name: String,
    },
    /// The secret is not base64, or empty: then whoever knows the name could sign.
    #[error("the secret of key {name:?} is empty or not base64")]
    Secret {
        /// The key's name.
        name: String,
    },
}

/// A shared key.
pub struct Key {
    name: Box<[u8]>,
    shown: String,
    algorithm: TsigAlgorithm,
    mac: Mac,
}

impl Key {
    /// A key by its name, with or without final dot, and its secret in base64; white space in that is ignored.
    ///
    /// # Errors
    /// If either is none.
    pub fn new(name: &str, algorithm: TsigAlgorithm, secret: &str) -> Result<Self, KeyError> {
        let shown = name.strip_suffix('.').unwrap_or(name).to_owned();
        let Ok(parsed) = Name::parse(&format!("{shown}.")) else {
            return Err(KeyError::Name { name: shown });
        };
        let compact: String = secret.split_whitespace().collect();
        let Some(secret) = STANDARD.decode(compact).ok().filter(|secret| !secret.is_empty()) else {
            return Err(KeyError::Secret { name: shown });
        };
        let name = parsed.to_wire().to_ascii_lowercase().into();
        Ok(Self { name, shown, algorithm, mac: Mac::new(algorithm, &secret) })
    }

    /// A key as the API and the database have it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn read(key: &TsigKey) -> Result<Self, KeyError> {
        Self::new(&key.name, key.algorithm, key.secret.reveal())
    }

    /// Its name in lower-case wire form.
    #[must_use]
    pub const fn name(&self) -> &[u8] {
        &self.name
    }

    /// Its name as text, without final dot.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> TsigAlgorithm {
        self.algorithm
    }

    /// Octets of a signature, without other data.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.name.len() + 26 + self.algorithm_name().len() + self.code_length()
    }

    pub(super) const fn algorithm_name(&self) -> &'static [u8] {
        wire_name(self.algorithm)
    }

    pub(super) const fn code_length(&self) -> usize {
        length(self.algorithm)
    }

    /// A code that nothing was put into yet.
    pub(super) fn mac(&self) -> Mac {
        self.mac.clone()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.shown)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}
