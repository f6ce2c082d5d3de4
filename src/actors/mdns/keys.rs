//! The TSIG keys in memory, as the database has them.
//!
//! Invariants: the keys are read anew only if any of them changed, and are there no later than a tick after that; somebody whose
//! key is not known is worth one look, and all who come meanwhile share the next one.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::Mutex as Turns;
use tokio::time::Instant;

use crate::dns::tsig::Keyring;
use crate::store::repo::tsig_keys::{self, Mark};
use crate::store::{Store, StoreError};

/// Keys in memory; more are not known.
const MOST: u32 = 100_000;

/// The keys.
#[derive(Debug)]
pub(super) struct Keys {
    store: Store,
    ring: RwLock<Arc<Keyring>>,
    looked: Turns<Looked>,
}

#[derive(Debug, Default)]
struct Looked {
    begun: Option<Instant>,
    mark: Option<Mark>,
}

impl Keys {
    pub(super) fn new(store: Store) -> Self {
        Self { store, ring: RwLock::default(), looked: Turns::default() }
    }

    /// The keys.
    pub(super) fn ring(&self) -> Arc<Keyring> {
        Arc::clone(&self.ring.read())
    }

    /// Looks whether any key changed.
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        let mut looked = self.looked.lock().await;
        self.look(&mut looked).await
    }

    /// Likewise, unless somebody has begun to look since this was called.
    pub(super) async fn look_again(&self) -> Result<(), StoreError> {
        let asked = Instant::now();
        let mut looked = self.looked.lock().await;
        if looked.begun.is_some_and(|begun| begun > asked) {
            return Ok(());
        }
        self.look(&mut looked).await
    }

    async fn look(&self, looked: &mut Looked) -> Result<(), StoreError> {
        looked.begun = Some(Instant::now());
        let known = looked.mark;
        let found = self
            .store
            .read(|tx| {
                Box::pin(async move {
                    let mark = tsig_keys::mark(tx).await?;
                    let keys = if known == Some(mark) { None } else { Some(tsig_keys::all(tx, MOST).await?) };
                    Ok::<_, StoreError>((mark, keys))
                })
            })
            .await?;
        if let (mark, Some(keys)) = found {
            *self.ring.write() = Arc::new(Keyring::read(&keys));
            looked.mark = Some(mark);
        }
        Ok(())
    }
}
