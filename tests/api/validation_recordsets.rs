//! The rules for recordsets and their data, as a client meets them.

use ordain::domain::generation::Generation;
use ordain::domain::ids::{ProjectId, RecordsetId};
use ordain::domain::name::Name;
use ordain::domain::record_type::RecordType;
use ordain::domain::recordset::Recordset;
use ordain::domain::zone_status::{Action, Outcome, Status};
use ordain::store::StoreError;
use ordain::store::repo::recordsets;
use ordain::testing::Wire;
use serde_json::{Value, json};

use crate::support::{Rig, on_every_wire};

on_every_wire!(
    good_records_are_kept_as_they_were_written,
    bad_records_are_told_one_by_one,
    members_have_their_form,
    a_type_that_is_not_enabled_is_refused,
    each_type_has_its_places,
    a_cname_stays_alone_and_single,
    a_child_zone_takes_its_names_from_its_parent,
    low_ttls_are_for_those_who_may,
    managed_recordsets_change_with_the_flag_only
);

/// For each type an owner below `example.org.`, data that is taken, in odd spellings where there are some, and data
/// that is not.
const DATA: [(&str, &str, &[&str], &[&str]); 16] = [
    (
        "A",
        "a",
        &["192.0.2.1", "0.0.0.0"],
        &["192.0.2", "192.0.2.01", "192.0.2.256", " 192.0.2.1", "::1", "0x7f.1"],
    ),
    (
        "AAAA",
        "a",
        &["2001:DB8:0::1", "::ffff:1.2.3.4"],
        &["192.0.2.1", "fe80::1%eth0", "2001:db8::/32", ":::"],
    ),
    ("CNAME", "c", &["Target.Example.NET."], &["target", ".", "*.example.net.", "bücher.example."]),
    ("NS", "n", &["1.2.3.4.", "ns.example.net."], &["ns.example.net", ".", "-ns.example.net."]),
    ("PTR", "p", &["host.example.net."], &["host", "a..b.", "a b."]),
    (
        "MX",
        "a",
        &["0 .", "65535 Mail.example.net."],
        &["010 mail.example.net.", "-1 a.", "65536 a.", "1 *.b.", "1 a", "1  a."],
    ),
    (
        "SRV",
        "_sip._tcp",
        &["00 010 05060 sip.example.net.", "0 0 0 ."],
        &["0 0 65536 a.", "0 0 a.", "0 0 1 a"],
    ),
    (
        "TXT",
        "a",
        &["word", "\"a\" \"b\"", "", "ü;\"x"],
        &["two words", "\"one", "one\"", "x\\", "a\nb", "\"a\"  \"b\""],
    ),
    ("SPF", "a", &["\"v=spf1 -all\""], &["v=spf1 -all", "\"v=spf1", "a\nb"]),
    (
        "SSHFP",
        "a",
        &["1 1 AAAAAAAAAAaaaaaaaaaa00000000001111111111", "6 0 0123456789"],
        &["5 1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1 0 abcde012345", "1 2 abcdef0123", "1 1 xyz"],
    ),
    (
        "NAPTR",
        "a",
        &["0 0 U E2U+sip !^.*$!sip:a@b! .", "1 1 \"\" \"\" \"\" a."],
        &["0 0 x a !a!b! .", "0 0 u a !(!b! .", "0 0 u a !a!b .", "0 0 u 1a !a!b! .", "0 0 u a"],
    ),
    (
        "CAA",
        "a",
        &["0 issue ca.org; a=b", "128 iodef mailto:a@b"],
        &["2 issue ca.org", "0 Issue a", "0 issue a..b", "0 foo a"],
    ),
    (
        "CERT",
        "a",
        &["PKIX 1 RSASHA256 Zm9 v", "1 1 8 Zm9v"],
        &["X 1 8 Zm9v", "1 1 8 Zm9", "1 65536 8 Zm9v", "pkix 1 8 Zm9v"],
    ),
    (
        "SVCB",
        "s",
        &["1 . port=00053 alpn=h2", "0 a."],
        &["1 . port=65536", "0 a. port=1", "1 . alpn=h4", "1 . port=1 port=2"],
    ),
    (
        "HTTPS",
        "s",
        &["1 . key667=x", "65535 a."],
        &["70000 a.", "1 a", "1 . mandatory=port", "1 . dohpath=/a{?dns}"],
    ),
    ("TLSA", "_443._tcp", &["3 1 0\t( ab\ncd )"], &["3 1 1 abcd", "256 1 0 ab", "3 1 0 abc", "3 1 0"]),
];

fn body(kind: &str, owner: &str, records: &Value) -> Value {
    json!({"name": format!("{owner}.example.org."), "type": kind, "records": records})
}

