//! TSIG keys: the messages of [`super::api::tsig_keys`].
//!
//! Invariants: a key is for a pool or a zone that is there; secrets go to those who may see them, and into neither
//! notifications nor kept outcomes.

use super::api::tsig_keys::{CreateTsigKey, DeleteTsigKey, FindTsigKeys, GetTsigKey, UpdateTsigKey};
use super::error::CentralError;
use super::notify::{Event, resource};
use super::{CentralService, refusals};
use crate::domain::ids::TsigKeyId;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::tsig_key::TsigKey;
use crate::store::repo::tsig_keys;
use crate::store::{StoreError, Tx};
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateTsigKey> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateTsigKey) -> Result<TsigKey, Fault> {
        self.allow(cx, Rule::CreateTsigkey, &Target::default())?;
        let now = self.clock.now();
        let key = TsigKey {
            id: TsigKeyId::random(),
            name: m.name,
            algorithm: m.algorithm,
            secret: m.secret,
            scope: m.scope,
            resource_id: m.resource_id,
            version: 1,
            created_at: now,
            updated_at: None,
        };
        let id = self
            .once::<CreateTsigKey, _, _>(cx, |tx| {
                Box::pin(async {
                    is_for_something(tx, &key).await?;
                    tsig_keys::insert(tx, &key).await.map_err(taken)?;
                    self.emit(tx, cx, Event::of("dns.tsigkey.create", resource::tsig_key(&key)), now).await?;
                    Ok(key.id)
                })
            })
            .await?;
        self.tsig_key(id).await
    }
}

impl Handle<GetTsigKey> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTsigKey) -> Result<TsigKey, Fault> {
        self.allow(cx, Rule::GetTsigkey, &Target::default())?;
        self.tsig_key(m.id).await
    }
}

impl Handle<FindTsigKeys> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindTsigKeys) -> Result<Page<TsigKey>, Fault> {
        self.allow(cx, Rule::FindTsigkeys, &Target::default())?;
        let filter = tsig_keys::Filter {
            name: m.name.as_deref(),
            algorithm: m.algorithm.as_deref(),
            scope: m.scope.as_deref(),
        };
        let find = self.store.read(|tx| {
            Box::pin(async { Ok::<_, CentralError>(tsig_keys::find(tx, filter, &m.page).await?) })
        });
        Ok(find.await?)
    }
}

impl Handle<UpdateTsigKey> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateTsigKey) -> Result<TsigKey, Fault> {
        self.allow(cx, Rule::UpdateTsigkey, &Target::default())?;
        let now = self.clock.now();
        self.once::<UpdateTsigKey, _, _>(cx, |tx| {
            Box::pin(async {
                let old = tsig_keys::get(tx, m.id).await?.ok_or_else(refusals::tsigkey_not_found)?;
                let changes = m.changes.clone();
                let mut key = TsigKey {
                    name: changes.name.unwrap_or_else(|| old.name.clone()),
                    algorithm: changes.algorithm.unwrap_or(old.algorithm),
                    secret: changes.secret.unwrap_or_else(|| old.secret.clone()),
                    scope: changes.scope.unwrap_or(old.scope),
                    resource_id: changes.resource_id.unwrap_or(old.resource_id),
                    ..old
                };
                if (key.scope, key.resource_id) != (old.scope, old.resource_id) {
                    is_for_something(tx, &key).await?;
                }
                tsig_keys::update(tx, &mut key, now).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.tsigkey.update", resource::tsig_key(&key)), now).await?;
                Ok(())
            })
        })
        .await?;
        self.tsig_key(m.id).await
    }
}

impl Handle<DeleteTsigKey> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteTsigKey) -> Result<(), Fault> {
        self.allow(cx, Rule::DeleteTsigkey, &Target::default())?;
        let now = self.clock.now();
        self.once::<DeleteTsigKey, _, _>(cx, |tx| {
            Box::pin(async {
                let key = tsig_keys::get(tx, m.id).await?.ok_or_else(refusals::tsigkey_not_found)?;
                tsig_keys::delete(tx, m.id).await?;
                self.emit(tx, cx, Event::of("dns.tsigkey.delete", resource::tsig_key(&key)), now).await?;
                Ok(())
            })
        })
        .await
    }
}

impl CentralService {
    async fn tsig_key(&self, id: TsigKeyId) -> Result<TsigKey, Fault> {
        let get = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(tsig_keys::get(tx, id).await?) }));
        get.await?.ok_or_else(refusals::tsigkey_not_found)
    }
}

async fn is_for_something(tx: &mut dyn Tx, key: &TsigKey) -> Result<(), CentralError> {
    let exists = tsig_keys::resource_exists(tx, key.scope, key.resource_id).await?;
    if exists { Ok(()) } else { Err(refusals::tsigkey_for_nothing(key.scope).into()) }
}

fn taken(error: StoreError) -> CentralError {
    if error.is_unique(tsig_keys::TAKEN) { refusals::duplicate_tsigkey().into() } else { error.into() }
}
