//! The rule language, loading, and the effective access of every persona.

use super::*;
use crate::domain::identity::CallerFlags;
use crate::domain::ids::ProjectId;

fn caller(project: &str, roles: &[&str]) -> Identity {
    Identity {
        project: Some(ProjectId::new(project)),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        ..Identity::default()
    }
}

fn policy() -> Policy {
    Policy::defaults().unwrap()
}

/// What `text` says about a caller and a target.
fn says(text: &str, caller: &Identity, target: &Target<'_>) -> bool {
    Policy::with_overrides([("get_zone", text)]).unwrap().check(Rule::GetZone, caller, target)
}

fn refused(text: &str) -> PolicyError {
    Policy::with_overrides([("get_zone", text)]).unwrap_err()
}

fn syntax(text: &str) -> ParseErrorKind {
    match refused(text) {
        PolicyError::Syntax { source, .. } => source.kind,
        other => panic!("{text}: {other}"),
    }
}

#[test]
fn operators_bind_as_documented() {
    let member = caller("p1", &["member"]);
    let own = Target { project_id: Some("p1"), ..Target::default() };
    for (text, expected) in [
        ("@", true),
        ("", true),
        ("!", false),
        ("role:member", true),
        ("role:MEMBER", true),
        ("role:admin", false),
        ("not role:admin", true),
        ("not not role:admin", false),
        // `and` binds tighter: true or (true and false)
        ("@ or @ and !", true),
        ("(@ or @) and !", false),
        ("! and ! or @", true),
        ("not ! and @", true),
        ("NOT ! AND (role:admin OR role:member)", true),
        ("((role:member)and(@))", true),
        ("project_id:%(project_id)s", true),
        ("tenant:%(tenant_id)s", true),
        ("project_id:p1", true),
        ("project_id:'p1'", true),
        ("project_id:p2", false),
        ("rule:owner", true),
        ("rule:admin", false),
        ("is_admin:False", true),
    ] {
        assert_eq!(says(text, &member, &own), expected, "{text}");
    }
}

#[test]
fn comparisons_with_literals_and_unset_attributes() {
    let nobody = Identity::default();
    let target = Target { zone_type: Some("PRIMARY"), zone_shared: true, ..Target::default() };
    for (text, expected) in [
        ("'PRIMARY':%(zone_type)s", true),
        ("\"PRIMARY\":%(zone_type)s", true),
        ("'SECONDARY':%(zone_type)s", false),
        ("'a:b c':%(zone_type)s", false),
        ("True:%(zone_shared)s", true),
        ("'True':%(zone_shared)s", true),
        ("False:%(zone_shared)s", false),
        ("None:%(target_project_id)s", true),
        ("None:%(zone_type)s", false),
        // Neither the caller nor the target has a project: that is not "the same project".
        ("project_id:%(project_id)s", false),
        ("True:%(all_tenants)s", false),
    ] {
        assert_eq!(says(text, &nobody, &target), expected, "{text}");
    }
    let all = Identity {
        flags: CallerFlags { all_projects: true, ..CallerFlags::default() },
        ..Identity::default()
    };
    assert!(says("True:%(all_tenants)s", &all, &target));
}

#[test]
fn a_bad_text_is_refused_with_its_reason() {
    for (text, kind) in [
        ("role:admin or", ParseErrorKind::UnexpectedEnd),
        ("(role:admin", ParseErrorKind::UnexpectedEnd),
        ("role:admin)", ParseErrorKind::Misplaced),
        ("role:admin role:member", ParseErrorKind::Misplaced),
        ("and role:admin", ParseErrorKind::Misplaced),
        ("(@ @)", ParseErrorKind::Misplaced),
        ("admin", ParseErrorKind::NotACheck),
        ("role:", ParseErrorKind::NotACheck),
        ("project_id:a%(project_id)s", ParseErrorKind::NotACheck),
        ("project_id:%(project_id)", ParseErrorKind::NotACheck),
        ("group:x", ParseErrorKind::UnknownKind),
        ("project_id:%(colour)s", ParseErrorKind::UnknownAttribute),
        ("'PRIMARY:%(zone_type)s", ParseErrorKind::Unclosed),
        ("project_id:%(project_id", ParseErrorKind::Unclosed),
    ] {
        assert_eq!(syntax(text), kind, "{text}");
    }
    assert_eq!(syntax(&format!("{}@{}", "(".repeat(1000), ")".repeat(1000))), ParseErrorKind::TooDeep);
    assert_eq!(syntax(&format!("{} @", "not ".repeat(1000))), ParseErrorKind::TooDeep);
}

#[test]
fn unknown_references_and_circles_are_found_at_load() {
    assert_eq!(
        refused("role:admin or rule:nowhere"),
        PolicyError::UnknownReference { rule: "get_zone".into(), unknown: "nowhere".into() }
    );
    let circle = Policy::with_overrides([
        ("a", "rule:b"),
        ("b", "not (role:x and rule:c)"),
        ("c", "@ or rule:a"),
        ("get_zone", "rule:a"),
    ])
    .unwrap_err();
    let PolicyError::Cycle { path } = circle else { panic!("{circle}") };
    assert_eq!(path.len(), 4);
    assert_eq!(path.first(), path.last());
    assert!(matches!(refused("rule:get_zone"), PolicyError::Cycle { .. }));
}

#[test]
fn helper_rules_of_the_operator_can_be_used() {
    let policy =
        Policy::with_overrides([("dns_team", "role:dns"), ("create_zone", "rule:dns_team")]).unwrap();
    let target = Target::default();
    assert!(policy.check(Rule::CreateZone, &caller("p1", &["dns"]), &target));
    assert!(!policy.check(Rule::CreateZone, &caller("p1", &["admin"]), &target));
}

