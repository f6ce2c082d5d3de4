//! Tests of zone files.

use proptest::prelude::*;

use super::*;
use crate::domain::record_type::RecordType;

fn read(text: &str) -> ZoneFile {
    parse(text, Some(&Name::parse("example.org.").unwrap()))
        .unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

fn lines(file: &ZoneFile) -> Vec<String> {
    let line = |r: &ZoneRecord| {
        let mut out = String::new();
        write_record(&mut out, &r.name, r.ttl, &r.data).unwrap();
        out.trim_end().to_owned()
    };
    file.records.iter().map(line).collect()
}

fn problem(text: &str) -> (u32, Problem) {
    let error = parse(text, Some(&Name::parse("example.org.").unwrap())).unwrap_err();
    (error.line, error.problem)
}

/// The example of RFC 1035 section 5.3, its origin given by the caller.
#[test]
fn rfc1035_section_5_3() {
    let text = "\
@   IN  SOA     VENERA      Action\\.domains (
                                 20     ; SERIAL
                                 7200   ; REFRESH
                                 600    ; RETRY
                                 3600000; EXPIRE
                                 60)    ; MINIMUM

        NS      A.ISI.EDU.
        NS      VENERA
        MX      10      VENERA

A       A       26.3.0.103

VENERA  A       10.1.0.52
        A       128.9.0.32
";
    let file = parse(text, Some(&Name::parse("ISI.EDU.").unwrap())).unwrap();
    assert_eq!(
        lines(&file),
        [
            "ISI.EDU. 60 IN SOA VENERA.ISI.EDU. Action\\.domains.ISI.EDU. 20 7200 600 3600000 60",
            "ISI.EDU. 60 IN NS A.ISI.EDU.",
            "ISI.EDU. 60 IN NS VENERA.ISI.EDU.",
            "ISI.EDU. 60 IN MX 10 VENERA.ISI.EDU.",
            "A.ISI.EDU. 60 IN A 26.3.0.103",
            "VENERA.ISI.EDU. 60 IN A 10.1.0.52",
            "VENERA.ISI.EDU. 60 IN A 128.9.0.32",
        ]
    );
    assert_eq!(file.records.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 8, 9, 10, 12, 14, 15]);
    let (soa, ttl) = file.soa().unwrap();
    assert_eq!((soa.serial.number(), ttl.unwrap().seconds()), (20, 60));
}

#[test]
fn owner_ttl_and_class_may_be_missing_or_swapped() {
    let file = read(
        "a 5 IN A 192.0.2.1\nb IN 6 A 192.0.2.1\nc A 192.0.2.1\n 1h A 192.0.2.2\n\tin a 192.0.2.3\nIN A 192.0.2.1\n",
    );
    assert_eq!(
        lines(&file),
        [
            "a.example.org. 5 IN A 192.0.2.1",
            "b.example.org. 6 IN A 192.0.2.1",
            "c.example.org. 6 IN A 192.0.2.1",
            "c.example.org. 3600 IN A 192.0.2.2",
            "c.example.org. 3600 IN A 192.0.2.3",
            "IN.example.org. 3600 IN A 192.0.2.1",
        ]
    );
    assert_eq!(read("a A 192.0.2.1").records[0].ttl, None);
}

/// RFC 2308 section 4: `$TTL` holds for the records after it that state none.
#[test]
fn rfc2308_section_4_default_ttl() {
    let file = read("$TTL 1d\na A 192.0.2.1\nb 5 A 192.0.2.1\nc A 192.0.2.1\n$ttl 7\nd A 192.0.2.1\n");
    let ttls: Vec<u32> = file.records.iter().map(|r| r.ttl.unwrap().seconds()).collect();
    assert_eq!(ttls, [86400, 5, 86400, 7]);
    assert_eq!(file.default_ttl.unwrap().seconds(), 86400);
}

