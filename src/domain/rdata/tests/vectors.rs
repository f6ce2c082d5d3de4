//! Examples of the RFCs: text to wire form.

use super::*;

/// Splits at blanks, quotes kept together; enough for the examples.
fn fields(text: &str) -> Vec<Field<'_>> {
    let mut quoted = true;
    text.split('"')
        .flat_map(|part| {
            quoted = !quoted;
            let is_quoted = quoted;
            let words: Vec<&str> = if is_quoted { vec![part] } else { part.split_whitespace().collect() };
            words.into_iter().map(move |text| Field { text, quoted: is_quoted })
        })
        .collect()
}

fn wire(rtype: RecordType, text: &str) -> Vec<u8> {
    RData::from_fields(rtype, &fields(text), None).unwrap_or_else(|e| panic!("{text}: {e}")).to_wire()
}

#[test]
fn rfc9460_appendix_d_service_parameters() {
    let target = b"\x03foo\x07example\x03com\x00";
    let with = |head: &[u8], tail: &[u8]| [head, target, tail].concat();
    let svcb = |text: &str| wire(RecordType::Svcb, text);
    assert_eq!(svcb("0 foo.example.com."), with(b"\0\0", b""));
    assert_eq!(svcb("1 ."), b"\0\x01\0");
    assert_eq!(svcb("16 foo.example.com. port=53"), with(b"\0\x10", b"\0\x03\0\x02\0\x35"));
    assert_eq!(svcb("1 foo.example.com. key667=hello"), with(b"\0\x01", b"\x02\x9b\0\x05hello"));
    assert_eq!(
        svcb("1 foo.example.com. key667=\"hello\\210qoo\""),
        with(b"\0\x01", b"\x02\x9b\0\x09hello\xd2qoo")
    );
    let hints =
        b"\0\x06\0\x20\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x53\0\x01";
    assert_eq!(svcb("1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\""), with(b"\0\x01", hints));
    assert_eq!(
        svcb("16 foo.example.org. ipv4hint=192.0.2.1 alpn=h2,h3-19 mandatory=ipv4hint,alpn"),
        b"\0\x10\x03foo\x07example\x03org\0\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01"
    );
    let escaped = b"\0\x10\x03foo\x07example\x03org\0\0\x01\0\x0c\x08f\\oo,bar\x02h2";
    for text in [
        "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
        "16 foo.example.org. alpn=f\\\\\\092oo\\092,bar,h2",
    ] {
        assert_eq!(svcb(text), escaped, "{text}");
    }
}

#[test]
fn rfc9460_section_2_1_keys_by_number() {
    let same = |named: &str, numbered: &str| {
        assert_eq!(wire(RecordType::Svcb, named), wire(RecordType::Svcb, numbered), "{numbered}");
    };
    same("1 . port=53", "1 . key3=\\000\\053");
    same("1 . alpn=h2 dohpath=/q{?dns}", "1 . key7=\"/q{?dns}\" key1=\\002h2");
    for text in
        ["1 . key65535=a", "1 . key3=53a", "1 . key03=ab", "1 . key2=a", "1 . key", "1 . port=53 key3=ab"]
    {
        assert!(RData::from_fields(RecordType::Svcb, &fields(text), None).is_err(), "{text}");
    }
}

#[test]
fn rfc9460_appendix_d_3_failures() {
    for text in [
        "1 foo.example.com. key123=abc key123=def",
        "1 foo.example.com. mandatory",
        "1 foo.example.com. alpn",
        "1 foo.example.com. port",
        "1 foo.example.com. ipv4hint",
        "1 foo.example.com. ipv6hint",
        "1 foo.example.com. no-default-alpn=abc",
        "1 foo.example.com. mandatory=key123",
        "1 foo.example.com. mandatory=mandatory",
        "1 foo.example.com. mandatory=key123,key123 key123=abc",
    ] {
        assert!(RData::from_fields(RecordType::Svcb, &fields(text), None).is_err(), "{text}");
    }
}

