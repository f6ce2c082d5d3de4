//! Every rule of the service and what it says unless an operator's file says otherwise.
//!
//! Invariants: one row per rule; the row order is the order of `Rule` and of `Rule::ALL`.

use std::str::FromStr;

/// Role admin, in any project.
const ADMIN: &str = "role:admin";
/// Admin, or a member of the project that owns the target.
const MEMBER: &str = "role:admin or (role:member and project_id:%(project_id)s)";
/// Admin, or a reader of the project that owns the target.
const READER: &str = "role:admin or (role:reader and project_id:%(project_id)s)";
/// As `READER`, or the zone is shared with the caller's project.
const READER_OR_SHARED: &str =
    "role:admin or (role:reader and project_id:%(project_id)s) or True:%(zone_shared)s";
/// Who may put a recordset into a zone. A project that the zone is shared with needs the role member for it.
const RECORDSET_CREATOR: &str = "('PRIMARY':%(zone_type)s and (role:admin or (role:member and \
     (project_id:%(project_id)s or True:%(zone_shared)s)))) or ('SECONDARY':%(zone_type)s and role:admin)";
/// Who may change a recordset: the zone's owner or the one who made it.
const RECORDSET_WRITER: &str = "('PRIMARY':%(zone_type)s and (role:admin or (role:member and \
     (project_id:%(project_id)s or project_id:%(recordset_project_id)s)))) or \
     ('SECONDARY':%(zone_type)s and role:admin)";
/// Who may change whatever recordset of a zone.
const ZONE_WRITER: &str = "('PRIMARY':%(zone_type)s and (role:admin or (role:member and \
     project_id:%(project_id)s))) or ('SECONDARY':%(zone_type)s and role:admin)";
/// The zone's owner, the project a transfer is meant for, or anybody if it names none.
const TRANSFER_PARTY: &str = "role:admin or (role:member and project_id:%(project_id)s) or \
     project_id:%(target_project_id)s or None:%(target_project_id)s";
/// A member of the project that a share is looked for.
const SHARE_TARGET: &str = "role:admin or (role:member and project_id:%(target_project_id)s)";
/// A reader of the project, or a reader with the all-projects switch.
const QUOTA_READER: &str = "role:admin or (role:reader and project_id:%(project_id)s) or \
     (True:%(all_tenants)s and role:reader)";
/// Every authenticated caller.
const ANYBODY: &str = "@";

macro_rules! rules {
    ($($variant:ident $name:literal = $text:expr;)+) => {
        /// A rule that the service asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is the rule of the same name")]
        pub enum Rule { $($variant,)+ }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in policy files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// False if tokens of any scope may ask it; all others want one for a project.
            #[must_use]
            pub const fn wants_project_scope(self) -> bool {
                !matches!(self, Self::FindZoneShares | Self::FindZoneTransferRequests)
            }

            /// What held before roles below admin were told apart: whoever owns it may do it.
            #[must_use]
            pub fn legacy_text(self) -> &'static str {
                legacy(self.default_text())
            }

            /// The text that holds without a policy file.
            #[must_use]
            pub const fn default_text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl FromStr for Rule {
            type Err = UnknownRule;

            fn from_str(name: &str) -> Result<Self, UnknownRule> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownRule { name: name.to_owned() }),
                }
            }
        }
    };
}

