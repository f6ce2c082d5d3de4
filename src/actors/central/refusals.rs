//! Why central refuses, in the exact types and texts of the API.
//!
//! Invariants: every refusal of a rule is made here, so that one type is never spelt two ways; a thing that the caller
//! may not see is refused as one that does not exist.

use crate::domain::quota::Resource;
use crate::domain::serial::Serial;
use crate::domain::task::TaskKind;
use crate::domain::tsig_key::TsigScope;
use crate::domain::zone::Zone;
use crate::transport::{Fault, FaultCode};

pub(super) fn zone_not_found() -> Fault {
    Fault::not_found("zone_not_found", "Could not find Zone")
}

pub(super) fn recordset_not_found() -> Fault {
    Fault::not_found("recordset_not_found", "Could not find RecordSet")
}

pub(super) fn service_status_not_found() -> Fault {
    Fault::not_found("service_status_not_found", "Could not find ServiceStatus")
}

pub(super) fn tld_not_found() -> Fault {
    Fault::not_found("tld_not_found", "Could not find Tld")
}

pub(super) fn duplicate_tld() -> Fault {
    Fault::conflict("duplicate_tld", "Duplicate Tld")
}

pub(super) fn blacklist_not_found() -> Fault {
    Fault::not_found("blacklist_not_found", "Could not find Blacklist")
}

pub(super) fn duplicate_blacklist() -> Fault {
    Fault::conflict("duplicate_blacklist", "Duplicate Blacklist")
}

pub(super) fn tsigkey_not_found() -> Fault {
    Fault::not_found("tsigkey_not_found", "Could not find TsigKey")
}

pub(super) fn duplicate_tsigkey() -> Fault {
    Fault::conflict("duplicate_tsigkey", "Duplicate TsigKey")
}

pub(super) fn tsigkey_for_nothing(scope: TsigScope) -> Fault {
    let message = format!("There is no {} with this resource_id", scope.as_str().to_ascii_lowercase());
    Fault::invalid("invalid_tsigkey", message)
}

pub(super) fn share_not_found() -> Fault {
    Fault::not_found("shared_zone_not_found", "Could not find SharedZone")
}

pub(super) fn duplicate_share() -> Fault {
    Fault::conflict("duplicate_shared_zone", "Duplicate SharedZone")
}

pub(super) fn share_has_recordsets() -> Fault {
    Fault::invalid(
        "shared_zone_has_recordsets",
        "The project that the zone is shared with has recordsets in it, please delete these first",
    )
}

pub(super) fn share_has_sub_zone() -> Fault {
    Fault::invalid(
        "shared_zone_has_sub_zone",
        "The project that the zone is shared with has zones below it, please delete these first",
    )
}

pub(super) fn transfer_request_not_found() -> Fault {
    Fault::not_found("zone_transfer_request_not_found", "Could not find ZoneTransferRequest")
}

pub(super) fn transfer_accept_not_found() -> Fault {
    Fault::not_found("zone_transfer_accept_not_found", "Could not find ZoneTransferAccept")
}

/// Such answers carry no text.
pub(super) fn duplicate_transfer_request() -> Fault {
    Fault::new(FaultCode::Conflict, "duplicate_zone_transfer_request")
}

pub(super) fn transfer_is_over() -> Fault {
    Fault::invalid("invalid_zone_transfer_request", "The transfer request is not active any more")
}

pub(super) fn wrong_transfer_key() -> Fault {
    Fault::forbidden("invalid_key", "The key is not that of the transfer request")
}

pub(super) fn task_not_found(kind: TaskKind) -> Fault {
    match kind {
        TaskKind::Import => Fault::not_found("zone_import_not_found", "Could not find ZoneImport"),
        TaskKind::Export => Fault::not_found("zone_export_not_found", "Could not find ZoneExport"),
    }
}

pub(super) fn too_large_to_export() -> Fault {
    Fault::too_large("export_size", "The zone is too large to be exported")
}

pub(super) fn pool_not_found() -> Fault {
    Fault::not_found("pool_not_found", "Could not find Pool")
}

pub(super) fn duplicate_pool() -> Fault {
    Fault::conflict("duplicate_pool", "Duplicate Pool")
}

pub(super) fn duplicate_ns_record() -> Fault {
    Fault::conflict("duplicate_pool_ns_record", "Duplicate PoolNsRecord")
}

pub(super) fn last_ns_record() -> Fault {
    Fault::invalid("last_server_delete_not_allowed", "A pool keeps one NS record at least")
}

