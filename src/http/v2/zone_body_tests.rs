//! Every rule for the body of a zone.

use serde_json::{Value, json};

use super::*;
use crate::domain::ids::{PoolId, ProjectId, ZoneId};
use crate::domain::serial::Serial;
use crate::domain::time::Timestamp;
use crate::domain::zone::SoaTimers;
use crate::domain::zone_status::Progress;

fn object(value: &Value) -> Object {
    Object::parse(value.to_string().as_bytes()).unwrap()
}

fn fault(error: ApiError) -> Fault {
    match error {
        ApiError::Fault(fault) => fault,
        other => panic!("{other}"),
    }
}

/// A valid body with `changes` made to it.
fn body(changes: &Value) -> Value {
    let mut body = json!({"name": "example.org.", "email": "a@example.org"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn refused(changes: &Value) -> Fault {
    fault(new_zone(&object(&body(changes))).unwrap_err())
}

fn message(changes: &Value) -> String {
    let fault = refused(changes);
    assert_eq!(fault.kind, "invalid_object", "{changes}");
    assert!(fault.details.is_empty(), "{changes}");
    fault.message.unwrap()
}

fn secondary(changes: &Value) -> Value {
    let mut body = json!({"name": "example.org.", "type": "SECONDARY", "masters": ["192.0.2.1"]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Path, validator, wanted value and message of the only finding.
fn finding(body: &Value) -> Value {
    let fault = fault(new_zone(&object(body)).unwrap_err());
    assert_eq!((fault.kind.as_ref(), fault.message.as_deref()), ("invalid_object", None));
    let [found] = fault.details.as_slice() else { panic!("{fault:?}") };
    let path: Vec<Value> = found
        .path
        .iter()
        .map(|element| match element {
            PathElement::Name(name) => json!(name),
            PathElement::Index(index) => json!(index),
        })
        .collect();
    let wanted = match &found.validator_value {
        ValidatorValue::Text(text) => json!(text),
        ValidatorValue::List(list) => json!(list),
    };
    json!([path, found.validator, wanted, found.message])
}

fn zone(kind: ZoneKind) -> Zone {
    Zone {
        id: ZoneId::random(),
        pool_id: PoolId::DEFAULT,
        project_id: Some(ProjectId::new("p1")),
        name: Name::parse("example.org.").unwrap(),
        kind,
        email: "a@example.org".into(),
        description: None,
        ttl: Ttl::new(3600).unwrap(),
        timers: SoaTimers { refresh: 3500, retry: 600, expire: 86400, minimum: 3600 },
        serial: Serial::new(5),
        progress: Progress::created(),
        shared: false,
        attributes: BTreeMap::new(),
        masters: Vec::new(),
        parent_id: None,
        recordset_count: 2,
        record_count: 0,
        hard_delete: false,
        version: 1,
        created_at: Timestamp::from_micros(1_795_394_590_000_000),
        updated_at: None,
        transferred_at: None,
        published_at: None,
    }
}

#[test]
fn a_primary_zone_needs_name_and_email_only() {
    let zone = new_zone(&object(&body(&json!({})))).unwrap();
    assert_eq!((zone.name.as_str(), zone.kind), ("example.org.", ZoneKind::Primary));
    assert_eq!((zone.email.as_deref(), zone.ttl, zone.description), (Some("a@example.org"), None, None));
}

#[test]
fn scalars_become_what_the_field_holds() {
    let given = json!({
        "ttl": "300", "description": 5, "attributes": {"a": true, "b": 1}, "type": "PRIMARY",
        "masters": [], "pool_id": "794CCC2C-D751-44FE-B57F-8894C9F5C842",
    });
    let zone = new_zone(&object(&body(&given))).unwrap();
    assert_eq!(zone.ttl, Some(Ttl::new(300).unwrap()));
    assert_eq!(zone.description.as_deref(), Some("5"));
    assert_eq!(zone.attributes, BTreeMap::from([("a".into(), "True".into()), ("b".into(), "1".into())]));
    let empty = new_zone(&object(&body(&json!({"ttl": null, "description": null, "id": null})))).unwrap();
    assert_eq!((empty.ttl, empty.description), (None, None));
    for (ttl, seconds) in [(json!(300.7), 300), (json!(true), 1), (json!(2_147_483_647), 2_147_483_647)] {
        let zone = new_zone(&object(&body(&json!({"ttl": ttl})))).unwrap();
        assert_eq!(zone.ttl.map(Ttl::seconds), Some(seconds));
    }
}

#[test]
fn a_bad_field_is_told_in_known_words() {
    let long = |n| "x".repeat(n);
    for (changes, detail) in [
        (json!({"name": format!("{}.", "a.".repeat(127) + "ab")}), "Value too long for name"),
        (json!({"name": format!("{}.org.", long(64))}), &format!("Host {} is too long", long(64))),
        (json!({"name": "example.org"}), "Domain example.org does not end with a dot"),
        (json!({"name": 5}), "Domain 5 does not end with a dot"),
        (json!({"name": "exa mple.org."}), "Domain exa mple.org. is invalid"),
        (json!({"name": "*.example.org."}), "Domain *.example.org. is invalid"),
        (json!({"name": "bücher.example."}), "Domain bücher.example. is invalid"),
        (json!({"name": "."}), "Domain . is invalid"),
        (json!({"name": ""}), "Domain  does not end with a dot"),
        (json!({"name": "example.org.\n"}), "Domain example.org.\n does not end with a dot"),
        (json!({"name": null}), "Field `name' cannot be None"),
        (json!({"email": "example.org"}), "example.org is not an email"),
        (json!({"email": "a@b@c"}), "a@b@c is not an email"),
        (json!({"email": "a+b@example.org"}), "Email a+b@example.org is invalid"),
        (json!({"email": "a@example.org."}), "Email a@example.org. is invalid"),
        (json!({"email": format!("{}@b.c", long(252))}), "Value too long for email"),
        (json!({"email": null}), "Field `email' cannot be None"),
        (json!({"ttl": -1}), "Value must be >= 0 for field ttl"),
        (json!({"ttl": 2_147_483_648_u64}), "Value too high for ttl"),
        (json!({"ttl": "x"}), "invalid literal for int() with base 10: 'x'"),
        (json!({"description": long(161)}), "Value too long for description"),
        (json!({"type": "primary"}), "Field value primary is invalid"),
        (json!({"type": null}), "Field value None is invalid"),
        (json!({"attributes": {long(51): "x"}}), "Value too long for key"),
        (json!({"attributes": {"x": long(51)}}), "Value too long for value"),
        (json!({"masters": ["192.0.2.1:0"]}), "192.0.2.1:0 has no valid port (1 to 65535)"),
        (json!({"masters": ["a b"]}), "a b has no valid host"),
        (json!({"pool_id": "x"}), "badly formed hexadecimal UUID string"),
    ] {
        let expected = format!("Provided object is not valid. Got a ValueError error with message {detail}");
        assert_eq!(message(&changes), expected, "{changes}");
    }
    for changes in [
        json!({"name": []}),
        json!({"name": {}}),
        json!({"email": []}),
        json!({"ttl": []}),
        json!({"ttl": {}}),
        json!({"attributes": []}),
        json!({"attributes": null}),
        json!({"attributes": {"a": null}}),
        json!({"attributes": {"a": {}}}),
        json!({"masters": "192.0.2.1"}),
        json!({"masters": null}),
        json!({"masters": [null]}),
    ] {
        assert!(message(&changes).starts_with("Provided object is not valid. Got a"), "{changes}");
    }
}

#[test]
fn unknown_and_read_only_members_are_named() {
    for (changes, keys) in [
        (json!({"colour": "red"}), "['colour']"),
        (json!({"links": {}}), "['links']"),
        (json!({"id": "x"}), "['id']"),
        (json!({"project_id": "p1"}), "['project_id']"),
        (json!({"status": "ACTIVE"}), "['status']"),
        (json!({"serial": 1}), "['serial']"),
        (json!({"created_at": "2026-11-23T00:43:10.000000"}), "['created_at']"),
    ] {
        let expected = format!("Provided object does not match schema. Keys {keys} are not valid for zone");
        assert_eq!(message(&changes), expected);
    }
}

#[test]
fn the_type_decides_about_email_ttl_and_masters() {
    assert_eq!(
        finding(&json!({"name": "example.org."})),
        json!([["type", "email"], "required", "email", "'email' is a required property"])
    );
    assert_eq!(
        finding(&json!({"email": "a@example.org"})),
        json!([["records", 0, "name"], "required", ["name"], "'name' is a required property"])
    );
    assert_eq!(
        finding(&body(&json!({"masters": ["192.0.2.1"]}))),
        json!([["type"], "maxItems", ["masters"], "'masters' has more items than allowed"])
    );
    for masters in [json!({"name": "example.org.", "type": "SECONDARY"}), secondary(&json!({"masters": []}))]
    {
        assert_eq!(
            finding(&masters),
            json!([["type", "masters"], "required", ["masters"], "'masters' is a required property"])
        );
    }
    for (member, value) in [("email", json!("a@example.org")), ("ttl", json!(300))] {
        let found = finding(&secondary(&json!({member: value})));
        assert_eq!(
            [&found[0], &found[1], &found[2]],
            [&json!(["type"]), &json!("not_allowed"), &json!(member)]
        );
    }
    assert!(new_zone(&object(&secondary(&json!({})))).is_ok());
}

#[test]
fn a_master_is_given_once() {
    let body = secondary(&json!({"masters": ["192.0.2.1", "192.0.2.2:54", "192.0.2.1:53"]}));
    let fault = fault(new_zone(&object(&body)).unwrap_err());
    assert_eq!((fault.code.status(), fault.kind.as_ref()), (409, "duplicate_zone_attribute"));
}

#[test]
fn a_change_may_echo_what_is_there() {
    let zone = zone(ZoneKind::Primary);
    let mut echo = serde_json::to_value(ZoneView::of(&zone, "")).unwrap();
    echo.as_object_mut().unwrap().remove("links");
    echo["email"] = json!("b@example.org");
    let read = changes(&object(&echo), &zone).unwrap();
    assert_eq!(read.email.as_deref(), Some("b@example.org"));
    assert_eq!(changes(&object(&json!({})), &zone).unwrap(), ZoneChanges::default());
    let cleared = changes(&object(&json!({"description": null})), &zone).unwrap();
    assert_eq!(cleared.description, Some(None));
}

#[test]
fn a_change_may_not_touch_what_is_not_the_clients() {
    let zone = zone(ZoneKind::Primary);
    for body in [
        json!({"name": "example.com."}),
        json!({"type": "SECONDARY"}),
        json!({"pool_id": "11111111-d751-44fe-b57f-8894c9f5c842"}),
        json!({"project_id": "p2"}),
        json!({"status": "ACTIVE"}),
        json!({"shared": true}),
        json!({"version": 2}),
        json!({"links": {"self": "/v2/zones"}}),
    ] {
        let fault = fault(changes(&object(&body), &zone).unwrap_err());
        assert!(fault.message.unwrap().contains("are not valid for zone"), "{body}");
    }
    assert!(changes(&object(&json!({"ttl": null})), &zone).is_err());
}

#[test]
fn the_type_decides_about_changes_too() {
    let (primary, secondary) = (zone(ZoneKind::Primary), zone(ZoneKind::Secondary));
    assert!(changes(&object(&json!({"masters": ["192.0.2.1"]})), &primary).is_err());
    assert!(changes(&object(&json!({"masters": []})), &primary).is_ok());
    for body in [json!({"masters": []}), json!({"email": "a@example.org"}), json!({"ttl": 5})] {
        let fault = fault(changes(&object(&body), &secondary).unwrap_err());
        assert_eq!(fault.details.len(), 1, "{body}");
    }
    let read = changes(&object(&json!({"masters": ["[2001:db8::1]:54"]})), &secondary).unwrap();
    assert_eq!(read.masters, Some(vec![HostPort::new("2001:db8::1", 54)]));
}
