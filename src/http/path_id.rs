//! Ids in paths and markers.
//!
//! Invariants: a text is taken for a UUID once hyphens, braces, `urn:` and letter case are put aside; nothing else is.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use uuid::Uuid;

use super::error::ApiError;
use crate::domain::ids::{
    BlacklistId, PoolId, RecordsetId, ServiceStatusId, ShareId, TaskId, TldId, TransferAcceptId,
    TransferRequestId, TsigKeyId, ZoneId,
};
use crate::transport::Fault;

/// The UUID that a client's text means.
pub(super) fn uuid(text: &str) -> Option<Uuid> {
    if let Ok(uuid) = Uuid::try_parse(text) {
        return Some(uuid);
    }
    let text = text.replace("urn:", "").replace("uuid:", "");
    let digits: String = text.trim_matches(['{', '}']).chars().filter(|c| *c != '-').collect();
    Some(digits).filter(|digits| digits.len() == 32).and_then(|digits| Uuid::try_parse(&digits).ok())
}

fn id<T: From<Uuid>>(request: &HttpRequest, parameter: &str) -> Result<T, ApiError> {
    let segment = match parameter {
        "zone_import_id" => "import_id",
        "zone_export_id" => "export_id",
        other => other,
    };
    let text = request.match_info().query(segment);
    uuid(text)
        .map(T::from)
        .ok_or_else(|| Fault::invalid("invalid_uuid", format!("Invalid UUID {parameter}: {text}")).into())
}

macro_rules! paths {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $id:ty),+ })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name { $(pub(super) $field: $id,)+ }

        impl FromRequest for $name {
            type Error = ApiError;
            type Future = Ready<Result<Self, ApiError>>;

            fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
                let read = || Ok(Self { $($field: id(request, stringify!($field))?,)+ });
                ready(read())
            }
        }
    )+};
}

paths! {
    /// `/zones/{zone_id}…`
    ZonePath { zone_id: ZoneId }
    /// `/zones/{zone_id}/recordsets/{recordset_id}`
    RecordsetPath { zone_id: ZoneId, recordset_id: RecordsetId }
    /// `/recordsets/{recordset_id}`
    LoneRecordsetPath { recordset_id: RecordsetId }
    /// `/service_statuses/{service_id}`
    ServicePath { service_id: ServiceStatusId }
    /// `/tlds/{tld_id}`
    TldPath { tld_id: TldId }
    /// `/blacklists/{blacklist_id}`
    BlacklistPath { blacklist_id: BlacklistId }
    /// `/tsigkeys/{tsigkey_id}`
    TsigKeyPath { tsigkey_id: TsigKeyId }
    /// `/pools/{pool_id}`
    PoolPath { pool_id: PoolId }
    /// `/zones/tasks/imports/{import_id}`
    ImportPath { import_id: TaskId }
    /// The same, which to delete it has another name.
    ZoneImportPath { zone_import_id: TaskId }
    /// `/zones/tasks/exports/{export_id}`
    ExportPath { export_id: TaskId }
    /// The same, which to delete it has another name.
    ZoneExportPath { zone_export_id: TaskId }
    /// `/zones/{zone_id}/shares/{zone_share_id}`
    SharePath { zone_id: ZoneId, zone_share_id: ShareId }
    /// `/zones/tasks/transfer_requests/{zone_transfer_request_id}`
    TransferRequestPath { zone_transfer_request_id: TransferRequestId }
    /// `/zones/tasks/transfer_accepts/{transfer_accept_id}`
    TransferAcceptPath { transfer_accept_id: TransferAcceptId }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_uuid_is_taken() {
        let plain = Uuid::from_u128(0xa86d_ba58_0043_4cc6_a1bb_69d5_e86f_3ca3);
        for text in [
            "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3",
            "A86DBA58-0043-4CC6-A1BB-69D5E86F3CA3",
            "a86dba5800434cc6a1bb69d5e86f3ca3",
            "{a86dba58-0043-4cc6-a1bb-69d5e86f3ca3}",
            "urn:uuid:a86dba58-0043-4cc6-a1bb-69d5e86f3ca3",
            "urn:a86dba58-0043-4cc6-a1bb-69d5e86f3ca3",
            "a86d-ba5800434cc6a1bb-69d5e86f3ca3",
        ] {
            assert_eq!(uuid(text), Some(plain), "{text}");
        }
        for text in [
            "",
            "a86dba58",
            "a86dba58-0043-4cc6-a1bb-69d5e86f3ca3.json",
            "zones",
            "g86dba5800434cc6a1bb69d5e86f3ca3",
        ] {
            assert_eq!(uuid(text), None, "{text}");
        }
    }
}
