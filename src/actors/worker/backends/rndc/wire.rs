//! The message format of BIND's control channel: nested tables of named binary values, signed as a whole.
//!
//! A message is the version (32 bits, 1), the table `_auth` with the signature, and everything signed by it. It travels
//! behind a 32-bit length that the caller adds and removes.
//!
//! Invariants: nothing received is believed before its signature was checked; no input makes this panic, recurse
//! deeply or allocate more than a small multiple of its own size.

use thiserror::Error;

use super::auth::Key;

const VERSION: u32 = 1;
const BINARY: u8 = 1;
const TABLE: u8 = 2;
const LIST: u8 = 3;
/// Deepest nesting that is read; real messages have two levels.
const MAX_DEPTH: usize = 8;

/// Why bytes are not an acceptable message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// The message ends inside a value.
    #[error("the message is cut short")]
    CutShort,
    /// Another version of the protocol.
    #[error("protocol version {version} is not known")]
    UnknownVersion {
        /// As received.
        version: u32,
    },
    /// A value of a type that does not exist.
    #[error("value type {tag} is not known")]
    UnknownType {
        /// As received.
        tag: u8,
    },
    /// Tables within tables beyond reason.
    #[error("values are nested too deeply")]
    TooDeep,
    /// A name or value too long for its length field.
    #[error("a name or value is too long")]
    TooLong,
    /// The first entry is not the signature, or the signature is not made with the key.
    #[error("the signature is missing or wrong")]
    BadSignature,
}

/// A value of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Text and numbers, too, are bytes; numbers are decimal.
    Binary(Vec<u8>),
    Table(Table),
    List(Vec<Self>),
}

/// Named values in the order of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table(Vec<(Vec<u8>, Value)>);

impl Table {
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.push((name.as_bytes().to_vec(), value.into()));
        self
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value)
    }

    pub(super) fn table(&self, name: &str) -> Option<&Self> {
        match self.get(name) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        match self.get(name) {
            Some(Value::Binary(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Text, with a replacement character for what is not UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.bytes(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        std::str::from_utf8(self.bytes(name)?).ok()?.parse().ok()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Binary(text.as_bytes().to_vec())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Binary(number.to_string().into_bytes())
    }
}

impl From<Table> for Value {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

/// Writes `body`, signed with `key`.
pub(super) fn seal(key: &Key, body: &Table) -> Result<Vec<u8>, WireError> {
    let mut signed = Vec::new();
    write_table(&mut signed, body)?;
    let signature = Value::Binary(key.signature(&signed));
    let auth = Table::default().with(key.algorithm().field(), signature);

    let mut message = VERSION.to_be_bytes().to_vec();
    write_table(&mut message, &Table::default().with("_auth", auth))?;
    message.extend_from_slice(&signed);
    Ok(message)
}

/// Reads a message and returns what its signature covers.
pub(super) fn open(key: &Key, message: &[u8]) -> Result<Table, WireError> {
    let mut input = Input(message);
    let version = input.number()?;
    if version != VERSION {
        return Err(WireError::UnknownVersion { version });
    }
    let (name, value) = input.entry(0)?;
    let Value::Table(auth) = value else { return Err(WireError::BadSignature) };
    let signature = auth.bytes(key.algorithm().field()).ok_or(WireError::BadSignature)?;
    if name != b"_auth" || !key.verifies(input.0, signature) {
        return Err(WireError::BadSignature);
    }
    input.table(0)
}

fn write_table(out: &mut Vec<u8>, table: &Table) -> Result<(), WireError> {
    for (name, value) in &table.0 {
        out.push(u8::try_from(name.len()).map_err(|_| WireError::TooLong)?);
        out.extend_from_slice(name);
        write_value(out, value)?;
    }
    Ok(())
}

fn write_value(out: &mut Vec<u8>, value: &Value) -> Result<(), WireError> {
    let mut content = Vec::new();
    let tag = match value {
        Value::Binary(bytes) => {
            content.extend_from_slice(bytes);
            BINARY
        }
        Value::Table(table) => {
            write_table(&mut content, table)?;
            TABLE
        }
        Value::List(values) => {
            for value in values {
                write_value(&mut content, value)?;
            }
            LIST
        }
    };
    out.push(tag);
    out.extend_from_slice(&u32::try_from(content.len()).map_err(|_| WireError::TooLong)?.to_be_bytes());
    out.extend_from_slice(&content);
    Ok(())
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::CutShort)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        let (&byte, rest) = self.0.split_first().ok_or(WireError::CutShort)?;
        self.0 = rest;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, WireError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(WireError::CutShort)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    fn entry(&mut self, depth: usize) -> Result<(&'a [u8], Value), WireError> {
        let length = usize::from(self.byte()?);
        let name = self.take(length)?;
        Ok((name, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, WireError> {
        if depth > MAX_DEPTH {
            return Err(WireError::TooDeep);
        }
        let tag = self.byte()?;
        let length = usize::try_from(self.number()?).map_err(|_| WireError::TooLong)?;
        let mut content = Self(self.take(length)?);
        match tag {
            BINARY => Ok(Value::Binary(content.0.to_vec())),
            TABLE => content.table(depth + 1).map(Value::Table),
            LIST => content.list(depth + 1).map(Value::List),
            tag => Err(WireError::UnknownType { tag }),
        }
    }

    fn table(&mut self, depth: usize) -> Result<Table, WireError> {
        let mut entries = Vec::new();
        while !self.0.is_empty() {
            let (name, value) = self.entry(depth)?;
            entries.push((name.to_vec(), value));
        }
        Ok(Table(entries))
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, WireError> {
        let mut values = Vec::new();
        while !self.0.is_empty() {
            values.push(self.value(depth)?);
        }
        Ok(values)
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
