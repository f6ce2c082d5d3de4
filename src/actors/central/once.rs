//! Work that is done once, however often it is asked for under one key.
//!
//! Invariants: the outcome is kept in the transaction that does the work, so whoever asks again gets the first one; a
//! refusal did nothing and is not kept.

use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CentralService;
use super::api::inbox::ForgetOutcomes;
use super::error::CentralError;
use crate::domain::policy::{Rule, Target};
use crate::domain::time::Timestamp;
use crate::store::repo::{fences, inbox};
use crate::store::{StoreError, Tx};
use crate::transport::{Cx, Fault, Handle, Message};

impl CentralService {
    /// Does `work` in a transaction, as [`crate::store::Store::transact`] does; if the request has a key under which the
    /// message was done before, answers what came of it then.
    pub(super) async fn once<'a, M, T, F>(&self, cx: &Cx, work: F) -> Result<T, Fault>
    where
        M: Message,
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        F: for<'t> Fn(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, CentralError>> + Send + Sync + 'a,
    {
        self.once_as(cx, M::NAME, work).await
    }

    /// As [`Self::once`], for a message of this name.
    pub(super) async fn once_as<'a, T, F>(&self, cx: &Cx, name: &'static str, work: F) -> Result<T, Fault>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'a,
        F: for<'t> Fn(&'t mut (dyn Tx + 'a)) -> BoxFuture<'t, Result<T, CentralError>> + Send + Sync + 'a,
    {
        let Some(key) = key(cx, name) else { return Ok(self.store.transact(work).await?) };
        let key: Arc<str> = key.into();
        // Owned by the closure, since a transaction may borrow only what outlives `work`'s own borrows.
        let (shared, now) = ((Arc::new(work), Arc::clone(&key)), self.clock.now());
        let done = self
            .store
            .transact(move |tx| {
                let (work, key) = shared.clone();
                Box::pin(async move {
                    let outcome = work(&mut *tx).await?;
                    keep_under(tx, &key, &outcome, now).await?;
                    Ok(outcome)
                })
            })
            .await;
        let error = match done {
            Ok(outcome) => return Ok(outcome),
            Err(error @ CentralError::Store(StoreError::Unavailable { .. })) => return Err(error.into()),
            Err(error) => error,
        };
        // A refusal may come of the first time, which did it; and whether a commit that broke off did is known here.
        let key = &*key;
        let first: Result<_, StoreError> =
            self.store.read(|tx| Box::pin(async move { inbox::reply(tx, key).await })).await;
        match first {
            Ok(Some(reply)) => serde_json::from_str(&reply).map_err(|error| unreadable(&error)),
            Ok(None) => Err(match error {
                CentralError::Store(taken) if taken.is_unique(inbox::KEY_TAKEN) => {
                    Fault::conflict("done_before", "was done before")
                }
                error => error.into(),
            }),
            Err(failure) => {
                tracing::warn!(%failure, "cannot tell whether this was done before");
                Err(Fault::from(error).and_maybe_done())
            }
        }
    }
}

/// The key of a request for a message of this name, if it has one.
fn key(cx: &Cx, name: &str) -> Option<String> {
    cx.once.map(|once| format!("{name}/{}", once.uuid()))
}

/// Keeps the outcome of a message under the key of its request, if it has one.
pub(super) async fn keep<T: Serialize>(
    tx: &mut dyn Tx,
    cx: &Cx,
    name: &str,
    outcome: &T,
    now: Timestamp,
) -> Result<(), CentralError> {
    match key(cx, name) {
        Some(key) => keep_under(tx, &key, outcome, now).await,
        None => Ok(()),
    }
}

async fn keep_under<T: Serialize>(
    tx: &mut dyn Tx,
    key: &str,
    outcome: &T,
    now: Timestamp,
) -> Result<(), CentralError> {
    let reply = serde_json::to_string(outcome).map_err(|error| CentralError::Refused(unreadable(&error)))?;
    Ok(inbox::keep(tx, key, &reply, now).await?)
}

fn unreadable(error: &serde_json::Error) -> Fault {
    Fault::internal("unknown", format!("the outcome cannot be kept: {error}"))
}

impl Handle<ForgetOutcomes> for CentralService {
    async fn handle(&self, cx: &Cx, m: ForgetOutcomes) -> Result<u64, Fault> {
        self.allow(cx, Rule::PurgeZones, &Target::default())?;
        let before = self.clock.now().minus(std::time::Duration::from_secs(m.older_than));
        let forgotten = self
            .store
            .transact(|tx| {
                Box::pin(async move {
                    fences::claim(tx, "inbox", m.token).await?;
                    Ok::<_, CentralError>(inbox::forget(tx, before, m.limit).await?)
                })
            })
            .await?;
        Ok(forgotten)
    }
}
