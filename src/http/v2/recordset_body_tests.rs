//! Every rule for the body of a recordset.

use serde_json::{Value, json};

use super::*;
use crate::domain::generation::Generation;
use crate::domain::ids::{ProjectId, RecordsetId};
use crate::domain::time::Timestamp;
use crate::domain::zone_status::{Action, Status};

fn object(value: &Value) -> Object {
    Object::parse(value.to_string().as_bytes()).unwrap()
}

fn read(body: &Value) -> Result<CreateRecordset, Fault> {
    let supported: Vec<RecordType> =
        RecordType::NAMED.iter().copied().filter(|kind| *kind != RecordType::Spf).collect();
    new_recordset(&object(body), ZoneId::random(), &supported).map_err(|error| match error {
        ApiError::Fault(fault) => fault,
        other => panic!("{other}"),
    })
}

fn body(kind: &str, name: &str, records: &Value) -> Value {
    json!({"name": name, "type": kind, "records": records})
}

/// Status, type and message.
fn refused(body: &Value) -> (u16, String, Option<String>) {
    let fault = read(body).unwrap_err();
    assert!(fault.details.is_empty(), "{fault:?}");
    (fault.code.status(), fault.kind.into_owned(), fault.message)
}

/// Path, validator, wanted value and message of each finding.
fn findings(body: &Value) -> Vec<Value> {
    let fault = read(body).unwrap_err();
    assert_eq!((fault.kind.as_ref(), fault.message.as_deref()), ("invalid_object", None), "{body}");
    let path = |element: &PathElement| match element {
        PathElement::Name(name) => json!(name),
        PathElement::Index(index) => json!(index),
    };
    fault
        .details
        .iter()
        .map(|found| {
            let path: Vec<Value> = found.path.iter().map(path).collect();
            let ValidatorValue::List(wanted) = &found.validator_value else { panic!("{found:?}") };
            json!([path, found.validator, wanted, found.message])
        })
        .collect()
}

fn recordset(kind: RecordType, records: &[&str]) -> Recordset {
    Recordset {
        id: RecordsetId::random(),
        zone_id: ZoneId::random(),
        zone_name: Name::parse("example.org.").unwrap(),
        project_id: Some(ProjectId::new("p1")),
        name: Name::parse("www.example.org.").unwrap(),
        kind,
        ttl: Some(Ttl::new(60).unwrap()),
        description: Some("d".into()),
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        managed: false,
        generation: Generation::FIRST,
        change: Action::Create,
        action: Action::None,
        status: Status::Active,
        version: 1,
        created_at: Timestamp::from_micros(1_795_394_590_000_000),
        updated_at: None,
    }
}

#[test]
fn records_keep_order_and_text_and_lose_repetitions() {
    let read = read(&body("A", "www.example.org.", &json!(["192.0.2.2", "192.0.2.1", "192.0.2.2"]))).unwrap();
    assert_eq!(read.records, ["192.0.2.2", "192.0.2.1"]);
    assert_eq!((read.kind, read.ttl, read.description), (RecordType::A, None, None));
    let none = self::read(&json!({"name": "a.example.org.", "type": "TXT", "ttl": "60"})).unwrap();
    assert_eq!((none.records.len(), none.ttl), (0, Some(Ttl::new(60).unwrap())));
    let number = self::read(&body("TXT", "a.example.org.", &json!([5, true]))).unwrap();
    assert_eq!(number.records, ["5", "True"]);
}

#[test]
fn all_bad_records_are_told_by_the_clients_index() {
    let records = json!(["192.0.2.1", "x", null, "192.0.2.300", "192.0.2.2"]);
    assert_eq!(
        findings(&body("A", "www.example.org.", &records)),
        [
            json!([["records", 1], "format", ["A"], "'x' is not a 'A' Record"]),
            json!([["records", 2], "format", ["A"], "'None' is not a 'A' Record"]),
            json!([["records", 3], "format", ["A"], "'192.0.2.300' is not a 'A' Record"]),
        ]
    );
    for (kind, name, data) in [
        ("AAAA", "a.example.org.", "192.0.2.1"),
        ("CNAME", "a.example.org.", "target"),
        ("MX", "a.example.org.", "010 mail.example.org."),
        ("SRV", "_sip._tcp.example.org.", "0 0 65536 target.example.org."),
        ("TXT", "a.example.org.", "two words"),
        ("NS", "a.example.org.", "*.example.org."),
        ("PTR", "a.example.org.", "."),
        ("SSHFP", "a.example.org.", "1 1 zz"),
        ("NAPTR", "a.example.org.", "0 0"),
        ("CAA", "a.example.org.", "0 colour red"),
        ("CERT", "a.example.org.", "x"),
        ("SVCB", "a.example.org.", "1"),
        ("HTTPS", "a.example.org.", "70000 a.example."),
        ("TLSA", "_443._tcp.example.org.", "3 1 1 abcd"),
        ("SVCB", "_dns.example.org.", "1 a.example."),
        ("A", "a.example.org.", ""),
        ("A", "a.example.org.", " 192.0.2.1"),
    ] {
        let found = findings(&body(kind, name, &json!([data])));
        let message = format!("'{data}' is not a '{kind}' Record");
        assert_eq!(found, [json!([["records", 0], "format", [kind], message])], "{kind} {data}");
    }
    for odd in [json!([[]]), json!([{}])] {
        assert_eq!(findings(&body("A", "a.example.org.", &odd)).len(), 1);
    }
}