fn good_records_are_kept_as_they_were_written(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        for (kind, owner, good, _) in DATA {
            let owner = format!("{owner}.{}", kind.to_ascii_lowercase());
            let records: Vec<&str> = if kind == "CNAME" { good[..1].to_vec() } else { good.to_vec() };
            let got = rig.member().post(&path, body(kind, &owner, &json!(records))).await;
            assert_eq!((got.status, &got.body["records"]), (202, &json!(records)), "{kind}: {}", got.text);
            let shown = rig.member().get(&format!("{path}/{}", got.id())).await;
            assert_eq!(shown.body["records"], json!(records), "{kind}");
            for record in records {
                let twice = json!({"records": [record, record]});
                let got = rig.member().put(&format!("{path}/{}", got.id()), twice).await;
                assert_eq!(
                    (got.status, &got.body["records"]),
                    (202, &json!([record])),
                    "{kind}: {}",
                    got.text
                );
            }
        }
        let numbers = body("TXT", "numbers", &json!([5, 1.5, true]));
        let got = rig.member().post(&path, numbers).await;
        assert_eq!(got.body["records"], json!(["5", "1.5", "True"]), "{}", got.text);
    });
}

fn bad_records_are_told_one_by_one(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        for (kind, owner, good, bad) in DATA {
            let mut records: Vec<Value> = bad.iter().map(|text| json!(text)).collect();
            records.push(json!(good[0]));
            records.extend([Value::Null, json!("a\0b"), json!("\"\0\"")]);
            let wrong = |(index, data): (usize, &Value)| {
                let shown = data.as_str().unwrap_or("None");
                json!({"path": ["records", index], "message": format!("'{shown}' is not a '{kind}' Record"),
                       "validator": "format", "validator_value": [kind]})
            };
            let findings: Vec<Value> =
                records.iter().enumerate().filter(|(index, _)| *index != bad.len()).map(wrong).collect();
            let got = rig.member().post(&path, body(kind, owner, &json!(records))).await;
            got.refused(400, "invalid_object");
            assert_eq!(got.body["errors"], json!({"errors": findings}), "{kind}");
            assert!(got.body.get("message").is_none(), "{kind}");
        }
        let got = rig.member().post(&path, body("CAA", "a", &json!(["0 issue"]))).await;
        got.refused(400, "invalid_object");
        assert!(got.body["message"].as_str().unwrap().contains("an IndexError error"), "{}", got.text);
        let dns = body("SVCB", "_dns", &json!(["1 a.", "1 a. alpn=h2", "1 a. alpn=h2 dohpath=/q{?dns}"]));
        let got = rig.member().post(&path, dns).await;
        let paths: Vec<&Value> =
            got.body["errors"]["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
        assert_eq!(paths, [&json!(["records", 0]), &json!(["records", 1])]);
    });
}

fn members_have_their_form(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        let set = rig.member().recordset(&zone, "set.example.org.", "A", &["192.0.2.1"]).await;
        let long = |n: usize| "x".repeat(n);
        for (changes, detail) in [
            (json!({"name": "www.example.org"}), "Host name www.example.org does not end with a dot".into()),
            (json!({"name": 5}), "Host name 5 does not end with a dot".into()),
            (json!({"name": "a.*.example.org."}), "Host name a.*.example.org. is invalid".into()),
            (json!({"name": "*a.example.org."}), "Host name *a.example.org. is invalid".into()),
            (json!({"name": "**.example.org."}), "Host name **.example.org. is invalid".into()),
            (json!({"name": "bücher.example.org."}), "Host name bücher.example.org. is invalid".into()),
            (json!({"name": "a\\.b.example.org."}), "Host name a\\.b.example.org. is invalid".into()),
            (json!({"name": format!("{}.example.org.", long(64))}), format!("Host {} is too long", long(64))),
            (json!({"name": format!("{}ab.", "a.".repeat(127))}), "Value too long for name".into()),
            (json!({"name": "a\0.example.org."}), "A NUL character is not allowed in field name".into()),
            (json!({"name": null}), "Field `name' cannot be None".into()),
            (json!({"ttl": -1}), "Value must be >= 0 for field ttl".into()),
            (json!({"ttl": 2_147_483_648_u64}), "Value too high for ttl".into()),
            (json!({"ttl": "x"}), "invalid literal for int() with base 10: 'x'".into()),
            (json!({"ttl": "1\0"}), "invalid literal for int() with base 10: '1\0'".into()),
            (json!({"description": long(161)}), "Value too long for description".into()),
            (json!({"description": "a\0"}), "A NUL character is not allowed in field description".into()),
        ] {
            let mut body = body("A", "a", &json!(["192.0.2.1"]));
            for (member, value) in changes.as_object().unwrap() {
                body[member] = value.clone();
            }
            let message =
                format!("Provided object is not valid. Got a ValueError error with message {detail}");
            rig.member().post(&path, body).await.refused_saying(400, "invalid_object", &message);
            if changes.get("name").is_none() {
                let got = rig.member().put(&format!("{path}/{set}"), changes).await;
                got.refused_saying(400, "invalid_object", &message);
            }
        }
        for (kind, flaw) in [
            (json!("a"), "'a' is not a valid record type"),
            (json!("A\0"), "'A\0' is not a valid record type"),
            (json!("DNAME"), "'DNAME' is not a valid record type"),
            (Value::Null, "'None' is not a valid record type"),
        ] {
            let got = rig.member().post(&path, json!({"name": "a.example.org.", "type": kind})).await;
            got.refused(400, "invalid_object");
            let finding = json!({"path": ["recordset", "type"], "message": flaw, "validator": "value",
                                 "validator_value": [kind]});
            assert_eq!(got.body["errors"]["errors"], json!([finding]));
        }
        for (records, shown) in [(json!("192.0.2.1"), "192.0.2.1"), (Value::Null, "None"), (json!(5), "5")] {
            let got = rig.member().post(&path, body("A", "a", &records)).await;
            got.refused(400, "invalid_object");
            let finding = json!({"path": ["records"], "message": format!("'{shown}' is not a valid list of records"),
                                 "validator": "type", "validator_value": ["list"]});
            assert_eq!(got.body["errors"]["errors"], json!([finding]));
        }
        let nameless = rig.member().post(&path, json!({"type": "A", "records": []})).await;
        nameless.refused(400, "invalid_object");
        assert!(nameless.body.get("message").is_none() && nameless.body.get("errors").is_none());
        let kept = json!({"name": "kept.example.org.", "type": "A", "ttl": null, "description": null});
        assert_eq!(rig.member().post(&path, kept).await.status, 201);
        let most = json!({"name": "most.example.org.", "type": "A", "ttl": 2_147_483_647, "description": "ü".repeat(160)});
        assert_eq!(rig.member().post(&path, most).await.status, 201);
    });
}

