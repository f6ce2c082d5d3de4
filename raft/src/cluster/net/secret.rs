//! The shared secret of a cluster and what is computed with it.
//!
//! **Invariant**: the secret itself is never sent, printed or logged.
use std::{fmt, sync::Arc};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Shortest secret that is accepted, in bytes.
pub const MIN_SECRET: usize = 16;

/// A secret that all nodes of a cluster know. Should be random: what is computed with it can be tried out offline.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// A secret of at least [`MIN_SECRET`] bytes; none if it is shorter.
    #[must_use]
    pub fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= MIN_SECRET).then(|| Self(secret.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// HMAC-SHA256 over parts, each with its length in front, so that no two lists of parts are alike.
#[derive(Clone)]
pub(crate) struct Keyed(Hmac<Sha256>);

impl Keyed {
    pub(crate) fn new(key: &[u8]) -> Self {
        // HMAC takes keys of any length, an empty one included.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes any key")))
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }

    pub(crate) fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// In constant time; `tag` may be a prefix of at least 16 bytes.
    pub(crate) fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        tag.len() >= 16 && self.over(parts).verify_truncated_left(tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_enough_and_keeps_to_itself() {
        assert_eq!(Secret::new(b"fifteen bytes.."), None);
        let secret = Secret::new(b"sixteen bytes...").unwrap();
        assert!(!format!("{secret:?}").contains("sixteen"));
    }

    #[test]
    fn a_tag_fits_its_key_and_parts_only() {
        let (key, other) = (Keyed::new(b"key"), Keyed::new(b"other"));
        let tag = key.sign(&[b"ab", b"c"]);
        assert!(key.verify(&[b"ab", b"c"], &tag) && key.verify(&[b"ab", b"c"], &tag[..16]));
        assert!(!key.verify(&[b"a", b"bc"], &tag));
        assert!(!other.verify(&[b"ab", b"c"], &tag));
        assert!(!key.verify(&[b"ab", b"c"], &tag[..15]));
        assert!(!key.verify(&[b"ab", b"c"], &[]));
    }
}
