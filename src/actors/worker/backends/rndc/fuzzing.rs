//! Messages of the control channel without a connection, for `fuzz/`.

use super::wire::{self, WireError};
use super::{Key, KeyError};

/// A key like those of real servers.
///
/// # Errors
/// None, unless keys change.
pub fn key() -> Result<Key, KeyError> {
    Key::new("rndc", "hmac-sha256", "b2YgbWFueSBvY3RldHM=")
}

/// Reads a message; if it is one, what is written of it must read as the same.
///
/// # Errors
/// It is none, or not signed by this key.
pub fn reads_as_written(key: &Key, message: &[u8]) -> Result<bool, WireError> {
    let table = wire::open(key, message)?;
    let again = wire::open(key, &wire::seal(key, &table)?)?;
    // What a session looks for.
    for part in ["_ctrl", "_data"] {
        let Some(part) = table.table(part) else { continue };
        let _found = (part.number("_ser"), part.number("_nonce"), part.bytes("_rpl"), part.text("err"));
    }
    Ok(again == table)
}

/// A message with this content, whatever it is, under a signature that fits.
///
/// # Errors
/// It is too long.
pub fn signed(key: &Key, content: &[u8]) -> Result<Vec<u8>, WireError> {
    let empty = wire::seal(key, &wire::Table::default())?;
    let signature = key.signature(content);
    let old = key.signature(&[]);
    let at = empty.windows(old.len()).position(|part| part == old.as_slice()).unwrap_or_default();
    let mut message = empty;
    if let Some(place) = message.get_mut(at..at + signature.len()) {
        place.copy_from_slice(&signature);
    }
    message.extend_from_slice(content);
    Ok(message)
}
