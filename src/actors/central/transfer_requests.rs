//! Offers of zones: the messages about requests of [`super::api::transfers`].
//!
//! Invariants: a zone has one active offer at most; the key goes to those who may see all of an offer, and is in no kept
//! outcome.

use rand::Rng as _;

use super::api::transfers::{
    CreateTransferRequest, DeleteTransferRequest, FindTransferRequests, GetTransferRequest, ShownRequest,
    UpdateTransferRequest,
};
use super::authorize::scope;
use super::error::CentralError;
use super::notify::{Event, resource};
use super::zones::lock_visible;
use super::{CentralService, refusals};
use crate::domain::ids::{ProjectId, TransferRequestId};
use crate::domain::page::{Page, Scope};
use crate::domain::policy::{Rule, Target};
use crate::domain::transfer::{TransferKey, TransferRequest, TransferStatus};
use crate::store::StoreError;
use crate::store::repo::transfer_requests;
use crate::transport::{Cx, Fault, Handle};

impl Handle<CreateTransferRequest> for CentralService {
    async fn handle(&self, cx: &Cx, m: CreateTransferRequest) -> Result<ShownRequest, Fault> {
        let (id, now, key) = (TransferRequestId::random(), self.clock.now(), new_key());
        let id = self
            .once::<CreateTransferRequest, _, _>(cx, |tx| {
                Box::pin(async {
                    let zone = lock_visible(tx, cx, m.zone_id).await?;
                    self.allow_zone(cx, Rule::GetZone, &zone)?;
                    if zone.progress.is_deleting() {
                        return Err(refusals::zone_is_deleting().into());
                    }
                    self.allow_zone(cx, Rule::CreateZoneTransferRequest, &zone)?;
                    let project = cx.caller.project.clone().ok_or_else(refusals::missing_project)?;
                    let request = TransferRequest {
                        id,
                        zone_id: zone.id,
                        zone_name: zone.name.clone(),
                        project_id: Some(zone.project_id.clone().unwrap_or(project)),
                        target_project_id: m.target.clone(),
                        key: key.clone(),
                        description: m.description.clone(),
                        status: TransferStatus::Active,
                        version: 1,
                        created_at: now,
                        updated_at: None,
                    };
                    transfer_requests::insert(tx, &request).await.map_err(taken)?;
                    let payload = resource::transfer_request(&request);
                    let event = Event::of_zone("dns.zone_transfer_request.create", zone.id, payload);
                    self.emit(tx, cx, event, now).await?;
                    Ok(request.id)
                })
            })
            .await?;
        self.shown_request(cx, id).await
    }
}

impl Handle<GetTransferRequest> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTransferRequest) -> Result<ShownRequest, Fault> {
        let shown = self.shown_request(cx, m.id).await?;
        self.allow(cx, Rule::GetZoneTransferRequest, &target(&shown.request))?;
        Ok(shown)
    }
}

impl Handle<FindTransferRequests> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindTransferRequests) -> Result<Page<ShownRequest>, Fault> {
        self.allow(cx, Rule::FindZoneTransferRequests, &Target::owned_by(cx.caller.project.as_ref()))?;
        let scope = scope(cx);
        let page = self
            .store
            .read(|tx| {
                Box::pin(async {
                    let found = transfer_requests::find(tx, &scope, m.status.as_deref(), &m.page).await?;
                    Ok::<_, CentralError>(found)
                })
            })
            .await?;
        let items = page.items.into_iter().map(|request| self.shown(cx, request)).collect();
        Ok(Page { items, total: page.total })
    }
}

impl Handle<UpdateTransferRequest> for CentralService {
    async fn handle(&self, cx: &Cx, m: UpdateTransferRequest) -> Result<ShownRequest, Fault> {
        let now = self.clock.now();
        self.once::<UpdateTransferRequest, _, _>(cx, |tx| {
            Box::pin(async {
                let mut request = own_or_meant(cx, transfer_requests::get(tx, m.id).await?)?;
                self.allow(cx, Rule::UpdateZoneTransferRequest, &target(&request))?;
                request.description = m.description.clone().unwrap_or(request.description);
                transfer_requests::update(tx, &mut request, now).await?;
                let payload = resource::transfer_request(&request);
                let event = Event::of_zone("dns.zone_transfer_request.update", request.zone_id, payload);
                self.emit(tx, cx, event, now).await?;
                Ok(())
            })
        })
        .await?;
        self.shown_request(cx, m.id).await
    }
}

impl Handle<DeleteTransferRequest> for CentralService {
    async fn handle(&self, cx: &Cx, m: DeleteTransferRequest) -> Result<(), Fault> {
        let now = self.clock.now();
        self.once::<DeleteTransferRequest, _, _>(cx, |tx| {
            Box::pin(async {
                // Even if its zone is gone.
                let found = transfer_requests::get_of_any_zone(tx, m.id).await?;
                let request = own_or_meant(cx, found)?;
                self.allow(cx, Rule::DeleteZoneTransferRequest, &target(&request))?;
                transfer_requests::delete(tx, request.id).await?;
                let payload = resource::transfer_request(&request);
                let event = Event::of_zone("dns.zone_transfer_request.delete", request.zone_id, payload);
                self.emit(tx, cx, event, now).await?;
                Ok(())
            })
        })
        .await
    }
}

impl CentralService {
    async fn shown_request(&self, cx: &Cx, id: TransferRequestId) -> Result<ShownRequest, Fault> {
        let get = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(transfer_requests::get(tx, id).await?) }));
        let request = get.await?.ok_or_else(refusals::transfer_request_not_found)?;
        Ok(self.shown(cx, request))
    }

    /// Keeps to itself what the caller may not see.
    fn shown(&self, cx: &Cx, request: TransferRequest) -> ShownRequest {
        let detailed =
            self.policy.load().check(Rule::GetZoneTransferRequestDetailed, &cx.caller, &target(&request));
        let key = if detailed { request.key } else { TransferKey::new("") };
        ShownRequest { request: TransferRequest { key, ..request }, detailed }
    }
}

/// The offer if the caller's project made it or is meant by it; otherwise it does not exist.
fn own_or_meant(cx: &Cx, found: Option<TransferRequest>) -> Result<TransferRequest, CentralError> {
    let request = found.ok_or_else(refusals::transfer_request_not_found)?;
    let visible = match scope(cx) {
        Scope::AllProjects => true,
        Scope::Project(None) => request.project_id.is_none(),
        project @ Scope::Project(Some(_)) => [&request.project_id, &request.target_project_id]
            .into_iter()
            .any(|party| Scope::Project(party.clone()) == project),
    };
    if visible { Ok(request) } else { Err(refusals::transfer_request_not_found().into()) }
}

/// An offer as rules see it.
pub(super) fn target(request: &TransferRequest) -> Target<'_> {
    Target {
        target_project_id: request.target_project_id.as_ref().map(ProjectId::as_str),
        zone_name: Some(request.zone_name.as_str()),
        ..Target::owned_by(request.project_id.as_ref())
    }
}

fn new_key() -> TransferKey {
    let mut rng = rand::rng();
    let letters = TransferKey::ALPHABET;
    let letter = |_| letters.get(rng.random_range(0..letters.len())).copied().map_or('A', char::from);
    TransferKey::new((0..TransferKey::LENGTH).map(letter).collect::<String>())
}

fn taken(error: StoreError) -> CentralError {
    match error.is_unique(transfer_requests::TAKEN) {
        true => refusals::duplicate_transfer_request().into(),
        false => error.into(),
    }
}