fn a_type_that_is_not_enabled_is_refused(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| {
            config.central.supported_record_type.retain(|kind| *kind != RecordType::Spf);
        })
        .await;
        let zone = rig.member().zone("example.org.").await;
        let got =
            rig.member().post(&format!("/v2/zones/{zone}/recordsets"), body("SPF", "a", &json!(["x"]))).await;
        got.refused(400, "invalid_object");
        let finding = json!({"path": ["recordset", "type"], "message": "'SPF' is not a supported record type",
                             "validator": "value", "validator_value": ["SPF"]});
        assert_eq!(got.body["errors"]["errors"], json!([finding]));
    });
}

fn each_type_has_its_places(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        for (kind, _, good, _) in DATA {
            let at = |name: &str| json!({"name": name, "type": kind, "records": [good[0]]});
            let own = format!("*.{}.example.org.", kind.to_ascii_lowercase());
            let wildcard = rig.member().post(&path, at(&own)).await;
            match kind {
                "NS" | "SRV" => wildcard.refused_saying(400, "invalid_object", "name is invalid"),
                "TLSA" => wildcard.refused(400, "bad_request"),
                _ => assert_eq!(wildcard.status, 202, "{kind}: {}", wildcard.text),
            }
            let apex = rig.member().post(&path, at("example.org.")).await;
            match kind {
                "CNAME" => apex.refused(400, "invalid_recordset_location"),
                "SRV" => apex.refused_saying(400, "invalid_object", "name is invalid"),
                "TLSA" => apex.refused(400, "bad_request"),
                "NS" => apex.refused_saying(409, "duplicate_recordset", "Duplicate RecordSet"),
                _ => assert_eq!(apex.status, 202, "{kind}: {}", apex.text),
            }
        }
        for name in ["_65536._tcp", "_000443._tcp", "443._tcp", "_443.tcp", "_443._t1"] {
            let got = rig.member().post(&path, body("TLSA", name, &json!([]))).await;
            got.refused(400, "bad_request");
        }
        for name in ["_sip.tcp", "sip._tcp", "*._tcp", "_sip"] {
            let got = rig.member().post(&path, body("SRV", name, &json!([]))).await;
            got.refused_saying(400, "invalid_object", "name is invalid");
        }
        let soa = json!({"name": "x.example.org.", "type": "SOA", "records": ["a. b. 1 2 3 4 5"]});
        rig.member().post(&path, soa).await.refused(400, "bad_request");
    });
}

