//! The keys that a server knows, and what each is good for.
//!
//! Invariants: names are found whatever their case; of keys whose names differ in case or final dot only, the first one counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::key::Key;
use crate::domain::ids::{PoolId, ZoneId};
use crate::domain::tsig_key::{TsigKey, TsigScope};

/// What may be seen by who has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The zones of a pool.
    Pool(PoolId),
    /// One zone.
    Zone(ZoneId),
}

impl Scope {
    /// True if a zone is among them.
    #[must_use]
    pub fn covers(self, zone: ZoneId, pool: PoolId) -> bool {
        match self {
            Self::Pool(id) => id == pool,
            Self::Zone(id) => id == zone,
        }
    }
}

/// Keys by name.
#[derive(Debug, Default)]
pub struct Keyring {
    keys: HashMap<Box<[u8]>, (Arc<Key>, Scope)>,
}

impl Keyring {
    /// A ring of keys that are ready to be used.
    pub fn new(keys: impl IntoIterator<Item = (Key, Scope)>) -> Self {
        let mut ring = Self::default();
        for (key, scope) in keys {
            match ring.keys.entry(key.name().into()) {
                Entry::Occupied(_) => {
                    tracing::warn!(key = key.shown(), "another key has this name: left out");
                }
                Entry::Vacant(free) => {
                    free.insert((Arc::new(key), scope));
                }
            }
        }
        ring
    }

    /// A ring of the keys that the database has; those that cannot be used are left out, which is logged.
    #[must_use]
    pub fn read(keys: &[TsigKey]) -> Self {
        Self::new(keys.iter().filter_map(|row| {
            let scope = match row.scope {
                TsigScope::Pool => Scope::Pool(row.resource_id.into()),
                TsigScope::Zone => Scope::Zone(row.resource_id.into()),
            };
            match Key::read(row) {
                Ok(key) => Some((key, scope)),
                Err(error) => {
                    tracing::warn!(key_id = %row.id, %error, "TSIG key left out");
                    None
                }
            }
        }))
    }

    /// The key of a name in lower-case wire form.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&(Arc<Key>, Scope)> {
        self.keys.get(name)
    }
}
