//! The number of a zone's accepted change.
//!
//! Invariants: only grows; a zone is created at generation 1, so 0 means «never». Not the serial: that is what DNS shows.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many changes of a zone were accepted up to and including this one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Generation(u64);

impl Generation {
    /// Before any change.
    pub const NEVER: Self = Self(0);
    /// The creation of a zone.
    pub const FIRST: Self = Self(1);

    /// From the stored number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The next change's.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
