//! Handing zones over to other projects.

use serde::{Deserialize, Serialize};

use super::Central;
use crate::domain::ids::{ProjectId, TransferAcceptId, TransferRequestId, ZoneId};
use crate::domain::page::{Page, PageRequest, PlainSortKey};
use crate::domain::transfer::{TransferAccept, TransferKey, TransferRequest};
use crate::rpcs;

rpcs! { Central;
    "create_transfer_request" CreateTransferRequest => ShownRequest,         once, key = zone_id;
    "get_transfer_request"    GetTransferRequest    => ShownRequest,         repeatable;
    "find_transfer_requests"  FindTransferRequests  => Page<ShownRequest>,   repeatable;
    "update_transfer_request" UpdateTransferRequest => ShownRequest,         once, key = id;
    "delete_transfer_request" DeleteTransferRequest => (),                   once, key = id;
    "accept_transfer"         AcceptTransfer        => TransferAccept,       once, key = request_id;
    "get_transfer_accept"     GetTransferAccept     => TransferAccept,       repeatable;
    "find_transfer_accepts"   FindTransferAccepts   => Page<TransferAccept>, repeatable;
}

/// An offer as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownRequest {
    /// The offer; its key is empty unless the caller may see all.
    pub request: TransferRequest,
    /// The caller may see all of it.
    pub detailed: bool,
}

/// Offers a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTransferRequest {
    /// The zone.
    pub zone_id: ZoneId,
    /// To whom; to anybody if absent.
    pub target: Option<ProjectId>,
    /// Free text.
    pub description: Option<String>,
}

/// One offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTransferRequest {
    /// Which.
    pub id: TransferRequestId,
}

/// A page of the offers that the caller's project made or is meant by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTransferRequests {
    /// Only those of this status, `*` standing for any run of characters.
    pub status: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<PlainSortKey>,
}

/// Changes the text of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTransferRequest {
    /// Which.
    pub id: TransferRequestId,
    /// New text, or none; as it is if absent.
    pub description: Option<Option<String>>,
}

/// Takes an offer back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteTransferRequest {
    /// Which.
    pub id: TransferRequestId,
}

/// Takes over a zone: it and all its recordsets are the caller's project's from here on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptTransfer {
    /// The offer.
    pub request_id: TransferRequestId,
    /// Its key.
    pub key: TransferKey,
}

/// One acceptance of the caller's project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTransferAccept {
    /// Which.
    pub id: TransferAcceptId,
}

/// A page of the acceptances of the caller's project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindTransferAccepts {
    /// Only those of this status, `*` standing for any run of characters.
    pub status: Option<String>,
    /// Which part, in which order.
    pub page: PageRequest<PlainSortKey>,
}
