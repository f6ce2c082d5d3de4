//! The keys that NOTIFY, SOA polls and transfers from masters are signed by.
//!
//! Invariants: what is to be signed is never sent without its signature; a key that was changed counts seconds later, and
//! one that was removed no longer than that.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::dns::client::ExchangeError;
use crate::dns::tsig::{Key, SignedBy};
use crate::domain::ids::{TsigKeyId, ZoneId};
use crate::domain::tsig_key::TsigKey;
use crate::store::repo::tsig_keys;
use crate::store::{Store, StoreError};

/// How long a key is taken to be as it was read.
const FRESH: Duration = Duration::from_secs(2);
/// Keys remembered; beyond it all are forgotten.
const MOST: usize = 10_000;

/// The keys in use.
#[derive(Debug)]
pub(super) struct Signers {
    store: Store,
    clock: Clock,
    known: Mutex<HashMap<TsigKeyId, (Instant, Arc<Key>)>>,
}

impl Signers {
    pub(super) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, known: Mutex::default() }
    }

    /// What signs by a key; `None` if there is nothing to be signed.
    ///
    /// # Errors
    /// If the key is not there, or cannot be used.
    pub(super) async fn get(&self, id: Option<TsigKeyId>) -> Result<Option<SignedBy>, ExchangeError> {
        let Some(id) = id else { return Ok(None) };
        let fresh = self.known.lock().get(&id).filter(|(read, _)| read.elapsed() < FRESH).cloned();
        if let Some((_, key)) = fresh {
            return Ok(Some(SignedBy::new(key, self.clock)));
        }
        let found = self.store.read(|tx| Box::pin(async move { tsig_keys::get(tx, id).await })).await;
        let row = found.map_err(no_database)?;
        let Some(row) = row else {
            self.known.lock().remove(&id);
            return Err(ExchangeError::NoKey { reason: format!("there is no TSIG key {id}") });
        };
        let key = Arc::new(usable(&row)?);
        let mut known = self.known.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(id, (Instant::now(), Arc::clone(&key)));
        Ok(Some(SignedBy::new(key, self.clock)))
    }

    /// What signs what is asked of the masters of a zone: the key that is for this zone alone, if it has one.
    ///
    /// # Errors
    /// If the key cannot be read, or used.
    pub(super) async fn of_zone(&self, zone: ZoneId) -> Result<Option<SignedBy>, ExchangeError> {
        let found = self.store.read(|tx| Box::pin(async move { tsig_keys::of_zone(tx, zone).await })).await;
        let Some(row) = found.map_err(no_database)? else { return Ok(None) };
        Ok(Some(SignedBy::new(Arc::new(usable(&row)?), self.clock)))
    }
}

fn usable(row: &TsigKey) -> Result<Key, ExchangeError> {
    Key::read(row).map_err(|error| ExchangeError::NoKey { reason: error.to_string() })
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn no_database(error: StoreError) -> ExchangeError {
    ExchangeError::NoKey { reason: error.to_string() }
}
