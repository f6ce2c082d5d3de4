//! The words of the crate: validated names, and numbers that only grow.
//!
//! **Invariants**: a name is 1 to 255 bytes without control characters, also when it was read from a log or a peer. A
//! [`Token`] or [`Epoch`] orders by incarnation of the cluster first, by log index second, and fits a signed 64-bit column.
use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const MAX_NAME: usize = 255;
const INDEX_BITS: u32 = 48;
const MAX_INCARNATION: u16 = i16::MAX as u16;

/// A name that is empty, too long, or not printable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a coordinator name must be 1 to 255 bytes without control characters, got {length} bytes")]
pub struct NameError {
    /// Bytes in the refused name.
    pub length: usize,
}

const fn is_valid(name: &str) -> bool {
    let mut rest = name.as_bytes();
    if rest.is_empty() || rest.len() > MAX_NAME {
        return false;
    }
    while let [byte, tail @ ..] = rest {
        if byte.is_ascii_control() {
            return false;
        }
        rest = tail;
    }
    true
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Cow<'static, str>);

        impl $type {
            /// Checks a name that is known only at run time.
            ///
            /// # Errors
            /// [`NameError`] unless it has 1 to 255 bytes and no control character.
            pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
                let name = name.into();
                if is_valid(&name) { Ok(Self(Cow::Owned(name))) } else { Err(NameError { length: name.len() }) }
            }

            /// A name written in the source; meant for constants, where a bad one fails the build.
            ///
            /// # Panics
            /// When the name is not valid and the call is not evaluated at compile time.
            #[must_use]
            pub const fn literal(name: &'static str) -> Self {
                assert!(is_valid(name), "not a valid coordinator name");
                Self(Cow::Borrowed(name))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.into_owned()
            }
        }
    };
}

name!(
    /// Names a group of members.
    GroupName
);
name!(
    /// Names a lock.
    LockName
);
name!(
    /// What a member calls itself; should differ for every start of a process.
    MemberId
);

/// A group and how many shards it divides among its members.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Group {
    name: GroupName,
    shards: u16,
}

impl Group {
    /// A group that owns shards `0..shards` together.
    #[must_use]
    pub const fn sharded(name: GroupName, shards: u16) -> Self {
        Self { name, shards }
    }

    /// A group that only knows who is alive.
    #[must_use]
    pub const fn plain(name: GroupName) -> Self {
        Self { name, shards: 0 }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &GroupName {
        &self.name
    }

    /// How many shards there are; 0 for a plain group.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        self.shards
    }
}

/// One life of a member or lock holder. Chosen by the client, so that repeating a command is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Position of a command in the log, from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Index(pub u64);

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! stamp {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $type(u64);

        impl $type {
            /// Older than everything that is ever given out.
            pub const ZERO: Self = Self(0);

            /// The stamp of what was decided at `index` of an incarnation (at most 32767) of the cluster.
            #[must_use]
            pub const fn new(incarnation: u16, index: Index) -> Self {
                let incarnation = if incarnation > MAX_INCARNATION { MAX_INCARNATION } else { incarnation };
                Self((incarnation as u64) << INDEX_BITS | (index.0 & ((1 << INDEX_BITS) - 1)))
            }

            /// As a signed integer, for a database column; never negative, same order.
            #[must_use]
            pub const fn as_i64(self) -> i64 {
                (self.0 & i64::MAX as u64) as i64
            }

            /// Reads back [`Self::as_i64`]; a negative number counts as [`Self::ZERO`].
            #[must_use]
            pub const fn from_i64(stored: i64) -> Self {
                Self(if stored < 0 { 0 } else { stored as u64 })
            }

            /// How often the cluster had been restored from a backup.
            #[must_use]
            pub const fn incarnation(self) -> u16 {
                (self.0 >> INDEX_BITS) as u16
            }

            /// The log index within that incarnation.
            #[must_use]
            pub const fn index(self) -> Index {
                Index(self.0 & ((1 << INDEX_BITS) - 1))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.incarnation(), self.index())
            }
        }
    };
}

stamp!(
    /// Fencing token: a guarded write carries it, and storage refuses one smaller than it has seen.
    Token
);
stamp!(
    /// Version of a group: the stamp of the last command that changed its members or its assignment.
    Epoch
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_wherever_they_come_from() {
        assert!(GroupName::new("producer").is_ok());
        assert!(GroupName::new("").is_err());
        assert!(GroupName::new("a\nb").is_err());
        assert!(LockName::new("x".repeat(255)).is_ok());
        assert_eq!(LockName::try_from("x".repeat(256)), Err(NameError { length: 256 }));
    }

    #[test]
    fn a_newer_incarnation_outranks_any_index() {
        let old = Token::new(0, Index((1 << 48) - 1));
        let new = Token::new(1, Index(1));
        assert!(old < new && old.as_i64() < new.as_i64());
        assert_eq!((new.incarnation(), new.index()), (1, Index(1)));
        assert_eq!(Token::from_i64(new.as_i64()), new);
        assert!(Token::new(u16::MAX, Index(u64::MAX)).as_i64() > 0);
        assert_eq!(new.to_string(), "1.1");
    }
}
