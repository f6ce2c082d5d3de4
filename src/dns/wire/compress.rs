//! Name compression (RFC 1035, section 4.1.4).
//!
//! Invariants: an entry is the offset, below 2^14, of a name inside the message being written; searching and adding
//! take a bounded number of steps whatever names a tenant invents.

use crate::domain::name::MAX_WIRE;

/// Most entries looked at for one suffix.
const PROBES: usize = 8;
/// Offsets from here on do not fit a pointer.
const POINTER_LIMIT: usize = 0x4000;

/// The names already written into a message; `SLOTS` is a power of two.
#[derive(Debug, Clone)]
pub struct Names<const SLOTS: usize> {
    slots: [u16; SLOTS],
    keep_case: bool,
}

impl<const SLOTS: usize> Names<SLOTS> {
    /// For answers: names that differ in case only share their octets, so the answer shows the case that was asked.
    #[must_use]
    pub const fn any_case() -> Self {
        Self { slots: [0; SLOTS], keep_case: false }
    }

    /// For transfers: a name arrives in the case it was given.
    #[must_use]
    pub const fn keeping_case() -> Self {
        Self { slots: [0; SLOTS], keep_case: true }
    }

    /// Forgets all names: a new message begins.
    pub fn clear(&mut self) {
        self.slots.fill(0);
    }

    /// Appends the uncompressed wire name `name` to `message`, which begins at octet `start` of the buffer, replacing
    /// its longest known suffix by a pointer.
    pub fn write(&mut self, buffer: &mut Vec<u8>, start: usize, name: &[u8]) {
        let mut suffixes = [(0_u8, 0_u32); 128];
        let count = split(name, &mut suffixes);
        let suffixes = suffixes.get(..count).unwrap_or_default();
        let base = buffer.len();
        for (at, hash) in suffixes {
            let at = usize::from(*at);
            let suffix = name.get(at..).unwrap_or_default();
            match self.find(buffer, start, suffix, *hash) {
                Known::At(offset) => {
                    buffer.extend_from_slice(name.get(..at).unwrap_or_default());
                    buffer.extend_from_slice(&(0xc000 | offset).to_be_bytes());
                    return;
                }
                Known::Free(slot) => {
                    let offset = base - start + at;
                    if let (true, Some(slot)) = (offset < POINTER_LIMIT, self.slots.get_mut(slot)) {
                        *slot = u16::try_from(offset).unwrap_or(0);
                    }
                }
                Known::Crowded => {}
            }
        }
        buffer.extend_from_slice(name);
    }

    fn find(&self, buffer: &[u8], start: usize, suffix: &[u8], hash: u32) -> Known {
        let message = buffer.get(start..).unwrap_or_default();
        for probe in 0..PROBES {
            let slot = (hash as usize).wrapping_add(probe) & (SLOTS - 1);
            match self.slots.get(slot) {
                Some(0) => return Known::Free(slot),
                Some(offset) if self.is_at(message, usize::from(*offset), suffix) => {
                    return Known::At(*offset);
                }
                _ => {}
            }
        }
        Known::Crowded
    }

    /// True if the name at `offset` of the message is `suffix`. The offset of a suffix of the name that is being
    /// written is not in the message yet, and does not match.
    fn is_at(&self, message: &[u8], offset: usize, suffix: &[u8]) -> bool {
        let mut at = offset;
        let mut rest = suffix;
        for _ in 0..MAX_WIRE {
            let Some(length) = message.get(at).copied() else { return false };
            if length >= 0xc0 {
                let Some(low) = message.get(at + 1) else { return false };
                at = usize::from(u16::from_be_bytes([length & 0x3f, *low]));
                continue;
            }
            let size = usize::from(length) + 1;
            let (Some(label), Some(mine)) = (message.get(at..at + size), rest.get(..size)) else {
                return false;
            };
            let same = if self.keep_case { label == mine } else { label.eq_ignore_ascii_case(mine) };
            if !same {
                return false;
            }
            if length == 0 {
                return true;
            }
            at += size;
            rest = rest.get(size..).unwrap_or_default();
        }
        false
    }
}

enum Known {
    At(u16),
    Free(usize),
    Crowded,
}

/// Fills in where each suffix of the name begins and a hash of it without case, longest first; returns how many
/// there are, the root not counted.
fn split(name: &[u8], suffixes: &mut [(u8, u32); 128]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while let Some(length) = name.get(at).copied().filter(|l| *l > 0) {
        let (Some(slot), Ok(start)) = (suffixes.get_mut(count), u8::try_from(at)) else { break };
        slot.0 = start;
        count += 1;
        at += usize::from(length) + 1;
    }
    let mut hash = 0x811c_9dc5_u32;
    let mut end = at;
    for (start, slot) in suffixes.iter_mut().take(count).rev() {
        let label = name.get(usize::from(*start)..end).unwrap_or_default();
        for octet in label {
            hash = (hash ^ u32::from(octet.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        }
        hash ^= hash >> 15;
        *slot = hash;
        end = usize::from(*start);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_become_pointers() {
        let mut names = Names::<64>::any_case();
        let mut buffer = vec![0xff; 12];
        names.write(&mut buffer, 0, b"\x01a\x07example\x03org\x00");
        names.write(&mut buffer, 0, b"\x01b\x07EXAMPLE\x03org\x00");
        names.write(&mut buffer, 0, b"\x01A\x07example\x03org\x00");
        names.write(&mut buffer, 0, b"\x03org\x00");
        names.write(&mut buffer, 0, b"\x00");
        assert_eq!(
            buffer.get(12..).unwrap(),
            b"\x01a\x07example\x03org\x00\x01b\xc0\x0e\xc0\x0c\xc0\x16\x00"
        );
    }

    #[test]
    fn transfers_keep_the_case() {
        let mut names = Names::<64>::keeping_case();
        let mut buffer = vec![0xff; 12];
        names.write(&mut buffer, 0, b"\x03org\x00");
        names.write(&mut buffer, 0, b"\x03Org\x00");
        names.write(&mut buffer, 0, b"\x03Org\x00");
        assert_eq!(buffer.get(12..).unwrap(), b"\x03org\x00\x03Org\x00\xc0\x11");
    }

    #[test]
    fn no_pointer_reaches_beyond_its_14_bits() {
        let mut names = Names::<64>::any_case();
        let mut buffer = vec![0xff; POINTER_LIMIT - 2];
        names.write(&mut buffer, 0, b"\x01a\x03org\x00");
        let before = buffer.len();
        names.write(&mut buffer, 0, b"\x03org\x00");
        assert_eq!(buffer.get(before..).unwrap(), b"\x03org\x00");
        names.write(&mut buffer, 0, b"\x01a\x03org\x00");
        assert!(buffer.ends_with(b"\xff\xfe"));
    }

    #[test]
    fn a_full_table_only_compresses_less() {
        let mut names = Names::<4>::any_case();
        let mut buffer = vec![0; 12];
        for n in 0..100_u8 {
            names.write(&mut buffer, 0, &[1, n, 1, b'x', 0]);
        }
        assert!(buffer.len() >= 12 + 100 * 4);
    }
}