pub(super) fn pool_has_zones() -> Fault {
    Fault::invalid("invalid_operation", "The pool has zones")
}

pub(super) fn no_pool() -> Fault {
    Fault::not_found("no_valid_pool_found", "There are no pools that matched your request")
}

pub(super) fn pool_without_key() -> Fault {
    bad_request("The pool has no TSIG key of scope POOL")
}

/// The marker of a page names no row of the list.
pub(super) fn marker_not_found() -> Fault {
    Fault::invalid("marker_not_found", "Marker could not be found")
}

/// A rule said no; such answers carry no text.
pub(super) fn forbidden() -> Fault {
    Fault::new(FaultCode::Forbidden, "forbidden")
}

/// A token of this scope is good for nothing here.
pub(super) fn wrong_scope() -> Fault {
    Fault::forbidden("invalid_token_scope", "The token is not scoped to a project")
}

pub(super) fn catalog_is_read_only() -> Fault {
    Fault::forbidden("forbidden", "Catalog zones are managed by the service")
}

pub(super) fn missing_project() -> Fault {
    Fault::unauthorized("missing_project_id", "A project ID is required")
}

pub(super) fn over_quota(resources: &[Resource]) -> Fault {
    let names: Vec<_> = resources.iter().map(|r| r.as_str()).collect();
    Fault::too_large("over_quota", format!("Quota exceeded for {}.", names.join(", ")))
}

pub(super) fn duplicate_zone() -> Fault {
    Fault::conflict("duplicate_zone", "Duplicate Zone")
}

pub(super) fn zone_of_another_project() -> Fault {
    Fault::conflict("duplicate_zone", "Zone already exists in another project")
}

pub(super) fn duplicate_recordset() -> Fault {
    Fault::conflict("duplicate_recordset", "Duplicate RecordSet")
}

pub(super) fn illegal_child() -> Fault {
    Fault::forbidden("illegal_child", "Unable to create subzone in another project's zone")
}

pub(super) fn illegal_parent() -> Fault {
    Fault::forbidden(
        "illegal_parent",
        "Unable to create zone because another project owns a subzone of the zone",
    )
}

pub(super) fn zone_name(reason: &str) -> Fault {
    Fault::invalid("invalid_zone_name", reason)
}

pub(super) fn low_ttl(minimum: u32) -> Fault {
    Fault::invalid("invalid_ttl", format!("TTL is below the minimum: {minimum}"))
}

pub(super) fn no_servers() -> Fault {
    Fault::internal("no_servers_configured", "No nameservers are configured for the pool")
}

pub(super) fn zone_is_deleting() -> Fault {
    Fault::invalid("bad_request", "Can not update a deleting zone")
}

pub(super) fn not_a_secondary() -> Fault {
    Fault::invalid("bad_request", "Only SECONDARY zones are transferred from masters")
}

pub(super) fn zone_is_shared() -> Fault {
    Fault::invalid(
        "zone_is_shared",
        "Zone is shared with other projects, please remove these shares before deleting it",
    )
}

pub(super) fn zone_has_sub_zone() -> Fault {
    Fault::invalid("zone_has_sub_zone", "Please delete any subzones before deleting this zone")
}

pub(super) fn managed_record() -> Fault {
    Fault::invalid("bad_request", "Managed records may not be changed")
}

/// Something that was to be changed only as it was known is another thing now.
fn outdated(kind: &'static str, message: String) -> Fault {
    Fault::new(FaultCode::Other(412), kind).with_message(message)
}

pub(super) fn other_serial(zone: &Zone) -> Fault {
    let serial = zone.serial;
    outdated(
        "serial_mismatch",
        match zone.progress.is_unpublished() {
            true => format!("The zone has changes that are newer than its serial {serial}"),
            false => format!("The serial of the zone is {serial}"),
        },
    )
}

pub(super) fn other_version(version: u64) -> Fault {
    outdated("version_mismatch", format!("The version of the recordset is {version}"))
}

pub(super) fn named_twice() -> Fault {
    Fault::invalid("duplicate_change", "Another item of the change set is about the same recordset")
}

pub(super) fn changeset_size(most: usize) -> Fault {
    Fault::too_large("changeset_size", format!("More than {most} recordsets would be changed"))
}

pub(super) fn serial_out_of_reach(serial: Serial) -> Fault {
    Fault::conflict(
        "serial_unreachable",
        format!("The journal of the zone does not lead back to serial {serial}"),
    )
}

pub(super) fn bad_request(reason: &str) -> Fault {
    Fault::invalid("bad_request", reason)
}
