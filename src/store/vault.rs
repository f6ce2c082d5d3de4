//! Secrets in the database, encrypted with keys that are not in it.
//!
//! A sealed text is `sealed:1:KEY:DATA`: version 1 is AES-256-GCM, KEY names the key, DATA is base64 of 12 octets nonce,
//! cipher text and tag. The place it was sealed for (table, column, row) is part of what is authenticated, so a sealed text
//! that is moved elsewhere does not open. Texts without that beginning are plain, from before there was a key.
//!
//! Invariants: the first key seals, every key opens; nonces are random, which is safe for far more secrets than there are;
//! a text that only looks sealed is kept as `plain:1:TEXT`; neither keys nor secrets are in an error or printed.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::error::StoreError;

/// Octets of a key.
pub const KEY_LENGTH: usize = 32;
const SEALED: &str = "sealed:1:";
const PLAIN: &str = "plain:1:";

/// The keys; cheap to clone.
#[derive(Clone, Default)]
pub struct Vault {
    keys: Arc<[Key]>,
}

struct Key {
    name: String,
    key: LessSafeKey,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.name)).finish()
    }
}

impl Vault {
    /// A vault of named keys, the one that seals first. Without any, secrets are kept plain.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = (String, [u8; KEY_LENGTH])>) -> Self {
        let key = |(name, octets): (String, [u8; KEY_LENGTH])| {
            // A key of this length is always taken.
            UnboundKey::new(&AES_256_GCM, &octets).ok().map(|key| Key { name, key: LessSafeKey::new(key) })
        };
        Self { keys: keys.into_iter().filter_map(key).collect() }
    }

    /// True if there is a key to seal with.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// What is to be kept of a secret at a place.
    ///
    /// # Errors
    /// If the secret is too long to be encrypted, beyond any that there are.
    pub fn seal(&self, place: &str, secret: &str) -> Result<String, StoreError> {
        let Some(Key { name, key }) = self.keys.first() else {
            let looks_kept = [SEALED, PLAIN].iter().any(|start| secret.starts_with(start));
            return Ok(if looks_kept { format!("{PLAIN}{secret}") } else { secret.to_owned() });
        };
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut data = secret.as_bytes().to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut data)
            .map_err(|_| StoreError::corrupt(place, "a secret cannot be sealed"))?;
        let data = BASE64.encode([&nonce[..], &data].concat());
        Ok(format!("{SEALED}{name}:{data}"))
    }

    /// The secret of what was kept at a place.
    ///
    /// # Errors
    /// If its key is not there, or it was not sealed with that key for that place.
    pub fn open(&self, place: &str, kept: &str) -> Result<String, StoreError> {
        let Some(sealed) = kept.strip_prefix(SEALED) else {
            return Ok(kept.strip_prefix(PLAIN).unwrap_or(kept).to_owned());
        };
        let damaged = || StoreError::corrupt(place, "what is sealed there does not open");
        let (name, data) = sealed.rsplit_once(':').ok_or_else(damaged)?;
        let Some(Key { key, .. }) = self.keys.iter().find(|key| key.name == name) else {
            let reason = format!("it is sealed with the key {name}, which is not configured");
            return Err(StoreError::corrupt(place, &reason));
        };
        let data = BASE64.decode(data).map_err(|_| damaged())?;
        let (nonce, cipher) = data.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut cipher = cipher.to_vec();
        let secret = key.open_in_place(nonce, Aad::from(place), &mut cipher).map_err(|_| damaged())?;
        String::from_utf8(secret.to_vec()).map_err(|_| damaged())
    }

    /// True if what was kept would be kept in another way now: it is plain or sealed with an older key, and there is a key.
    #[must_use]
    pub fn is_outdated(&self, kept: &str) -> bool {
        self.keys.first().is_some_and(|Key { name, .. }| {
            !kept.strip_prefix(SEALED).is_some_and(|sealed| {
                sealed.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(':'))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault(names: &[&str]) -> Vault {
        Vault::new(names.iter().map(|name| ((*name).to_owned(), [name.as_bytes()[0]; KEY_LENGTH])))
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_and_hides(secret in "\\PC{4,60}") {
            let vault = vault(&["b", "a"]);
            let kept = vault.seal("t.c.1", &secret).unwrap();
            prop_assert!(!kept.contains(&secret) && kept.starts_with("sealed:1:b:"));
            prop_assert_eq!(vault.open("t.c.1", &kept).unwrap(), secret.clone());
            prop_assert_ne!(&kept, &vault.seal("t.c.1", &secret).unwrap());
            let plain = Vault::default();
            prop_assert_eq!(plain.open("t.c.1", &plain.seal("t.c.1", &secret).unwrap()).unwrap(), secret);
        }
    }

    #[test]
    fn a_key_is_exchanged_while_the_old_one_still_opens() {
        let old = vault(&["a"]).seal("p", "secret").unwrap();
        let both = vault(&["b", "a"]);
        assert_eq!(both.open("p", &old).unwrap(), "secret");
        assert!(both.is_outdated(&old) && both.is_outdated("plain"));
        let new = both.seal("p", "secret").unwrap();
        assert!(!both.is_outdated(&new) && !Vault::default().is_outdated("plain"));
        assert_eq!(vault(&["b"]).open("p", &new).unwrap(), "secret");
        let refused = vault(&["b"]).open("p", &old).unwrap_err().to_string();
        assert!(refused.contains("the key a"), "{refused}");
        assert!(Vault::default().open("p", &new).is_err());
    }

    #[test]
    fn what_was_moved_or_changed_does_not_open() {
        let vault = vault(&["a"]);
        let kept = vault.seal("p", "secret").unwrap();
        assert!(vault.open("q", &kept).is_err());
        for at in SEALED.len()..kept.len() {
            let mut octets = kept.clone().into_bytes();
            octets[at] = if octets[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(octets).unwrap();
            assert!(vault.open("p", &changed).is_err(), "{changed}");
        }
        for odd in ["sealed:1:", "sealed:1:a", "sealed:1:a:", "sealed:1:a:AAAA", "sealed:1::"] {
            assert!(vault.open("p", odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn plain_texts_stay_readable_and_none_is_mistaken() {
        let (with, without) = (vault(&["a"]), Vault::default());
        assert_eq!(with.open("p", "from before").unwrap(), "from before");
        for text in ["sealed:1:a:AAAA", "plain:1:x", "", "sealed:2:"] {
            assert_eq!(without.open("p", &without.seal("p", text).unwrap()).unwrap(), text);
        }
        assert!(!format!("{with:?}").contains("97"));
    }
}
