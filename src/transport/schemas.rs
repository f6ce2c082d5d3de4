//! How new a schema may be that is sent, while a fleet is being upgraded.
//!
//! Invariants: nothing configured means the newest; a ceiling is per message, since schemas are counted per message.

use std::collections::BTreeMap;

/// The newest schema that receivers read, per message where it is not the newest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SchemaCeilings(BTreeMap<String, u16>);

impl SchemaCeilings {
    /// Lets `method` be sent in schema `ceiling` at most.
    #[must_use]
    pub fn with(mut self, method: impl Into<String>, ceiling: u16) -> Self {
        self.0.insert(method.into(), ceiling);
        self
    }

    /// The newest schema that `method` may be sent in.
    #[must_use]
    pub fn of(&self, method: &str) -> u16 {
        self.0.get(method).copied().unwrap_or(u16::MAX)
    }
}