#[test]
fn rule_names_are_unique_and_round_trip() {
    for rule in Rule::ALL {
        assert_eq!(rule.name().parse::<Rule>().unwrap(), *rule);
    }
    assert!("colour_zone".parse::<Rule>().is_err());
}

#[test]
fn a_service_acting_on_its_own_passes_every_rule() {
    let closed = Policy::with_overrides([("get_zone", "!")]).unwrap();
    assert!(closed.check(Rule::GetZone, &Identity::system(), &Target::default()));
}

/// The four callers of the persona table, all of project `p1`.
fn personas() -> [Identity; 4] {
    [
        caller("p1", &[]),
        caller("p1", &["reader"]),
        caller("p1", &["member", "reader"]),
        caller("p1", &["admin", "member", "reader"]),
    ]
}

/// Which of the four personas a rule lets through.
fn access(rule: Rule, target: &Target<'_>) -> [bool; 4] {
    personas().map(|persona| policy().check(rule, &persona, target))
}

const ALL: [bool; 4] = [true; 4];
const READERS: [bool; 4] = [false, true, true, true];
const MEMBERS: [bool; 4] = [false, false, true, true];
const ADMINS: [bool; 4] = [false, false, false, true];

#[test]
fn own_objects_are_read_by_readers_and_written_by_members() {
    let own = Target {
        project_id: Some("p1"),
        zone_type: Some("PRIMARY"),
        recordset_project_id: Some("p1"),
        ..Target::default()
    };
    for rule in
        [Rule::FindZones, Rule::GetZone, Rule::GetZoneNsRecords, Rule::GetRecordset, Rule::FindRecordsets]
    {
        assert_eq!(access(rule, &own), READERS, "{}", rule.name());
    }
    for rule in [
        Rule::CreateZone,
        Rule::UpdateZone,
        Rule::DeleteZone,
        Rule::CreateRecordset,
        Rule::UpdateRecordset,
        Rule::DeleteRecordset,
        Rule::Default,
    ] {
        assert_eq!(access(rule, &own), MEMBERS, "{}", rule.name());
    }
    for rule in [
        Rule::AllTenants,
        Rule::UseSudo,
        Rule::EditManagedRecords,
        Rule::HardDelete,
        Rule::UseLowTtl,
        Rule::AbandonZone,
        Rule::UseBlacklistedZone,
        Rule::CreateTld,
        Rule::CreatePool,
        Rule::FindServiceStatuses,
        Rule::SetQuota,
    ] {
        assert_eq!(access(rule, &own), ADMINS, "{}", rule.name());
    }
    assert_eq!(access(Rule::GetQuotas, &own), READERS);
    assert_eq!(access(Rule::FindZoneTransferRequests, &own), ALL);
    let only_member = caller("p1", &["member"]);
    assert!(!policy().check(Rule::GetZone, &only_member, &own), "roles are not implied by the service");
}

#[test]
fn foreign_objects_are_for_admins() {
    let foreign = Target {
        project_id: Some("p2"),
        zone_type: Some("PRIMARY"),
        recordset_project_id: Some("p2"),
        ..Target::default()
    };
    for rule in
        [Rule::GetZone, Rule::UpdateZone, Rule::CreateRecordset, Rule::DeleteRecordset, Rule::GetQuotas]
    {
        assert_eq!(access(rule, &foreign), ADMINS, "{}", rule.name());
    }
    let mut reader = caller("p1", &["reader"]);
    reader.flags.all_projects = true;
    assert!(policy().check(Rule::GetQuotas, &reader, &foreign));
    assert_eq!(access(Rule::CountZones, &Target::default()), ADMINS, "no project in the target");
}

#[test]
fn a_shared_zone_is_read_by_all_and_extended_by_members() {
    let shared = Target {
        project_id: Some("p2"),
        zone_type: Some("PRIMARY"),
        zone_shared: true,
        recordset_project_id: Some("p2"),
        ..Target::default()
    };
    assert_eq!(access(Rule::GetZone, &shared), ALL);
    assert_eq!(access(Rule::GetRecordset, &shared), ALL);
    assert_eq!(access(Rule::CreateRecordset, &shared), MEMBERS);
    assert_eq!(access(Rule::UpdateRecordset, &shared), ADMINS, "the owner's recordset");
    let mine = Target { recordset_project_id: Some("p1"), ..shared };
    assert_eq!(access(Rule::UpdateRecordset, &mine), MEMBERS, "the caller's own recordset");
    assert_eq!(access(Rule::UpdateZone, &shared), ADMINS);
    assert_eq!(access(Rule::GetZoneNsRecords, &shared), ADMINS);
}

#[test]
fn recordsets_of_secondary_zones_are_for_admins() {
    let secondary = Target {
        project_id: Some("p1"),
        zone_type: Some("SECONDARY"),
        recordset_project_id: Some("p1"),
        ..Target::default()
    };
    for rule in [Rule::CreateRecordset, Rule::UpdateRecordset, Rule::DeleteRecordset] {
        assert_eq!(access(rule, &secondary), ADMINS, "{}", rule.name());
    }
}

#[test]
fn a_transfer_is_for_its_target_or_for_anybody() {
    let to_me = Target { project_id: Some("p2"), target_project_id: Some("p1"), ..Target::default() };
    let to_another = Target { target_project_id: Some("p3"), ..to_me };
    let to_anybody = Target { target_project_id: None, ..to_me };
    assert_eq!(access(Rule::GetZoneTransferRequest, &to_me), ALL);
    assert_eq!(access(Rule::CreateZoneTransferAccept, &to_another), ADMINS);
    assert_eq!(access(Rule::CreateZoneTransferAccept, &to_anybody), ALL);
}
