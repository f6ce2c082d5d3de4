//! Everything but zones and recordsets as it stands in notifications.
//!
//! Invariants: names of fields are those of the service that is replaced; nothing that lets anybody act (secrets of keys,
//! keys of transfers) is among them.

use serde_json::{Value, json};

use super::payload::joined;
use crate::domain::blacklist_entry::Blacklist;
use crate::domain::ids::ProjectId;
use crate::domain::pool::Pool;
use crate::domain::share::Share;
use crate::domain::task::Task;
use crate::domain::tld::Tld;
use crate::domain::transfer::{TransferAccept, TransferRequest};
use crate::domain::tsig_key::TsigKey;

/// A top-level domain.
pub(in crate::actors::central) fn tld(tld: &Tld) -> Value {
    json!({
        "id": tld.id.to_string(),
        "name": tld.name,
        "description": tld.description,
        "version": tld.version,
        "created_at": joined(tld.created_at),
        "updated_at": tld.updated_at.map(joined),
    })
}

/// A forbidden pattern.
pub(in crate::actors::central) fn blacklist(blacklist: &Blacklist) -> Value {
    json!({
        "id": blacklist.id.to_string(),
        "pattern": blacklist.pattern,
        "description": blacklist.description,
        "version": blacklist.version,
        "created_at": joined(blacklist.created_at),
        "updated_at": blacklist.updated_at.map(joined),
    })
}

/// A key, without its secret.
pub(in crate::actors::central) fn tsig_key(key: &TsigKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "algorithm": key.algorithm.as_str(),
        "scope": key.scope.as_str(),
        "resource_id": key.resource_id.to_string(),
        "version": key.version,
        "created_at": joined(key.created_at),
        "updated_at": key.updated_at.map(joined),
    })
}

/// A share.
pub(in crate::actors::central) fn share(share: &Share) -> Value {
    json!({
        "id": share.id.to_string(),
        "zone_id": share.zone_id.to_string(),
        "project_id": share.project_id.as_str(),
        "target_project_id": share.target_project_id.as_str(),
        "created_at": joined(share.created_at),
        "updated_at": share.updated_at.map(joined),
    })
}

/// An offer of a zone, without its key.
pub(in crate::actors::central) fn transfer_request(request: &TransferRequest) -> Value {
    let project = request.project_id.as_ref().map(ProjectId::as_str);
    let target = request.target_project_id.as_ref().map(ProjectId::as_str);
    json!({
        "id": request.id.to_string(),
        "zone_id": request.zone_id.to_string(),
        "zone_name": request.zone_name.as_str(),
        "tenant_id": project,
        "project_id": project,
        "target_tenant_id": target,
        "target_project_id": target,
        "description": request.description,
        "status": request.status.as_str(),
        "version": request.version,
        "created_at": joined(request.created_at),
        "updated_at": request.updated_at.map(joined),
    })
}

/// An accepted offer, without its key.
pub(in crate::actors::central) fn transfer_accept(accept: &TransferAccept) -> Value {
    json!({
        "id": accept.id.to_string(),
        "zone_id": accept.zone_id.to_string(),
        "zone_transfer_request_id": accept.request_id.to_string(),
        "tenant_id": accept.project_id.as_str(),
        "project_id": accept.project_id.as_str(),
        "status": accept.status.as_str(),
        "created_at": joined(accept.created_at),
        "updated_at": accept.updated_at.map(joined),
    })
}

/// A pool, as far as the API shows it.
pub(in crate::actors::central) fn pool(pool: &Pool) -> Value {
    let ns = |ns: &crate::domain::pool::NsRecord| json!({"hostname": ns.hostname.as_str(), "priority": ns.priority});
    json!({
        "id": pool.id.to_string(),
        "project_id": pool.project_id,
        "tenant_id": pool.project_id,
        "name": pool.name,
        "description": pool.description,
        "attributes": pool.attributes,
        "ns_records": pool.ns_in_order().into_iter().map(ns).collect::<Vec<_>>(),
        "version": pool.version,
        "created_at": joined(pool.created_at),
        "updated_at": pool.updated_at.map(joined),
    })
}

/// An import or an export.
pub(in crate::actors::central) fn task(task: &Task) -> Value {
    let project = task.project_id.as_ref().map(ProjectId::as_str);
    json!({
        "id": task.id.to_string(),
        "task_type": task.kind.as_str(),
        "zone_id": task.zone_id.map(|id| id.to_string()),
        "tenant_id": project,
        "project_id": project,
        "status": task.status.as_str(),
        "message": task.message,
        "location": task.location,
        "version": task.version,
        "created_at": joined(task.created_at),
        "updated_at": task.updated_at.map(joined),
    })
}
