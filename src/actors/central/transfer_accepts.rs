//! Accepted offers of zones: the messages about acceptances of [`super::api::transfers`].
//!
//! Invariants: the zone, all its recordsets, the offer and the acceptance change in one transaction; the new owner's quota
//! is held to meanwhile.

use super::api::transfers::{AcceptTransfer, FindTransferAccepts, GetTransferAccept};
use super::authorize::scope;
use super::error::CentralError;
use super::notify::{Event, resource};
use super::transfer_requests::target;
use super::{CentralService, admission, refusals};
use crate::domain::ids::{ProjectId, TransferAcceptId};
use crate::domain::page::Page;
use crate::domain::policy::{Rule, Target};
use crate::domain::time::Timestamp;
use crate::domain::transfer::{TransferAccept, TransferStatus};
use crate::store::Tx;
use crate::store::repo::{recordsets, shares, transfer_accepts, transfer_requests, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<AcceptTransfer> for CentralService {
    async fn handle(&self, cx: &Cx, m: AcceptTransfer) -> Result<TransferAccept, Fault> {
        let id = m.request_id;
        let read = self
            .store
            .read(|tx| Box::pin(async move { Ok::<_, CentralError>(transfer_requests::get(tx, id).await?) }));
        let request = read.await?.ok_or_else(refusals::transfer_request_not_found)?;
        self.allow(cx, Rule::GetZoneTransferRequest, &target(&request))?;
        self.allow(cx, Rule::CreateZoneTransferAccept, &target(&request))?;
        let project = cx.caller.project.clone().ok_or_else(refusals::missing_project)?;
        let accept = TransferAccept {
            id: TransferAcceptId::random(),
            request_id: request.id,
            zone_id: request.zone_id,
            project_id: project,
            status: TransferStatus::Complete,
            created_at: self.clock.now(),
            updated_at: None,
        };
        self.once::<AcceptTransfer, _, _>(cx, |tx| {
            Box::pin(async {
                zones::hold_for_create(tx, &accept.project_id, &request.zone_name).await?;
                self.hand_over(tx, &m, &accept, accept.created_at).await?;
                let payload = resource::transfer_accept(&accept);
                let event = Event::of_zone("dns.zone_transfer_accept.create", accept.zone_id, payload);
                self.emit(tx, cx, event, accept.created_at).await?;
                Ok(accept.clone())
            })
        })
        .await
    }
}

impl Handle<GetTransferAccept> for CentralService {
    async fn handle(&self, cx: &Cx, m: GetTransferAccept) -> Result<TransferAccept, Fault> {
        let scope = scope(cx);
        let get = self.store.read(|tx| {
            Box::pin(async { Ok::<_, CentralError>(transfer_accepts::get(tx, m.id, &scope).await?) })
        });
        let accept = get.await?.ok_or_else(refusals::transfer_accept_not_found)?;
        self.allow(cx, Rule::GetZoneTransferAccept, &Target::owned_by(Some(&accept.project_id)))?;
        Ok(accept)
    }
}

impl Handle<FindTransferAccepts> for CentralService {
    async fn handle(&self, cx: &Cx, m: FindTransferAccepts) -> Result<Page<TransferAccept>, Fault> {
        self.allow(cx, Rule::FindZoneTransferAccepts, &Target::owned_by(cx.caller.project.as_ref()))?;
        let scope = scope(cx);
        let find = self.store.read(|tx| {
            Box::pin(async {
                let found = transfer_accepts::find(tx, &scope, m.status.as_deref(), &m.page).await?;
                Ok::<_, CentralError>(found)
            })
        });
        Ok(find.await?)
    }
}

impl CentralService {
    /// Makes zone and recordsets the new owner's, if the offer stands, the key is right and the quota allows it.
    async fn hand_over(
        &self,
        tx: &mut dyn Tx,
        m: &AcceptTransfer,
        accept: &TransferAccept,
        now: Timestamp,
    ) -> Result<(), CentralError> {
        let owner: &ProjectId = &accept.project_id;
        let mut zone =
            zones::lock(tx, accept.zone_id).await?.ok_or_else(refusals::transfer_request_not_found)?;
        let request = transfer_requests::get(tx, m.request_id).await?;
        let mut request = request.ok_or_else(refusals::transfer_request_not_found)?;
        if request.status != TransferStatus::Active {
            return Err(refusals::transfer_is_over().into());
        }
        if !request.key.is(m.key.reveal()) {
            return Err(refusals::wrong_transfer_key().into());
        }
        if zone.progress.is_deleting() {
            return Err(refusals::zone_is_deleting().into());
        }
        if zone.project_id.as_ref() != Some(owner) {
            admission::within_quota(tx, &self.limits(), owner).await?;
        }
        zone.project_id = Some(owner.clone());
        zones::update(tx, &mut zone, now).await?;
        recordsets::give_all(tx, zone.id, owner).await?;
        // An owner is nobody that a zone is shared with.
        shares::delete_with(tx, zone.id, owner).await?;
        request.status = TransferStatus::Complete;
        transfer_requests::update(tx, &mut request, now).await?;
        transfer_accepts::insert(tx, accept).await?;
        Ok(())
    }
}
