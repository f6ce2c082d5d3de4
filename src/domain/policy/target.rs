//! What a rule is asked about.
//!
//! Invariants: borrowed, built per check without allocating; an attribute that the object has not is unset, and an
//! unset attribute equals nothing but `None`.

use crate::domain::ids::ProjectId;

/// The object of a policy check. Unset fields match no comparison.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target<'a> {
    /// The owner (`project_id`, `tenant_id`).
    pub project_id: Option<&'a str>,
    /// The zone's id.
    pub zone_id: Option<&'a str>,
    /// The zone's name.
    pub zone_name: Option<&'a str>,
    /// `PRIMARY`, `SECONDARY` or `CATALOG`.
    pub zone_type: Option<&'a str>,
    /// True if the zone is shared with the caller's project.
    pub zone_shared: bool,
    /// The recordset's id.
    pub recordset_id: Option<&'a str>,
    /// The recordset's name.
    pub recordset_name: Option<&'a str>,
    /// The project that made the recordset.
    pub recordset_project_id: Option<&'a str>,
    /// Whom a transfer or a share is meant for (`target_project_id`, `target_tenant_id`).
    pub target_project_id: Option<&'a str>,
    /// The id of an admin resource (`tld_id`, `tsigkey_id`, `blacklist_id`, `pool_id`, `service_id`).
    pub resource_id: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// An object of which only the owner matters.
    #[must_use]
    pub fn owned_by(project: Option<&'a ProjectId>) -> Self {
        Self { project_id: project.map(ProjectId::as_str), ..Self::default() }
    }

    /// Sets what rules call `key`; `None` if no rule can ask a target for that. Zones are shared if the value is "true".
    pub fn set(&mut self, key: &str, value: &'a str) -> Option<()> {
        match Attribute::from_name(key)? {
            Attribute::ProjectId => self.project_id = Some(value),
            Attribute::ZoneId => self.zone_id = Some(value),
            Attribute::ZoneName => self.zone_name = Some(value),
            Attribute::ZoneType => self.zone_type = Some(value),
            Attribute::ZoneShared => self.zone_shared = value.eq_ignore_ascii_case("true"),
            Attribute::RecordsetId => self.recordset_id = Some(value),
            Attribute::RecordsetName => self.recordset_name = Some(value),
            Attribute::RecordsetProjectId => self.recordset_project_id = Some(value),
            Attribute::TargetProjectId => self.target_project_id = Some(value),
            Attribute::ResourceId => self.resource_id = Some(value),
            Attribute::AllTenants => return None,
        }
        Some(())
    }
}

/// A key that rules may name as `%(key)s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of `Target` with the same name")]
pub enum Attribute {
    ProjectId,
    ZoneId,
    ZoneName,
    ZoneType,
    ZoneShared,
    RecordsetId,
    RecordsetName,
    RecordsetProjectId,
    TargetProjectId,
    ResourceId,
    /// The caller's all-projects switch.
    AllTenants,
}

impl Attribute {
    /// The attribute of that name in the rule language.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "project_id" | "tenant_id" => Self::ProjectId,
            "zone_id" => Self::ZoneId,
            "zone_name" => Self::ZoneName,
            "zone_type" => Self::ZoneType,
            "zone_shared" => Self::ZoneShared,
            "recordset_id" => Self::RecordsetId,
            "recordset_name" => Self::RecordsetName,
            "recordset_project_id" => Self::RecordsetProjectId,
            "target_project_id" | "target_tenant_id" => Self::TargetProjectId,
            "tld_id" | "tsigkey_id" | "blacklist_id" | "pool_id" | "service_id" => Self::ResourceId,
            "all_tenants" | "all_projects" => Self::AllTenants,
            _ => return None,
        })
    }

    /// Its value, `None` if unset; `AllTenants` belongs to the caller and is unset here.
    #[must_use]
    pub fn of<'a>(self, target: &Target<'a>) -> Option<&'a str> {
        match self {
            Self::ProjectId => target.project_id,
            Self::ZoneId => target.zone_id,
            Self::ZoneName => target.zone_name,
            Self::ZoneType => target.zone_type,
            Self::ZoneShared => Some(truth(target.zone_shared)),
            Self::RecordsetId => target.recordset_id,
            Self::RecordsetName => target.recordset_name,
            Self::RecordsetProjectId => target.recordset_project_id,
            Self::TargetProjectId => target.target_project_id,
            Self::ResourceId => target.resource_id,
            Self::AllTenants => None,
        }
    }
}

/// The word for a truth value in the rule language.
pub(super) const fn truth(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