#[test]
fn origins_complete_names_and_name_the_zone() {
    let file =
        parse("; first\n$TTL 5\n$ORIGIN Example.net.\n@ NS ns\n$ORIGIN sub\nx CNAME @\n", None).unwrap();
    assert_eq!(file.origin.as_str(), "Example.net.");
    assert_eq!(lines(&file)[0], "Example.net. 5 IN NS ns.Example.net.");
    assert_eq!(lines(&file)[1], "x.sub.Example.net. 5 IN CNAME sub.Example.net.");
    let late = read("@ NS ns\n$ORIGIN a.\nx NS ns\n");
    assert_eq!(late.origin.as_str(), "example.org.");
    assert_eq!(lines(&late)[1], "x.a. IN NS ns.a.");
}

#[test]
fn without_origin_nothing_is_read() {
    for text in ["@ NS ns", "a. NS b.\n$ORIGIN example.org.\n", "", "$TTL 5\n"] {
        assert_eq!(parse(text, None).unwrap_err().problem, Problem::NoOrigin, "{text:?}");
    }
    assert!(matches!(parse("$ORIGIN a\n", None).unwrap_err().problem, Problem::Name { .. }));
}

#[test]
fn strings_escapes_and_comments() {
    let file = read(
        "t TXT \"a;b (c)\" d\\;e \"\\\"q\\\"\" ; rest\n\\@ TXT \"\" \na\\.b TXT (\n \"one\" ; x\n two )\nh HTTPS 1 . alpn=\"h2,h3\" port=53\r\n",
    );
    assert_eq!(
        lines(&file),
        [
            "t.example.org. IN TXT \"a;b (c)\" \"d;e\" \"\\\"q\\\"\"",
            "\\@.example.org. IN TXT \"\"",
            "a\\.b.example.org. IN TXT \"one\" \"two\"",
            "h.example.org. IN HTTPS 1 . alpn=h2,h3 port=53",
        ]
    );
}

#[test]
fn every_type_has_its_free_form() {
    let file = read(
        "a SSHFP 2 1 123456789abcdef67890 ( 123456789abcdef67890 )\nb CAA 128 tbs Unknown\nc CERT PGP 0 0 Zm9 v\n\
         d TYPE731 \\# 3 abcd ef\ne TLSA 3 1 1 (ab\n cd)\nf NAPTR 1 2 \"S\" \"a b\" \"\" .\ng type1 \\# 4 c0000201\n",
    );
    assert_eq!(file.records.len(), 7);
    assert_eq!(lines(&file)[3], "d.example.org. IN TYPE731 \\# 3 abcdef");
    assert_eq!(lines(&file)[6], "g.example.org. IN A 192.0.2.1");
}

#[test]
fn files_and_generators_are_refused() {
    for (text, name) in
        [("$INCLUDE /etc/passwd\n", "$INCLUDE"), ("$generate 1-9 a$ A 192.0.2.$\n", "$GENERATE")]
    {
        assert_eq!(problem(text), (1, Problem::Refused { directive: name.into() }));
    }
}

