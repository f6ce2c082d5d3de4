//! A name as a key for look-ups: lower-case wire form in a fixed buffer.
//!
//! Invariants: a well-formed uncompressed name of at most 255 octets; `starts` holds the offset of every label, that
//! of the root last.

use std::fmt;

use crate::domain::name::{MAX_LABEL, MAX_WIRE, Name};

/// A name in lower-case wire form, with its label boundaries; lives on the stack.
#[derive(Clone)]
pub struct QName {
    octets: [u8; MAX_WIRE],
    length: u8,
    starts: [u8; 128],
    labels: u8,
}

impl QName {
    /// Reads an uncompressed name from the front of `octets`; `None` if it is malformed or compressed.
    #[must_use]
    pub fn read(octets: &[u8]) -> Option<Self> {
        let mut name = Self { octets: [0; MAX_WIRE], length: 0, starts: [0; 128], labels: 0 };
        let mut at = 0_usize;
        loop {
            let length = usize::from(*octets.get(at)?);
            *name.starts.get_mut(usize::from(name.labels))? = u8::try_from(at).ok()?;
            if length > MAX_LABEL {
                return None;
            }
            let end = at + 1 + length;
            let label = octets.get(at..end)?;
            let target = name.octets.get_mut(at..end)?;
            target.copy_from_slice(label);
            target.make_ascii_lowercase();
            at = end;
            if length == 0 {
                break;
            }
            name.labels += 1;
        }
        name.length = u8::try_from(at).ok()?;
        Some(name)
    }

    /// How many labels, the root not counted.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels as usize
    }

    /// Octets of the wire form.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a name is never empty: the root has one octet")]
    pub const fn len(&self) -> usize {
        self.length as usize
    }

    /// The whole name.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.octets.get(..self.len()).unwrap_or_default()
    }

    /// The name made of the last `labels` labels; the whole name if it has no more than those.
    #[must_use]
    pub fn last(&self, labels: usize) -> &[u8] {
        let skip = self.labels().saturating_sub(labels);
        let start = self.starts.get(skip).map_or(0, |s| usize::from(*s));
        self.key().get(start..).unwrap_or_default()
    }

    /// Hands the key of the wildcard `*` under the name's last `labels` labels to `look`.
    pub fn with_wildcard<T>(&self, labels: usize, look: impl FnOnce(&[u8]) -> T) -> T {
        let mut buffer = [0; MAX_WIRE + 2];
        let parent = self.last(labels);
        let length = parent.len() + 2;
        for (to, from) in buffer.iter_mut().zip([1, b'*'].iter().chain(parent)) {
            *to = *from;
        }
        look(buffer.get(..length).unwrap_or_default())
    }
}

impl fmt::Display for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Name::from_wire(self.key()) {
            Ok((name, _)) => name.fmt(f),
            Err(_) => f.write_str("?"),
        }
    }
}

impl fmt::Debug for QName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_and_lowered() {
        let name = QName::read(b"\x03wWw\x07exAmple\x03ORG\x00rest").unwrap();
        assert_eq!(name.key(), b"\x03www\x07example\x03org\x00");
        assert_eq!((name.labels(), name.len()), (3, 17));
        assert_eq!(name.last(0), b"\x00");
        assert_eq!(name.last(2), b"\x07example\x03org\x00");
        assert_eq!(name.last(9), name.key());
        name.with_wildcard(1, |key| assert_eq!(key, b"\x01*\x03org\x00"));
    }

    #[test]
    fn malformed_names_are_none() {
        assert!(QName::read(b"").is_none());
        assert!(QName::read(b"\x03ab").is_none());
        assert!(QName::read(b"\xc0\x0c").is_none());
        assert!(QName::read(b"\x40").is_none());
        let longest: Vec<u8> = [1, b'a'].repeat(127).into_iter().chain([0]).collect();
        assert_eq!(QName::read(&longest).unwrap().labels(), 127);
        let too_long: Vec<u8> = [1, b'a'].repeat(128).into_iter().chain([0]).collect();
        assert!(QName::read(&too_long).is_none());
        let too_long = [b"\x02aa".as_slice(), &longest].concat();
        assert!(QName::read(&too_long).is_none());
    }
}
