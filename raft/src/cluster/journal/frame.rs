//! How a record stands in a file: a header with magic word, schema, length, checksum and sequence number, then the record.
//!
//! **Invariants**: the checksum covers all of the frame but itself. Sequence numbers leave no gap over the life of a disk,
//! so that a frame that went missing is noticed as surely as one that changed.
use bincode::config::{Configuration, Fixint, Limit, LittleEndian, Varint};
use serde::{Serialize, de::DeserializeOwned};

const MAGIC: [u8; 4] = *b"\xc5log";
/// Bytes before the record.
pub(crate) const HEADER: usize = 24;
/// Bytes of the largest record.
const MAX: usize = 64 << 20;

type Config = Configuration<LittleEndian, Varint, Limit<MAX>>;

const fn config() -> Config {
    bincode::config::standard().with_limit::<MAX>()
}

/// The header is of fixed width.
type Header = ([u8; 4], u16, u16, u32, u32, u64);

const fn header_config() -> Configuration<LittleEndian, Fixint> {
    bincode::config::standard().with_fixed_int_encoding()
}

/// A value as bytes.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    bincode::serde::encode_to_vec(value, config()).map_err(|error| error.to_string())
}

/// A value from exactly these bytes.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let (value, read) =
        bincode::serde::decode_from_slice(bytes, config()).map_err(|error| error.to_string())?;
    if read == bytes.len() { Ok(value) } else { Err("bytes are left over".to_owned()) }
}

/// A frame as bytes.
pub(crate) fn write<T: Serialize>(schema: u16, sequence: u64, record: &T) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; HEADER];
    bincode::serde::encode_into_std_write(record, &mut bytes, config()).map_err(|error| error.to_string())?;
    let length = bytes.len().checked_sub(HEADER).and_then(|length| u32::try_from(length).ok());
    let length = length.ok_or("the record is too long")?;
    let body = bytes.get(HEADER..).unwrap_or_default();
    let checksum = checksum(schema, length, sequence, body);
    let header: Header = (MAGIC, schema, 0, length, checksum, sequence);
    bincode::encode_into_slice(header, &mut bytes, header_config()).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// A frame that checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) schema: u16,
    pub(crate) sequence: u64,
    pub(crate) record: &'a [u8],
}

impl Frame<'_> {
    /// Bytes of the frame in the file.
    pub(crate) const fn length(&self) -> usize {
        HEADER + self.record.len()
    }
}

/// Reads the frame at the start of `bytes`; none if there are no more bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (header, rest) = bytes.split_at_checked(HEADER).ok_or("the header is cut off")?;
    let (header, _): (Header, usize) =
        bincode::decode_from_slice(header, header_config()).map_err(|_| "the header cannot be read")?;
    let (magic, schema, reserved, length, expected, sequence) = header;
    if magic != MAGIC || reserved != 0 {
        return Err("no record begins here");
    }
    let length_here = usize::try_from(length).map_err(|_| "the record is too long")?;
    let record = rest.get(..length_here).ok_or("the record is cut off")?;
    if checksum(schema, length, sequence, record) != expected {
        return Err("the checksum does not fit");
    }
    Ok(Some(Frame { schema, sequence, record }))
}

/// Whether a frame that checks begins anywhere behind the start of `bytes`.
pub(crate) fn is_any_behind(bytes: &[u8]) -> bool {
    let starts = bytes.windows(MAGIC.len()).enumerate().skip(1).filter(|(_, word)| *word == MAGIC);
    starts.filter_map(|(at, _)| bytes.get(at..)).any(|rest| matches!(read(rest), Ok(Some(_))))
}

fn checksum(schema: u16, length: u32, sequence: u64, record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&schema.to_le_bytes());
    hasher.update(&length.to_le_bytes());
    hasher.update(&sequence.to_le_bytes());
    hasher.update(record);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_no_flipped_bit_goes_unnoticed() {
        let bytes = write(7, 42, &"a record").unwrap();
        let frame = read(&bytes).unwrap().unwrap();
        assert_eq!((frame.schema, frame.sequence, frame.length()), (7, 42, bytes.len()));
        assert_eq!(decode::<String>(frame.record).unwrap(), "a record");
        for at in 0..bytes.len() {
            assert_eq!(read(&bytes[..at]).is_err(), at > 0, "cut at {at}");
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(read(&flipped).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_frame_behind_rubbish_is_found() {
        let mut bytes = vec![0xc5; 11];
        bytes.extend(write(1, 1, &5_u8).unwrap());
        assert!(is_any_behind(&bytes));
        bytes.pop();
        assert!(!is_any_behind(&bytes));
    }
}
