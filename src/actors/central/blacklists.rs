//! Patterns of forbidden names: the messages of [`super::api::blacklists`].

use super::api::blacklists::{
    CreateBlacklist, DeleteBlacklist, FindBlacklists, GetBlacklist, UpdateBlacklist,
};
use super::error::CentralError;
use super::notify::{Event, resource};
use super::{CentralService, refusals};
use crate::domain::blacklist_entry::Blacklist;
use crate::domain::ids::BlacklistId;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::store::StoreError;
use crate::store::repo::blacklists;
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateBlacklist> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateBlacklist) -> Result<Blacklist, Fault> {
        self.allow(cx, Rule::CreateBlacklist, &Target::default())?;
        let now = self.clock.now();
        let blacklist = Blacklist {
            id: BlacklistId::random(),
            pattern: m.pattern,
            description: m.description,
            version: 1,
            created_at: now,
            updated_at: None,
        };
        self.once::<CreateBlacklist, _, _>(cx, |tx| {
            Box::pin(async {
                blacklists::insert(tx, &blacklist).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.blacklist.create", resource::blacklist(&blacklist)), now)
                    .await?;
                Ok(blacklist.clone())
            })
        })
        .await
    }
}

impl Handle<GetBlacklist> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetBlacklist) -> Result<Blacklist, Fault> {
        self.allow(cx, Rule::GetBlacklist, &Target::default())?;
        let found = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(blacklists::get(tx, m.id).await?) }))
            .await?;
        found.ok_or_else(refusals::blacklist_not_found)
    }
}

impl Handle<FindBlacklists> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindBlacklists) -> Result<Page<Blacklist>, Fault> {
        self.allow(cx, Rule::FindBlacklists, &Target::default())?;
        let find = self.store.read(|tx| {
            Box::pin(async {
                Ok::<_, CentralError>(blacklists::find(tx, m.pattern.as_deref(), &m.page).await?)
            })
        });
        Ok(find.await?)
    }
}

impl Handle<UpdateBlacklist> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateBlacklist) -> Result<Blacklist, Fault> {
        self.allow(cx, Rule::UpdateBlacklist, &Target::default())?;
        let now = self.clock.now();
        self.once::<UpdateBlacklist, _, _>(cx, |tx| {
            Box::pin(async {
                let mut blacklist =
                    blacklists::get(tx, m.id).await?.ok_or_else(refusals::blacklist_not_found)?;
                let changes = m.changes.clone();
                blacklist.pattern = changes.pattern.unwrap_or(blacklist.pattern);
                blacklist.description = changes.description.unwrap_or(blacklist.description);
                blacklists::update(tx, &mut blacklist, now).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.blacklist.update", resource::blacklist(&blacklist)), now)
                    .await?;
                Ok(blacklist)
            })
        })
        .await
    }
}

impl Handle<DeleteBlacklist> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteBlacklist) -> Result<(), Fault> {
        self.allow(cx, Rule::DeleteBlacklist, &Target::default())?;
        let now = self.clock.now();
        self.once::<DeleteBlacklist, _, _>(cx, |tx| {
            Box::pin(async {
                let blacklist = blacklists::get(tx, m.id).await?.ok_or_else(refusals::blacklist_not_found)?;
                blacklists::delete(tx, m.id).await?;
                self.emit(tx, cx, Event::of("dns.blacklist.delete", resource::blacklist(&blacklist)), now)
                    .await?;
                Ok(())
            })
        })
        .await
    }
}

fn taken(error: StoreError) -> CentralError {
    if error.is_unique(blacklists::TAKEN) { refusals::duplicate_blacklist().into() } else { error.into() }
}