#[test]
fn problems_name_their_line() {
    let type_of = |word: &str| Problem::Type { word: word.into() };
    for (text, line, expected) in [
        ("\n A 192.0.2.1", 2, Problem::NoOwner),
        ("a\n", 1, Problem::NoType),
        ("a 5 IN\n", 1, Problem::NoType),
        ("a BOGUS x\n", 1, type_of("BOGUS")),
        ("a IN IN A 192.0.2.1\n", 1, type_of("IN")),
        ("a 5 5 A 192.0.2.1\n", 1, type_of("5")),
        ("a \"A\" 192.0.2.1\n", 1, type_of("A")),
        ("a CH A 192.0.2.1\n", 1, Problem::Class { class: "CH".into() }),
        ("a CLASS3 A 192.0.2.1\n", 1, Problem::Class { class: "CLASS3".into() }),
        ("a 2147483648 A 192.0.2.1\n", 1, Problem::Ttl),
        ("a 5x A 192.0.2.1\n", 1, Problem::Ttl),
        ("$TTL x\n", 1, Problem::Ttl),
        ("$TTL\n", 1, Problem::Directive { directive: "$TTL".into() }),
        ("$TTL 1 2\n", 1, Problem::Directive { directive: "$TTL".into() }),
        ("$FOO a\n", 1, Problem::Directive { directive: "$FOO".into() }),
        ("a TXT \"x\ny\"\n", 1, Problem::Quote),
        ("a A 192.0.2.1\n\nb TXT (\n x\n", 3, Problem::Parenthesis),
        ("a TXT )\n", 1, Problem::Parenthesis),
        ("a TXT ( \n ( x ) )\n", 2, Problem::Parenthesis),
        ("a TXT x\\\n", 1, Problem::Escape),
        ("\"a\" A 192.0.2.1\n", 1, Problem::NoOwner),
    ] {
        assert_eq!(problem(text), (line, expected), "{text:?}");
    }
    for text in ["a A 192.0.2\n", "a A\n", "a A 192.0.2.1 x\n", "a TXT\n", "a MX \"10\" b\n", "a NS \"b\"\n"]
    {
        assert!(matches!(problem(text), (1, Problem::Data { .. })), "{text:?}");
    }
    assert!(matches!(problem("ok A 192.0.2.1\na..b A 192.0.2.1\n"), (2, Problem::Name { .. })));
}

#[test]
fn exports_have_their_header() {
    let mut out = String::new();
    let zone = Name::parse("Example.org.").unwrap();
    write_header(&mut out, &zone, Ttl::new(300).unwrap()).unwrap();
    let data = RData::parse(RecordType::Txt, "v=x;y").unwrap();
    write_record(&mut out, &zone, None, &data).unwrap();
    write_record(&mut out, &zone, Some(Ttl::ZERO), &data).unwrap();
    assert_eq!(
        out,
        "$ORIGIN Example.org.\n$TTL 300\n\nExample.org. IN TXT \"v=x;y\"\nExample.org. 0 IN TXT \"v=x;y\"\n"
    );
    let file = parse(&out, None).unwrap();
    assert_eq!((file.records.len(), file.records[0].ttl), (2, Ttl::new(300).ok()));
}

proptest! {
    #[test]
    fn any_record_reads_back(
        index in 0..RecordType::NAMED.len() + 1,
        octets in prop::collection::vec(prop_oneof![0_u8..4, any::<u8>()], 0..40),
        owner in prop::collection::vec(any::<u8>(), 1..20),
        ttl in 0_u32..=0x7fff_ffff,
    ) {
        let rtype = RecordType::NAMED.get(index).copied().unwrap_or(RecordType::Other(700));
        let owner = [&[u8::try_from(owner.len()).unwrap()], owner.as_slice(), &[0]].concat();
        let (name, _) = Name::from_wire(&owner).unwrap();
        if let Ok(data) = RData::from_wire(rtype, &octets) {
            let mut out = String::new();
            write_record(&mut out, &name, Ttl::try_from(ttl).ok(), &data).unwrap();
            let file = parse(&out, Some(&Name::root())).map_err(|e| TestCaseError::fail(format!("{out}: {e}")))?;
            let [record] = file.records.as_slice() else { panic!("one record in {out}") };
            prop_assert_eq!((record.name.as_str(), &record.data), (name.as_str(), &data));
            prop_assert_eq!(record.data.to_wire(), octets);
            prop_assert_eq!(record.ttl.unwrap().seconds(), ttl);
        }
    }

    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&String::from_utf8_lossy(&octets), Some(&Name::root()));
    }

    #[test]
    fn arbitrary_words_never_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                " ", "\n", "\t", "(", ")", ";", "\"", "\\", "\\#", "@", "a", "A", "TXT", "SOA", "SVCB", "NAPTR", "CAA",
                "IN", "5", "1h", "$ORIGIN", "$TTL", "a.", "192.0.2.1", "key=", "alpn=h2", "ä", "\u{feff}", "=", "00",
            ]),
            0..60,
        ),
    ) {
        let _ = parse(&words.concat(), None);
        let _ = parse(&words.join(" "), Some(&Name::root()));
    }
}