fn legacy(text: &'static str) -> &'static str {
    match text {
        ADMIN => "rule:admin",
        MEMBER | READER | QUOTA_READER => "rule:admin_or_owner",
        READER_OR_SHARED => "rule:admin_or_owner or True:%(zone_shared)s",
        RECORDSET_CREATOR => {
            "('PRIMARY':%(zone_type)s and (rule:admin_or_owner or True:%(zone_shared)s)) or \
             ('SECONDARY':%(zone_type)s and rule:admin)"
        }
        RECORDSET_WRITER => {
            "('PRIMARY':%(zone_type)s and (rule:admin_or_owner or project_id:%(recordset_project_id)s)) or \
             ('SECONDARY':%(zone_type)s and rule:admin)"
        }
        ZONE_WRITER => {
            "('PRIMARY':%(zone_type)s and rule:admin_or_owner) or ('SECONDARY':%(zone_type)s and rule:admin)"
        }
        TRANSFER_PARTY => {
            "rule:admin_or_owner or project_id:%(target_project_id)s or None:%(target_project_id)s"
        }
        SHARE_TARGET => "rule:admin or project_id:%(target_project_id)s",
        other => other,
    }
}

/// A name that is no rule of the service.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("unknown policy rule {name}")]
pub struct UnknownRule {
    /// The name.
    pub name: String,
}

rules! {
    Default "default" = MEMBER;
    Admin "admin" = "role:admin or is_admin:True";
    Owner "owner" = "project_id:%(project_id)s";
    AdminOrOwner "admin_or_owner" = "rule:admin or rule:owner";

    AllTenants "all_tenants" = ADMIN;
    UseSudo "use_sudo" = ADMIN;
    EditManagedRecords "edit_managed_records" = ADMIN;
    HardDelete "hard_delete" = ADMIN;
    UseLowTtl "use_low_ttl" = ADMIN;

    CreateZone "create_zone" = MEMBER;
    FindZones "find_zones" = READER;
    GetZone "get_zone" = READER_OR_SHARED;
    GetZones "get_zones" = READER;
    GetZoneServers "get_zone_servers" = READER;
    CountZonesPendingNotify "count_zones_pending_notify" = READER;
    GetZoneNsRecords "get_zone_ns_records" = READER;
    UpdateZone "update_zone" = MEMBER;
    DeleteZone "delete_zone" = MEMBER;
    AbandonZone "abandon_zone" = ADMIN;
    XfrZone "xfr_zone" = MEMBER;
    PoolMoveZone "pool_move_zone" = ADMIN;
    ZoneCreateForcedPool "zone_create_forced_pool" = ADMIN;
    UseBlacklistedZone "use_blacklisted_zone" = ADMIN;
    CountZones "count_zones" = READER;
    PurgeZones "purge_zones" = ADMIN;

    ShareZone "share_zone" = MEMBER;
    FindZoneShares "find_zone_shares" = ANYBODY;
    FindProjectZoneShare "find_project_zone_share" = SHARE_TARGET;
    GetZoneShare "get_zone_share" = MEMBER;
    UnshareZone "unshare_zone" = MEMBER;

    CreateRecordset "create_recordset" = RECORDSET_CREATOR;
    UpdateRecordset "update_recordset" = RECORDSET_WRITER;
    DeleteRecordset "delete_recordset" = RECORDSET_WRITER;
    GetRecordset "get_recordset" = READER_OR_SHARED;
    FindRecordsets "find_recordsets" = READER;
    FindRecordset "find_recordset" = READER;
    GetRecordsets "get_recordsets" = READER;
    CountRecordset "count_recordset" = READER;
    FindRecords "find_records" = READER;
    CountRecords "count_records" = READER;
    CreateChangeset "create_changeset" = RECORDSET_CREATOR;
    FindZoneChanges "find_zone_changes" = READER_OR_SHARED;
    RollbackZone "rollback_zone" = ZONE_WRITER;

    CreateZoneTransferRequest "create_zone_transfer_request" = MEMBER;
    FindZoneTransferRequests "find_zone_transfer_requests" = ANYBODY;
    GetZoneTransferRequest "get_zone_transfer_request" = TRANSFER_PARTY;
    GetZoneTransferRequestDetailed "get_zone_transfer_request_detailed" = READER;
    UpdateZoneTransferRequest "update_zone_transfer_request" = MEMBER;
    DeleteZoneTransferRequest "delete_zone_transfer_request" = MEMBER;
    CreateZoneTransferAccept "create_zone_transfer_accept" = TRANSFER_PARTY;
    GetZoneTransferAccept "get_zone_transfer_accept" = READER;
    FindZoneTransferAccepts "find_zone_transfer_accepts" = ADMIN;
    CreateZoneImport "create_zone_import" = MEMBER;
    UpdateZoneImport "update_zone_import" = MEMBER;
    DeleteZoneImport "delete_zone_import" = MEMBER;
    FindZoneImports "find_zone_imports" = READER;
    GetZoneImport "get_zone_import" = READER;
    CreateZoneExport "create_zone_export" = MEMBER;
    UpdateZoneExport "update_zone_export" = MEMBER;
    DeleteZoneExport "delete_zone_export" = MEMBER;
    FindZoneExports "find_zone_exports" = READER;
    GetZoneExport "get_zone_export" = READER;
    ZoneExport "zone_export" = MEMBER;

    CreateTld "create_tld" = ADMIN;
    FindTlds "find_tlds" = ADMIN;
    GetTld "get_tld" = ADMIN;
    UpdateTld "update_tld" = ADMIN;
    DeleteTld "delete_tld" = ADMIN;
    CreateTsigkey "create_tsigkey" = ADMIN;
    FindTsigkeys "find_tsigkeys" = ADMIN;
    GetTsigkey "get_tsigkey" = ADMIN;
    UpdateTsigkey "update_tsigkey" = ADMIN;
    DeleteTsigkey "delete_tsigkey" = ADMIN;
    CreateBlacklist "create_blacklist" = ADMIN;
    FindBlacklists "find_blacklists" = ADMIN;
    GetBlacklist "get_blacklist" = ADMIN;
    UpdateBlacklist "update_blacklist" = ADMIN;
    DeleteBlacklist "delete_blacklist" = ADMIN;
    CreatePool "create_pool" = ADMIN;
    FindPools "find_pools" = ADMIN;
    FindPool "find_pool" = ADMIN;
    GetPool "get_pool" = ADMIN;
    UpdatePool "update_pool" = ADMIN;
    DeletePool "delete_pool" = ADMIN;
    FindServiceStatus "find_service_status" = ADMIN;
    FindServiceStatuses "find_service_statuses" = ADMIN;
    UpdateServiceStatus "update_service_status" = ADMIN;
    DeleteServiceStatus "delete_service_status" = ADMIN;
    FindTenants "find_tenants" = ADMIN;
    GetTenant "get_tenant" = ADMIN;
    CountTenants "count_tenants" = ADMIN;

    GetQuotas "get_quotas" = QUOTA_READER;
    SetQuota "set_quota" = ADMIN;
    ResetQuotas "reset_quotas" = ADMIN;
}
