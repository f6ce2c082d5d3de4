//! Pools over the API: the messages of [`super::api::pools`].
//!
//! Invariants: servers of a pool are not the API's affair and stay as they are; zones get another NS set some at a time, and
//! what a crash left undone is finished by whoever finds it.

use std::collections::HashSet;

use super::api::pools::{CreatePool, DeletePool, FindPools, GetPool, PoolChanges, UpdatePool};
use super::error::CentralError;
use super::notify::{Event, resource};
use super::pools::{Guard, PoolUpdateError, show_ns_records};
use super::{CentralService, refusals};
use crate::domain::ids::{NsRecordId, PoolId};
use crate::domain::name::Name;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::pool::{NsRecord, Pool};
use crate::store::StoreError;
use crate::store::repo::{pools, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreatePool> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreatePool) -> Result<Pool, Fault> {
        self.allow(cx, Rule::CreatePool, &Target::default())?;
        let now = self.clock.now();
        let empty = Pool {
            id: PoolId::random(),
            project_id: cx.caller.project.clone(),
            name: m.name,
            description: None,
            attributes: [].into(),
            ns_records: Vec::new(),
            nameservers: Vec::new(),
            targets: Vec::new(),
            also_notifies: Vec::new(),
            version: 1,
            created_at: now,
            updated_at: None,
        };
        let pool = changed(&empty, m.given)?;
        self.once::<CreatePool, _, _>(cx, |tx| {
            Box::pin(async {
                let pool = pools::put(tx, &pool, now).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.pool.create", resource::pool(&pool)), now).await?;
                Ok(pool)
            })
        })
        .await
    }
}

impl Handle<GetPool> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetPool) -> Result<Pool, Fault> {
        self.allow(cx, Rule::GetPool, &Target::default())?;
        let get =
            self.store.read(|tx| Box::pin(async move { Ok::<_, CentralError>(pools::get(tx, m.id).await?) }));
        get.await?.ok_or_else(refusals::pool_not_found)
    }
}

impl Handle<FindPools> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindPools) -> Result<Page<Pool>, Fault> {
        self.allow(cx, Rule::FindPools, &Target::default())?;
        let find = self.store.read(|tx| {
            Box::pin(async { Ok::<_, CentralError>(pools::find(tx, m.name.as_deref(), &m.page).await?) })
        });
        Ok(find.await?)
    }
}

impl Handle<UpdatePool> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdatePool) -> Result<Pool, Fault> {
        self.allow(cx, Rule::UpdatePool, &Target::default())?;
        let now = self.clock.now();
        let pool = self
            .once::<UpdatePool, _, _>(cx, |tx| {
                Box::pin(async {
                    let old = pools::get(tx, m.id).await?.ok_or_else(refusals::pool_not_found)?;
                    if m.changes.ns_records.as_ref().is_some_and(Vec::is_empty) && !old.ns_records.is_empty()
                    {
                        return Err(refusals::last_ns_record().into());
                    }
                    let pool = changed(&old, m.changes.clone())?;
                    let pool = pools::put(tx, &pool, now).await.map_err(taken)?;
                    self.emit(tx, cx, Event::of("dns.pool.update", resource::pool(&pool)), now).await?;
                    Ok(pool)
                })
            })
            .await?;
        if m.changes.ns_records.is_some() {
            let zones =
                match show_ns_records(&self.store, self.clock, &pool, Guard::NONE, None, usize::MAX).await {
                    Ok(zones) => zones,
                    // Whoever changed the pool since sees to its zones.
                    Err(PoolUpdateError::Overtaken { .. }) => Vec::new(),
                    Err(error) => return Err(Fault::internal("unknown", error.to_string())),
                };
            for zone in zones {
                self.nudge(cx, zone).await;
            }
        }
        Ok(pool)
    }
}

impl Handle<DeletePool> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeletePool) -> Result<(), Fault> {
        self.allow(cx, Rule::DeletePool, &Target::default())?;
        let now = self.clock.now();
        self.once::<DeletePool, _, _>(cx, |tx| {
            Box::pin(async {
                zones::hold_pools(tx).await?;
                let pool = pools::get(tx, m.id).await?.ok_or_else(refusals::pool_not_found)?;
                // Those being deleted need its servers to know of it.
                if zones::count_in_pool(tx, m.id).await? > 0 {
                    return Err(refusals::pool_has_zones().into());
                }
                pools::delete(tx, m.id).await?;
                self.emit(tx, cx, Event::of("dns.pool.delete", resource::pool(&pool)), now).await?;
                Ok(())
            })
        })
        .await
    }
}

/// The pool as it is to be.
fn changed(pool: &Pool, changes: PoolChanges) -> Result<Pool, Fault> {
    let PoolChanges { project, name, description, attributes, ns_records } = changes;
    let mut seen = HashSet::new();
    let mut record = |(hostname, priority): (Name, u16)| {
        if !seen.insert(hostname.key()) {
            return Err(refusals::duplicate_ns_record());
        }
        Ok(NsRecord { id: NsRecordId::random(), hostname, priority })
    };
    let ns_records = match ns_records {
        Some(list) => list.into_iter().map(&mut record).collect::<Result<_, Fault>>()?,
        None => pool.ns_records.clone(),
    };
    Ok(Pool {
        project_id: project.or_else(|| pool.project_id.clone()),
        name: name.unwrap_or_else(|| pool.name.clone()),
        description: description.unwrap_or_else(|| pool.description.clone()),
        attributes: attributes.unwrap_or_else(|| pool.attributes.clone()),
        ns_records,
        ..pool.clone()
    })
}

fn taken(error: StoreError) -> CentralError {
    if error.is_unique(pools::NAME_TAKEN) { refusals::duplicate_pool().into() } else { error.into() }
}