#[test]
fn records_are_a_list() {
    for (records, shown) in
        [(json!("192.0.2.1"), "192.0.2.1"), (json!(5), "5"), (Value::Null, "None"), (json!({}), "{}")]
    {
        let message = format!("'{shown}' is not a valid list of records");
        assert_eq!(
            findings(&body("A", "a.example.org.", &records)),
            [json!([["records"], "type", ["list"], message])]
        );
    }
}

#[test]
fn the_type_is_one_of_the_enabled_ones() {
    let found = |kind: Value| findings(&json!({"name": "a.example.org.", "type": kind, "records": []}));
    for (kind, message) in [
        (json!("a"), "'a' is not a valid record type"),
        (json!("DNAME"), "'DNAME' is not a valid record type"),
        (json!("TYPE1"), "'TYPE1' is not a valid record type"),
        (json!("SPF"), "'SPF' is not a supported record type"),
    ] {
        assert_eq!(found(kind.clone()), [json!([["recordset", "type"], "value", [kind], message])]);
    }
    let missing = json!([["recordset", "type"], "value", [null], "'None' is not a valid record type"]);
    assert_eq!(found(Value::Null), std::slice::from_ref(&missing));
    assert_eq!(findings(&json!({"name": "a.example.org.", "records": []})), [missing]);
}

#[test]
fn names_have_their_rules() {
    for (name, detail) in [
        ("www.example.org", "Host name www.example.org does not end with a dot"),
        ("a.*.example.org.", "Host name a.*.example.org. is invalid"),
        ("*a.example.org.", "Host name *a.example.org. is invalid"),
        ("a b.example.org.", "Host name a b.example.org. is invalid"),
    ] {
        let message = format!("Provided object is not valid. Got a ValueError error with message {detail}");
        let expected = (400, "invalid_object".to_owned(), Some(message));
        assert_eq!(refused(&body("A", name, &json!(["192.0.2.1"]))), expected);
    }
    assert!(read(&body("A", "*.example.org.", &json!(["192.0.2.1"]))).is_ok());
    let nameless = refused(&json!({"type": "A", "records": ["192.0.2.1"]}));
    assert_eq!(nameless, (400, "invalid_object".to_owned(), None));
    for (kind, name) in [("NS", "*.example.org."), ("SRV", "example.org.")] {
        let expected = (400, "invalid_object".to_owned(), Some("name is invalid".to_owned()));
        assert_eq!(refused(&body(kind, name, &json!([]))), expected);
    }
    let (status, kind, _) = refused(&body("TLSA", "www.example.org.", &json!([])));
    assert_eq!((status, kind.as_str()), (400, "bad_request"));
}

#[test]
fn the_soa_is_not_the_clients() {
    let data = "ns.example.org. a.example.org. 1 2 3 4 5";
    let (status, kind, _) = refused(&body("SOA", "example.org.", &json!([data])));
    assert_eq!((status, kind.as_str()), (400, "bad_request"));
}

#[test]
fn fields_have_their_limits() {
    let with = |member: &str, value: Value| {
        let mut body = body("A", "a.example.org.", &json!(["192.0.2.1"]));
        body[member] = value;
        read(&body)
    };
    for (member, value) in [
        ("ttl", json!(-1)),
        ("ttl", json!(2_147_483_648_u64)),
        ("ttl", json!("x")),
        ("description", json!("x".repeat(161))),
        ("colour", json!("red")),
        ("id", json!("x")),
        ("status", json!("ACTIVE")),
        ("zone_name", json!("example.org.")),
        ("links", json!({})),
    ] {
        assert_eq!(with(member, value).unwrap_err().kind, "invalid_object", "{member}");
    }
    assert!(with("ttl", Value::Null).is_ok());
    assert!(with("description", Value::Null).is_ok());
    let caa = read(&body("CAA", "a.example.org.", &json!(["0 issue"]))).unwrap_err();
    assert!(caa.message.unwrap().contains("IndexError"));
}

#[test]
fn a_change_takes_part_of_the_members() {
    let current = recordset(RecordType::A, &["192.0.2.1"]);
    let read = |body: Value| changes(&object(&body), &current);
    assert_eq!(read(json!({})).unwrap(), RecordsetChanges::default());
    let all = read(json!({"ttl": null, "description": null, "records": ["192.0.2.2"]})).unwrap();
    assert_eq!((all.ttl, all.description), (Some(None), Some(None)));
    assert_eq!(all.records.as_deref(), Some(&["192.0.2.2".to_owned()][..]));
    assert_eq!(read(json!({"records": []})).unwrap().records, Some(Vec::new()));
    let echo = json!({
        "name": "www.example.org.", "type": "A", "zone_name": "example.org.", "version": 1,
        "id": current.id, "updated_at": null,
    });
    assert_eq!(read(echo).unwrap(), RecordsetChanges::default());
    for body in [
        json!({"name": "w.example.org."}),
        json!({"type": "AAAA"}),
        json!({"status": "ACTIVE"}),
        json!({"action": "NONE"}),
        json!({"zone_id": "x"}),
        json!({"records": ["2001:db8::1"]}),
        json!({"ttl": "x"}),
    ] {
        assert!(read(body.clone()).is_err(), "{body}");
    }
}
