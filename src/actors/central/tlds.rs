//! Top-level domains: the messages of [`super::api::tlds`].

use super::api::tlds::{CreateTld, DeleteTld, FindTlds, GetTld, UpdateTld};
use super::error::CentralError;
use super::notify::{Event, resource};
use super::{CentralService, refusals};
use crate::domain::ids::TldId;
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::tld::Tld;
use crate::store::StoreError;
use crate::store::repo::tlds;
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateTld> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateTld) -> Result<Tld, Fault> {
        self.allow(cx, Rule::CreateTld, &Target::default())?;
        let now = self.clock.now();
        let tld = Tld {
            id: TldId::random(),
            name: m.name,
            description: m.description,
            version: 1,
            created_at: now,
            updated_at: None,
        };
        self.once::<CreateTld, _, _>(cx, |tx| {
            Box::pin(async {
                tlds::insert(tx, &tld).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.tld.create", resource::tld(&tld)), now).await?;
                Ok(tld.clone())
            })
        })
        .await
    }
}

impl Handle<GetTld> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTld) -> Result<Tld, Fault> {
        self.allow(cx, Rule::GetTld, &Target::default())?;
        let found = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(tlds::get(tx, m.id).await?) }))
            .await?;
        found.ok_or_else(refusals::tld_not_found)
    }
}

impl Handle<FindTlds> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindTlds) -> Result<Page<Tld>, Fault> {
        self.allow(cx, Rule::FindTlds, &Target::default())?;
        let find = self.store.read(|tx| {
            Box::pin(async { Ok::<_, CentralError>(tlds::find(tx, m.name.as_deref(), &m.page).await?) })
        });
        Ok(find.await?)
    }
}

impl Handle<UpdateTld> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateTld) -> Result<Tld, Fault> {
        self.allow(cx, Rule::UpdateTld, &Target::default())?;
        let now = self.clock.now();
        self.once::<UpdateTld, _, _>(cx, |tx| {
            Box::pin(async {
                let mut tld = tlds::get(tx, m.id).await?.ok_or_else(refusals::tld_not_found)?;
                let changes = m.changes.clone();
                tld.name = changes.name.unwrap_or(tld.name);
                tld.description = changes.description.unwrap_or(tld.description);
                tlds::update(tx, &mut tld, now).await.map_err(taken)?;
                self.emit(tx, cx, Event::of("dns.tld.update", resource::tld(&tld)), now).await?;
                Ok(tld)
            })
        })
        .await
    }
}

impl Handle<DeleteTld> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteTld) -> Result<(), Fault> {
        self.allow(cx, Rule::DeleteTld, &Target::default())?;
        let now = self.clock.now();
        self.once::<DeleteTld, _, _>(cx, |tx| {
            Box::pin(async {
                let tld = tlds::get(tx, m.id).await?.ok_or_else(refusals::tld_not_found)?;
                tlds::delete(tx, m.id).await?;
                self.emit(tx, cx, Event::of("dns.tld.delete", resource::tld(&tld)), now).await?;
                Ok(())
            })
        })
        .await
    }
}

fn taken(error: StoreError) -> CentralError {
    if error.is_unique(tlds::TAKEN) { refusals::duplicate_tld().into() } else { error.into() }
}
