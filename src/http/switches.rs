//! What a caller switches on by header or query: sudo, all projects, managed records, hard delete, shares, counts.
//!
//! Invariants: each switch is judged by its own rule, in this order, sudo by the original project and the rest by the
//! one it acts for; a switch that is off is never judged; a query item beats its header and is taken out of the query.

use actix_web::http::header::HeaderMap;

use super::error::ApiError;
use super::query::Query;
use crate::domain::identity::Identity;
use crate::domain::ids::ProjectId;
use crate::domain::policy::{Policy, Rule, Target};

/// Completes `identity` with the switches; answers whether counts are to be hidden.
pub(super) fn apply(
    identity: &mut Identity,
    headers: &HeaderMap,
    query: &mut Query,
    policy: &Policy,
) -> Result<bool, ApiError> {
    let header = |name| super::identity::header(headers, name);
    let sudo = ["x-auth-sudo-project-id", "x-auth-sudo-tenant-id"]
        .into_iter()
        .find_map(|name| header(name).filter(|project| !project.is_empty()));
    if let Some(project) = sudo {
        allowed(Rule::UseSudo, identity, policy)?;
        identity.original_project = identity.project.replace(ProjectId::new(project));
    }
    let on = |name, item: Option<String>| match item {
        Some(value) => truth(&value),
        None => header(name).is_some_and(|value| truth(&value)),
    };
    if on("x-auth-all-projects", query.take(&["all_projects", "all_tenants"])) {
        allowed(Rule::AllTenants, identity, policy)?;
        identity.flags.all_projects = true;
    }
    if on("x-designate-edit-managed-records", query.take(&["edit_managed_records"])) {
        allowed(Rule::EditManagedRecords, identity, policy)?;
        identity.flags.edit_managed_records = true;
    }
    if on("x-designate-hard-delete", None) {
        allowed(Rule::HardDelete, identity, policy)?;
        identity.flags.hard_delete = true;
    }
    identity.flags.delete_shares = on("x-designate-delete-shares", None);
    Ok(on("openstack-dns-hide-counts", None))
}

fn allowed(rule: Rule, identity: &Identity, policy: &Policy) -> Result<(), ApiError> {
    if policy.check(rule, identity, &Target::owned_by(identity.project.as_ref())) {
        Ok(())
    } else {
        Err(ApiError::forbidden())
    }
}

/// What counts as "on"; everything else is "off".
fn truth(text: &str) -> bool {
    ["1", "t", "true", "on", "y", "yes"].iter().any(|word| word.eq_ignore_ascii_case(text.trim()))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn switched(
        roles: &str,
        headers: &[(&'static str, &'static str)],
        query: &str,
    ) -> Result<(Identity, Query, bool), ApiError> {
        let request =
            headers.iter().fold(TestRequest::get(), |request, header| request.insert_header(*header));
        let mut identity = Identity {
            project: Some(ProjectId::new("p1")),
            roles: vec![roles.to_owned()],
            ..Identity::default()
        };
        let mut query = Query::parse(query);
        let policy = Policy::defaults().unwrap();
        let hide = apply(&mut identity, request.to_http_request().headers(), &mut query, &policy)?;
        Ok((identity, query, hide))
    }

    #[test]
    fn an_admin_may_switch_everything_on() {
        let headers = [
            ("X-Auth-Sudo-Tenant-ID", "p9"),
            ("X-Auth-Sudo-Project-ID", "p2"),
            ("X-Auth-All-Projects", "Yes"),
            ("X-Designate-Hard-Delete", "TRUE"),
            ("X-Designate-Delete-Shares", "1"),
            ("OpenStack-DNS-Hide-Counts", "on"),
        ];
        let (identity, query, hide) = switched("admin", &headers, "edit_managed_records=t&name=x").unwrap();
        assert_eq!(identity.project, Some(ProjectId::new("p2")));
        assert_eq!(identity.original_project, Some(ProjectId::new("p1")));
        let flags = identity.flags;
        assert!(flags.all_projects && flags.edit_managed_records && flags.hard_delete && flags.delete_shares);
        assert!(hide);
        assert_eq!(query, Query::parse("name=x"));
    }

    #[test]
    fn a_query_item_beats_its_header() {
        let (identity, ..) =
            switched("member", &[("X-Auth-All-Projects", "true")], "all_tenants=false").unwrap();
        assert!(!identity.flags.all_projects);
        assert!(switched("member", &[("X-Auth-All-Projects", "false")], "all_projects=true").is_err());
    }

    #[test]
    fn a_member_may_only_delete_shares_and_hide_counts() {
        let harmless = [("X-Designate-Delete-Shares", "true"), ("OpenStack-DNS-Hide-Counts", "true")];
        assert!(switched("member", &harmless, "").is_ok());
        for header in [
            ("X-Auth-Sudo-Project-ID", "p1"),
            ("X-Auth-All-Projects", "true"),
            ("X-Designate-Edit-Managed-Records", "true"),
            ("X-Designate-Hard-Delete", "true"),
        ] {
            assert!(switched("member", &[header], "").is_err(), "{header:?}");
        }
        let off = [
            ("X-Auth-Sudo-Project-ID", ""),
            ("X-Auth-All-Projects", "maybe"),
            ("X-Designate-Hard-Delete", "0"),
        ];
        assert!(switched("member", &off, "").is_ok());
    }
}
