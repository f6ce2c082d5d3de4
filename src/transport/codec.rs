//! Values as bytes. The only file that knows which encoding that is.
//!
//! Invariants: reading is bounded by [`MAX_BODY`], takes the whole input or fails (the encoding is positional: left-over
//! bytes mean another shape), and never panics whatever the bytes are.

use bincode::config;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest body that is written or read, in bytes.
pub const MAX_BODY: usize = 32 * 1024 * 1024;

/// Few headers and bodies are longer, in bytes: most are written without growing.
const USUAL: usize = 256;

/// A value that does not become bytes, or bytes that do not become a value.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value has a form that the encoding cannot express.
    #[error("cannot be encoded: {0}")]
    Unencodable(#[from] bincode::error::EncodeError),
    /// The bytes are not a value of this type.
    #[error("cannot be decoded: {0}")]
    Undecodable(#[from] bincode::error::DecodeError),
    /// The value ended before the bytes did.
    #[error("{left} of {length} bytes are left over")]
    LeftOver {
        /// How many bytes were not read.
        left: usize,
        /// How many there were.
        length: usize,
    },
    /// More than [`MAX_BODY`].
    #[error("{length} bytes are more than the {MAX_BODY} that are allowed")]
    TooLong {
        /// The length in bytes.
        length: usize,
    },
    /// The message has no form in a schema as old as the receiver wants.
    #[error("has schema {schema} and no form for {ceiling}")]
    NoOlderForm {
        /// The present schema.
        schema: u16,
        /// The newest that may be sent.
        ceiling: u16,
    },
}

fn format() -> config::Configuration<config::LittleEndian, config::Varint, config::Limit<MAX_BODY>> {
    config::standard().with_limit::<MAX_BODY>()
}

/// Writes `value`.
///
/// # Errors
/// If its type uses what the encoding cannot express, or the result is too long.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(USUAL);
    bincode::serde::encode_into_std_write(value, &mut bytes, format())?;
    if bytes.len() > MAX_BODY {
        return Err(CodecError::TooLong { length: bytes.len() });
    }
    Ok(bytes)
}

/// Reads a value that takes up all of `bytes`.
///
/// # Errors
/// If the bytes are no such value, too long, or more than one value.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    if bytes.len() > MAX_BODY {
        return Err(CodecError::TooLong { length: bytes.len() });
    }
    let (value, read) = bincode::serde::decode_from_slice(bytes, format())?;
    if read != bytes.len() {
        return Err(CodecError::LeftOver { left: bytes.len() - read, length: bytes.len() });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        name: String,
        ttl: Option<u32>,
    }

    #[test]
    fn another_shape_is_an_error_in_both_directions() {
        let old = encode(&Old { name: "a.".into() }).unwrap();
        let new = encode(&New { name: "a.".into(), ttl: Some(1) }).unwrap();
        assert!(matches!(decode::<New>(&old), Err(CodecError::Undecodable(_))));
        assert!(matches!(decode::<Old>(&new), Err(CodecError::LeftOver { left: 2, length: 5 })));
    }

    #[test]
    fn a_length_that_lies_is_refused_without_allocating() {
        let mut bytes = vec![253];
        bytes.extend(u64::MAX.to_le_bytes());
        assert!(decode::<Vec<u64>>(&bytes).is_err());
    }

    #[test]
    fn too_long_a_body_is_not_written() {
        let long = vec![0_u8; MAX_BODY];
        assert!(matches!(encode(&long), Err(CodecError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = decode::<New>(&bytes) {
                prop_assert_eq!(decode::<New>(&encode(&value).unwrap()).unwrap(), value);
            }
        }
    }
}