#[test]
fn rfc8659_section_4_properties() {
    assert_eq!(wire(RecordType::Caa, "0 issue \"ca1.example.net\""), b"\0\x05issueca1.example.net");
    assert_eq!(wire(RecordType::Caa, "128 tbs \"Unknown\""), b"\x80\x03tbsUnknown");
    assert_eq!(
        wire(RecordType::Caa, "0 issue \"ca1.example.net; account=230123\""),
        b"\0\x05issueca1.example.net; account=230123"
    );
}

#[test]
fn rfc4255_section_3_2_and_rfc6698_section_2_3() {
    let sshfp = "2 1 123456789abcdef67890123456789abcdef67890";
    assert_eq!(wire(RecordType::Sshfp, sshfp).len(), 22);
    let tlsa = "1 1 2 92003ba34942dc74152e2f2c408d29ec a5a520e7f2e06bb944f4dca346baf63c 1b177615d466f6c4b71c216a50292bd5 8c9ebdd2f74e38fe51ffd48c43326cbc";
    let octets = wire(RecordType::Tlsa, tlsa);
    assert_eq!((octets.len(), &octets[..5]), (67, &b"\x01\x01\x02\x92\x00"[..]));
}

#[test]
fn rfc3403_section_6_2_and_rfc2782() {
    assert_eq!(
        wire(RecordType::Naptr, "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z3950._tcp.gatech.edu."),
        b"\0\x64\0\x32\x01s\x0dz3950+I2L+I2C\0\x06_z3950\x04_tcp\x06gatech\x03edu\0"
    );
    assert_eq!(wire(RecordType::Srv, "0 1 9 old-slow-box.example.com.")[..6], [0, 0, 0, 1, 0, 9]);
}

#[test]
fn rfc1035_soa_and_units() {
    let origin = Name::parse("isi.edu.").unwrap();
    let text = "VENERA Action\\.domains 20 2h 10m 6w6d16h 1m";
    let soa = RData::from_fields(RecordType::Soa, &fields(text), Some(&origin)).unwrap();
    assert_eq!(soa.to_string(), "VENERA.isi.edu. Action\\.domains.isi.edu. 20 7200 600 4204800 60");
}

#[test]
fn rfc3597_section_5_generic_form() {
    assert_eq!(
        wire(RecordType::Other(731), "\\# 6 abcd ( ef 01 23 45 )".replace(['(', ')'], "").as_str()).len(),
        6
    );
    assert_eq!(RData::from_wire(RecordType::Other(62347), b"").unwrap().to_string(), "\\# 0");
    let a = RData::from_fields(RecordType::A, &fields("\\# 4 0A000001"), None).unwrap();
    assert_eq!(a.to_string(), "10.0.0.1");
    for text in ["\\# 5 0A000001", "\\# 3 0A0001", "\\#", "\\# 4"] {
        assert!(RData::from_fields(RecordType::A, &fields(text), None).is_err(), "{text}");
    }
    let named = RData::from_wire(RecordType::Other(1), &[10, 0, 0, 1]).unwrap();
    assert_eq!(named, a);
}

#[test]
fn wire_form_must_be_exact() {
    for (rtype, octets) in [
        (RecordType::A, &[1, 2, 3][..]),
        (RecordType::A, &[1, 2, 3, 4, 5]),
        (RecordType::Mx, &[0, 1]),
        (RecordType::Cname, &[0, 0]),
        (RecordType::Cname, &[0xc0, 0x0c]),
        (RecordType::Txt, &[]),
        (RecordType::Txt, &[2, b'a']),
        (RecordType::Caa, &[0, 0, b'a']),
        (RecordType::Caa, &[0, 1, b'-', b'a']),
        (RecordType::Svcb, &[0, 1, 0, 0, 3, 0, 1, 0]),
        (RecordType::Svcb, &[0, 1, 0, 0, 3, 0, 2, 0, 1, 0, 3, 0, 2, 0, 1]),
        (RecordType::Svcb, &[0, 1, 0, 0xff, 0xff, 0, 0]),
    ] {
        assert!(RData::from_wire(rtype, octets).is_err(), "{rtype} {octets:?}");
    }
}
