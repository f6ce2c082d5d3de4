//! May this caller do that?
//!
//! Invariants: rows of other projects are invisible, to admins too, unless the caller asked for all projects; a rule
//! is only asked once the object is visible.

use super::{CentralService, refusals};
use crate::domain::ids::ProjectId;
use crate::domain::page::Scope;
use crate::domain::policy::{Decision, Rule, Target};
use crate::domain::recordset::Recordset;
use crate::domain::zone::Zone;
use crate::transport::{Cx, Fault};

/// Whose rows the caller sees.
pub(super) fn scope(cx: &Cx) -> Scope {
    if cx.caller.system || cx.caller.flags.all_projects {
        Scope::AllProjects
    } else {
        Scope::Project(cx.caller.project.clone())
    }
}

impl CentralService {
    /// Refuses unless `rule` lets the caller do it to `target`.
    pub(super) fn allow(&self, cx: &Cx, rule: Rule, target: &Target<'_>) -> Result<(), Fault> {
        match self.policy.load().decide(rule, &cx.caller, target) {
            Decision::Allowed => Ok(()),
            Decision::Forbidden => Err(refusals::forbidden()),
            Decision::WrongScope => Err(refusals::wrong_scope()),
        }
    }

    /// True if `rule` lets the caller do it, whatever it is done to.
    pub(super) fn may(&self, cx: &Cx, rule: Rule) -> bool {
        self.policy.load().check(rule, &cx.caller, &Target::owned_by(cx.caller.project.as_ref()))
    }

    /// As [`Self::allow`], the target being a zone.
    pub(super) fn allow_zone(&self, cx: &Cx, rule: Rule, zone: &Zone) -> Result<(), Fault> {
        let id = zone.id.to_string();
        self.allow(cx, rule, &zone_target(cx, zone, &id))
    }

    /// As [`Self::allow`], the target being a recordset in a zone.
    pub(super) fn allow_recordset(
        &self,
        cx: &Cx,
        rule: Rule,
        zone: &Zone,
        recordset: &Recordset,
    ) -> Result<(), Fault> {
        let (zone_id, id) = (zone.id.to_string(), recordset.id.to_string());
        let target = Target {
            recordset_id: Some(&id),
            recordset_name: Some(recordset.name.as_str()),
            recordset_project_id: recordset.project_id.as_ref().map(ProjectId::as_str),
            ..zone_target(cx, zone, &zone_id)
        };
        self.allow(cx, rule, &target)
    }
}

fn zone_target<'a>(cx: &Cx, zone: &'a Zone, id: &'a str) -> Target<'a> {
    let own = zone.project_id == cx.caller.project;
    Target {
        zone_id: Some(id),
        zone_name: Some(zone.name.as_str()),
        zone_type: Some(zone.kind.as_str()),
        zone_shared: zone.shared && !own && !cx.caller.flags.all_projects,
        ..Target::owned_by(zone.project_id.as_ref())
    }
}
