//! Bodies as bytes: bincode, with a bound on what a decoded value may take.
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

/// Most bytes that a body may make the decoder set aside.
const LIMIT: usize = 64 << 20;

/// None if it cannot be written, which no value that passes here should be.
pub(super) fn encode<T: Serialize>(value: &T) -> Option<Bytes> {
    let encoded = bincode::serde::encode_to_vec(value, bincode::config::standard());
    encoded.map(Bytes::from).ok()
}

/// None unless the bytes are one value and nothing else.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (value, read) = bincode::serde::decode_from_slice(bytes, config).ok()?;
    (read == bytes.len()).then_some(value)
}