fn a_cname_stays_alone_and_single(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        let id = rig.member().recordset(&zone, "c.example.org.", "CNAME", &["a.example.net."]).await;
        let set = format!("{path}/{id}");
        let two = json!({"records": ["a.example.net.", "b.example.net."]});
        rig.member().put(&set, two).await.refused(400, "bad_request");
        assert_eq!(rig.member().put(&set, json!({"records": ["b.example.net."]})).await.status, 202);
        let got = rig.member().post(&path, body("A", "C", &json!([]))).await;
        got.refused(400, "invalid_recordset_location");
        let got = rig.member().post(&path, body("CNAME", "C", &json!(["a."]))).await;
        got.refused(400, "invalid_recordset_location");
        rig.member().delete(&set).await;
        rig.member().recordset(&zone, "c.example.org.", "A", &["192.0.2.1"]).await;
    });
}

fn a_child_zone_takes_its_names_from_its_parent(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        let id = rig.member().recordset(&zone, "www.sub.example.org.", "A", &["192.0.2.1"]).await;
        let child = rig.member().zone("Sub.example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        for (kind, owner, data) in
            [("NS", "sub", "ns.example.net."), ("A", "SUB", "192.0.2.1"), ("TXT", "*.sub", "x")]
        {
            let got = rig.member().post(&path, body(kind, owner, &json!([data]))).await;
            got.refused(400, "invalid_recordset_location");
        }
        let got = rig.member().put(&format!("{path}/{id}"), json!({"records": ["192.0.2.2"]})).await;
        got.refused(400, "invalid_recordset_location");
        assert_eq!(rig.member().delete(&format!("{path}/{id}")).await.status, 202);
        rig.member().recordset(&zone, "xsub.example.org.", "A", &["192.0.2.1"]).await;
        rig.member().recordset(&zone, "example.org.", "A", &["192.0.2.1"]).await;
        rig.member().recordset(&child, "www.sub.EXAMPLE.org.", "A", &["192.0.2.1"]).await;
    });
}

fn low_ttls_are_for_those_who_may(wire: &Wire) {
    wire.run(async {
        let rig = Rig::configured(wire, |config| config.central.min_ttl = 60).await;
        let zone = rig.member().zone("example.org.").await;
        let path = format!("/v2/zones/{zone}/recordsets");
        let mut low = body("A", "a", &json!(["192.0.2.1"]));
        low["ttl"] = json!(59);
        let got = rig.member().post(&path, low.clone()).await;
        got.refused(400, "invalid_ttl");
        assert!(got.body["message"].as_str().unwrap().ends_with("60"), "{}", got.text);
        let id = rig.admin().post(&path, low).await.id();
        let set = format!("{path}/{id}");
        rig.member().put(&set, json!({"ttl": 0})).await.refused(400, "invalid_ttl");
        assert_eq!(rig.member().put(&set, json!({"ttl": 60})).await.status, 202);
        assert_eq!(rig.member().put(&set, json!({"ttl": null})).await.status, 202);
    });
}

/// What the service makes for floating IPs and from notifications is of this kind.
fn managed_recordsets_change_with_the_flag_only(wire: &Wire) {
    wire.run(async {
        let rig = Rig::on(wire).await;
        let zone = rig.member().zone("example.org.").await;
        rig.report(&zone, Outcome::Propagated).await;
        let managed = |name: &str| Recordset {
            id: RecordsetId::random(),
            zone_id: zone.parse().unwrap(),
            zone_name: Name::parse("example.org.").unwrap(),
            project_id: Some(ProjectId::new("p1")),
            name: Name::parse(name).unwrap(),
            kind: RecordType::Ptr,
            ttl: None,
            description: None,
            records: vec!["host.example.net.".into()],
            managed: true,
            generation: Generation::FIRST,
            change: Action::Create,
            action: Action::None,
            status: Status::Active,
            version: 1,
            created_at: rig.now(),
            updated_at: None,
        };
        let set = managed("1.example.org.");
        rig.store
            .transact(|tx| {
                let set = set.clone();
                Box::pin(async move { recordsets::insert(tx, &set).await })
            })
            .await
            .map_err(|error: StoreError| error)
            .unwrap();
        let path = format!("/v2/zones/{zone}/recordsets/{}", set.id);
        let flag = ("X-Designate-Edit-Managed-Records", "true");
        let changes = || json!({"records": ["other.example.net."]});
        for caller in [rig.member(), rig.admin()] {
            caller.put(&path, changes()).await.refused(400, "bad_request");
            caller.delete(&path).await.refused(400, "bad_request");
        }
        let member = rig.member().with(flag.0, flag.1);
        member.put(&path, changes()).await.refused(403, "forbidden");
        member.delete(&path).await.refused(403, "forbidden");
        let admin = rig.admin().with(flag.0, flag.1);
        assert_eq!(admin.put(&path, changes()).await.status, 202);
        assert_eq!(rig.admin().delete(&format!("{path}?edit_managed_records=true")).await.status, 202);
        let plain = rig.admin().recordset(&zone, "2.example.org.", "PTR", &["host.example.net."]).await;
        assert_eq!(rig.member().delete(&format!("/v2/zones/{zone}/recordsets/{plain}")).await.status, 202);
    });
}
