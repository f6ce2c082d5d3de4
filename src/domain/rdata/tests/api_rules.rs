//! What the API takes and refuses, type by type.

use super::*;

fn hex(digits: usize) -> String {
    "a1".repeat(digits.div_ceil(2)).chars().take(digits).collect()
}

#[test]
fn a_is_a_dotted_quad() {
    takes(RecordType::A, &["192.0.2.1", "0.0.0.0", "255.255.255.255"]);
    refuses(
        RecordType::A,
        &[
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "0x7f.0.0.1",
            "127.1",
            " 192.0.2.1",
            "192.0.2.1 ",
            "1.2.3.4.",
        ],
    );
    refuses(RecordType::A, &["192.0.2.1\n", "::1", "192.0.2.1/32", "١.2.3.4"]);
}

#[test]
fn aaaa_is_any_ipv6_text() {
    takes(RecordType::Aaaa, &["2001:db8::1", "::", "::ffff:1.2.3.4", "2001:DB8:0:0:8:800:200C:417A", "1::"]);
    refuses(
        RecordType::Aaaa,
        &["", "fe80::1%eth0", "2001:db8::/32", "1.2.3.4", ":::", "1::2::3", "12345::", "[::1]"],
    );
    assert_eq!(printed(RecordType::Aaaa, "2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
}

#[test]
fn names_are_domains_of_the_api() {
    for rtype in [RecordType::Cname, RecordType::Ns, RecordType::Ptr] {
        takes(rtype, &["a.", "Host.Example.org.", "_x.a.", "1.2.3.4.", "xn--bcher-kva.example."]);
        refuses(
            rtype,
            &["", ".", "a", "*.a.", "-a.b.", "a..b.", "a. ", " a.", "bücher.de.", "a\\.b.", "a.\n"],
        );
        refuses(rtype, &[&format!("{}.", "a".repeat(64)), &"a.".repeat(128)]);
    }
}

#[test]
fn mx_is_a_preference_and_a_host() {
    takes(RecordType::Mx, &["0 .", "10 mail.example.org.", "65535 a."]);
    refuses(
        RecordType::Mx,
        &["", "10", "10 ", "10 mail", "65536 a.", "010 a.", "-0 a.", "+1 a.", "-1 a.", "1.5 a."],
    );
    refuses(
        RecordType::Mx,
        &["10  a.", " 10 a.", "10 a. ", "10 a. b.", "10\ta.", "10 *.b.", "10 -m.b.", "10 ä.b."],
    );
    refuses(RecordType::Mx, &[&format!("10 {}", "a.".repeat(128))]);
}

#[test]
fn srv_tolerates_leading_zeros() {
    takes(RecordType::Srv, &["0 5 5060 sip.example.org.", "65535 65535 65535 a.", "0 0 0 ."]);
    assert_eq!(printed(RecordType::Srv, "00 010 005 a."), "0 10 5 a.");
    refuses(
        RecordType::Srv,
        &["0 5 a.", "0 5 65536 a.", "0 5 -1 a.", "0 5 5060 a", "0  5 5060 a.", "0 5 5060 *.a."],
    );
    refuses(RecordType::Srv, &["0 5 5060 a. ", "0 5 5060", "a 5 5060 a.", "0 5 5060 a.\n"]);
}

#[test]
fn txt_is_a_word_or_quoted_strings() {
    for rtype in [RecordType::Txt, RecordType::Spf] {
        takes(
            rtype,
            &[
                "",
                "\"\"",
                "word",
                "v=DKIM1;k=rsa;p=MIG",
                "in\"side",
                "ä",
                "\"two words\"",
                "\"say \\\"hi\\\"\"",
            ],
        );
        takes(
            rtype,
            &["\"a\" \"b\"", "\"ends in a backslash\\\\\"", "\\097", "\"v=spf1 -all\"", "\"tab\there\""],
        );
        refuses(
            rtype,
            &[
                "\\",
                "\\\\",
                "word\\",
                "\"",
                "\"one-sided",
                "one-sided\"",
                "two words",
                " a",
                "a ",
                "\"a\"b\"",
                "\"a\\\\\"b\"",
            ],
        );
        refuses(
            rtype,
            &["ends\\", "\"foo\\\"", "a\nb", "\"a\nb\"", "a\n", "a\tb", "a\u{a0}b", "\\256", "\\1x"],
        );
        refuses(rtype, &["\"a\"  \"b\"", "\"a\"\"b\"", "\"a\" b", "\"a\" ", "\"a\" \"b", "a\\\""]);
    }
    refuses(RecordType::Txt, &["\0", "a\0", "\"\0\""]);
    takes(RecordType::Txt, &["\\000", "\u{1}\u{7f}"]);
    assert_eq!(printed(RecordType::Txt, "a;b"), "\"a;b\"");
    assert_eq!(printed(RecordType::Txt, "ä\\032\"x"), "\"\\195\\164 \\\"x\"");
}

#[test]
fn txt_strings_hold_255_octets() {
    let (fits, over) = ("x".repeat(255), "x".repeat(256));
    takes(RecordType::Txt, &[&fits, &format!("\"{fits}\""), &format!("\"{fits}\" \"{fits}\"")]);
    refuses(
        RecordType::Txt,
        &[&over, &format!("\"{over}\""), &format!("\"a\" \"{over}\""), &"ä".repeat(128)],
    );
    let escapes = "\\\"".repeat(255);
    takes(RecordType::Txt, &[&format!("\"{escapes}\"")]);
    let all = vec![format!("\"{fits}\""); 254].join(" ");
    assert_eq!(RData::parse(RecordType::Txt, &all).unwrap_err().flaw, Flaw::TooLong);
    takes(RecordType::Txt, &[&vec![format!("\"{fits}\""); 253].join(" ")]);
}

#[test]
fn sshfp_has_even_fingerprints_of_sane_length() {
    let good = |algorithm: &str, kind: &str, digits: usize| format!("{algorithm} {kind} {}", hex(digits));
    for text in
        [good("0", "0", 10), good("4", "1", 40), good("3", "2", 64), good("6", "2", 64), good("1", "0", 38)]
    {
        takes(RecordType::Sshfp, &[&text, &text.to_uppercase()]);
    }
    for text in [
        good("5", "1", 40),
        good("7", "1", 40),
        good("1", "3", 40),
        good("01", "1", 40),
        good("1", "01", 40),
        good("1", "0", 8),
        good("1", "0", 39),
        good("1", "0", 42),
        good("1", "1", 38),
        good("1", "1", 64),
        good("1", "2", 40),
        good("1", "2", 62),
        good("1", "2", 66),
        format!("1 1 {}g", hex(39)),
        format!("1 1 {} {}", hex(20), hex(20)),
        format!("1  1 {}", hex(40)),
        format!("1 1 {}\n", hex(40)),
    ] {
        refuses(RecordType::Sshfp, &[&text]);
    }
}

#[test]
fn naptr_strings_have_their_forms() {
    takes(
        RecordType::Naptr,
        &[
            "100 10 \"U\" \"E2U+sip\" \"!^.*$!sip:a@example.org!\" .",
            "0 65535 s SIP+D2T \"\" _sip._tcp.example.org.",
            "00 1 \"\" \"\" \"\" .",
            "1 1 apsuAPSU A1+b2+c3 /a/b/i a.",
            "1 1 \"u\" \"E2U+email\" \"!^(.*)$!mailto:\\\\1@a.org!i\" .",
            "1 1 u x !a\\\\!b!c! .",
        ],
    );
    for (order, flags, services, regexp, replacement) in [
        ("65536", "u", "a", "!a!b!", "."),
        ("-1", "u", "a", "!a!b!", "."),
        ("1", "x", "a", "!a!b!", "."),
        ("1", "u", "1a", "!a!b!", "."),
        ("1", "u", "a+", "!a!b!", "."),
        ("1", "u", "a+1b", "!a!b!", "."),
        ("1", "u", "a:b", "!a!b!", "."),
        ("1", "u", "a", "!a!b", "."),
        ("1", "u", "a", "!a!b!x", "."),
        ("1", "u", "a", "!a!b!i!", "."),
        ("1", "u", "a", "1a1b1", "."),
        ("1", "u", "a", "iaibi", "."),
        ("1", "u", "a", "!(!b!", "."),
        ("1", "u", "a", "!a!\\\\1!", "."),
        ("1", "u", "a", "\"\\\\a\\\\b\\\\\"", "."),
        ("1", "u", "a", "\"!a b!c!\"", "."),
        ("1", "u", "a", "\"!a!b!", "."),
        ("1", "u", "", "!a!b!", "."),
        ("1", "u", "a", "!a!b!", "a"),
        ("1", "u", "a", "!a!b!", "*.a."),
        ("1", "u", "a", "!a!b!\n", "."),
        ("1 1", "u", "a", "!a!b!", "."),
    ] {
        refuses(RecordType::Naptr, &[&format!("{order} 1 {flags} {services} {regexp} {replacement}")]);
    }
    let long = format!("1 1 u a+b{} \"\" .", "c".repeat(32));
    refuses(RecordType::Naptr, &[&long, "1 1 u a .", "1 1 \"u\" \"a\" \"\"", &long.replace("a+b", "+")]);
    takes(RecordType::Naptr, &[&long.replace("bc", "b"), &format!("1 1 u a{} \"\" .", "b".repeat(100))]);
}

#[test]
fn caa_issue_names_a_domain_and_items() {
    takes(
        RecordType::Caa,
        &["0 issue ca.example.org", "1 issuewild ca", "128 issue ca.org; a=b; C3=d/e:f", "0 issue ;"],
    );
    takes(
        RecordType::Caa,
        &["0 issue \"ca.org\"", "0 issue \";\"", "0 issue \"ca.org;a=b ; c=d\"", "0 issue \"\""],
    );
    assert_eq!(printed(RecordType::Caa, "0 issue ca.org; a=b"), "0 issue \"ca.org; a=b\"");
    refuses(
        RecordType::Caa,
        &["", "0", "2 issue a", "129 issue a", "00 issue a", "-1 issue a", "0 Issue a", "0 foo a"],
    );
    refuses(
        RecordType::Caa,
        &["0 issue ca.org.", "0 issue *.ca.org", "0 issue ca.org;a=b", "0 issue ca.org;  a=b"],
    );
    refuses(
        RecordType::Caa,
        &["0 issue ca.org; a", "0 issue ca.org; a=", "0 issue ca.org; a-b=c", "0 issue ca.org; a=-b"],
    );
    refuses(
        RecordType::Caa,
        &["0 issue ca.org; =b", "0 issue ca.org ", "0  issue ca.org", "0 issue ", "0 issue \"ca.org"],
    );
    refuses(
        RecordType::Caa,
        &["0 issue ca.org\"", "0 issue \"a\"b\"", "0 issue \"ca.org;;a=b\"", "0 issue ca.org; a=b\n"],
    );
}

#[test]
fn caa_iodef_is_a_url() {
    takes(
        RecordType::Caa,
        &["0 iodef mailto:sec@example.org", "0 iodef mailto:a_-1+tag@b", "0 iodef http://a.b/"],
    );
    takes(RecordType::Caa, &["0 iodef https://a.b/c/d?e=f", "0 iodef \"mailto:sec@example.org\""]);
    refuses(
        RecordType::Caa,
        &["0 iodef sec@example.org", "0 iodef mailto:a.b@c", "0 iodef mailto:a+b+c@d", "0 iodef mailto:a"],
    );
    refuses(
        RecordType::Caa,
        &["0 iodef mailto:@b", "0 iodef mailto:+a@b", "0 iodef http://a.b", "0 iodef ftp://a.b/"],
    );
    refuses(
        RecordType::Caa,
        &["0 iodef http:///", "0 iodef http://a b/", "0 iodef http://a.b/c d", "0 iodef mailto:a@b@c"],
    );
}

#[test]
fn caa_without_value_is_an_error_of_its_own() {
    let flaw = |text| RData::parse(RecordType::Caa, text).unwrap_err().flaw;
    assert_eq!(flaw("0 issue"), Flaw::MissingValue);
    assert_eq!(flaw("0"), Flaw::FieldCount);
}

#[test]
fn cert_takes_mnemonics_and_base64() {
    takes(
        RecordType::Cert,
        &["PKIX 1 RSASHA256 Zm9v", "65535 65535 255 Zm9vYg==", "0 0 0 Zm9 v Yg = =", "OID 1 ED448 Zm8="],
    );
    for kind in ["SPKI", "PGP", "IPKIX", "ISPKI", "IPGP", "ACPKIX", "IACPKIX", "URI"] {
        let text = format!("{kind} 1 DSA Zm9v");
        assert_eq!(printed(RecordType::Cert, &text), text);
    }
    for (number, algorithm) in [
        (1, "RSAMD5"),
        (3, "DSA"),
        (5, "RSASHA1"),
        (6, "DSA-NSEC3-SHA1"),
        (7, "RSASHA1-NSEC3-SHA1"),
        (8, "RSASHA256"),
        (10, "RSASHA512"),
        (12, "ECC-GOST"),
        (13, "ECDSAP256SHA256"),
        (14, "ECDSAP384SHA384"),
        (15, "ED25519"),
        (16, "ED448"),
    ] {
        let by_number = RData::parse(RecordType::Cert, &format!("1 1 {number} Zm9v")).unwrap();
        let by_name = RData::parse(RecordType::Cert, &format!("PKIX 1 {algorithm} Zm9v")).unwrap();
        assert_eq!(by_number, by_name);
        // BIND has other names for these.
        let shown = if matches!(number, 6 | 7 | 12) { number.to_string() } else { algorithm.to_owned() };
        assert_eq!(by_number.to_string(), format!("PKIX 1 {shown} Zm9v"));
    }
    refuses(
        RecordType::Cert,
        &["", "PKIX 1 RSASHA256", "PKIX 1 RSASHA256 ", "pkix 1 8 Zm9v", "PKIX 1 rsasha256 Zm9v"],
    );
    refuses(
        RecordType::Cert,
        &["65536 1 8 Zm9v", "1 65536 8 Zm9v", "1 1 256 Zm9v", "X 1 8 Zm9v", "1 -1 8 Zm9v"],
    );
    refuses(
        RecordType::Cert,
        &["1 1 8 Zm9", "1 1 8 Zm9v\n", "1 1 8 Zm9!", "1 1 8 Zg=", "1  1 8 Zm9v", "1 1 8  Zm9v"],
    );
    refuses(RecordType::Cert, &["1 1 8 Zm9v ", "DPKIX 1 8 Zm9v", "DPTR 1 8 Zm9v"]);
}

#[test]
fn svcb_and_https_have_target_and_parameters() {
    for rtype in [RecordType::Svcb, RecordType::Https] {
        takes(rtype, &["0 a.", "1 .", "65535 svc.example.org.", "1 a. alpn=h3,h2,h2c,http/1.1,http/1.0"]);
        takes(
            rtype,
            &["1 . alpn=h2 no-default-alpn", "1 . ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1,::"],
        );
        takes(
            rtype,
            &[
                "1 . port=0",
                "1 . port=65535",
                "1 . port=00053",
                "1 . ech=Zm9v",
                "1 . mandatory=port,alpn alpn=h2 port=1",
            ],
        );
        takes(
            rtype,
            &[
                "1 . key667=hello",
                "1 . key667",
                "1 . key65534=\\000x",
                "1 . mandatory=key667 key667",
                "1 . key667=\\\"",
            ],
        );
        refuses(
            rtype,
            &[
                "",
                "1",
                "1 ",
                "1 a",
                "65536 a.",
                "-1 a.",
                "1 *.a.",
                "1  a.",
                "1 a. ",
                "1 a.  port=1",
                "1 a.\n",
            ],
        );
        refuses(rtype, &["0 a. port=1", "0 . alpn=h2"]);
        refuses(
            rtype,
            &["1 . alpn", "1 . alpn=", "1 . alpn=h4", "1 . alpn=h2,", "1 . alpn=\"h2\"", "1 . ALPN=h2"],
        );
        refuses(
            rtype,
            &["1 . no-default-alpn", "1 . no-default-alpn=1 alpn=h2", "1 . no-default-alpn= alpn=h2"],
        );
        refuses(
            rtype,
            &["1 . ipv4hint=::1", "1 . ipv4hint=", "1 . ipv6hint=1.2.3.4", "1 . ipv4hint=1.2.3.4,"],
        );
        refuses(
            rtype,
            &["1 . port=65536", "1 . port=", "1 . port=123456", "1 . port=000053", "1 . port=-1", "1 . port"],
        );
        refuses(
            rtype,
            &["1 . ech=", "1 . ech=Zm9", "1 . ech=Zm9\\v", "1 . mandatory=", "1 . mandatory=port"],
        );
        refuses(
            rtype,
            &[
                "1 . mandatory=mandatory",
                "1 . mandatory=port,port port=1",
                "1 . port=1 port=1",
                "1 . port=1 port=2",
            ],
        );
        refuses(
            rtype,
            &[
                "1 . foo=1",
                "1 . key",
                "1 . key01=a",
                "1 . key65535=a",
                "1 . key65536=a",
                "1 . key3=53",
                "1 . =1",
            ],
        );
        let long = |characters: usize| format!("1 . key667={}", "x".repeat(characters - 7));
        takes(rtype, &[&long(255)]);
        refuses(rtype, &[&long(256)]);
    }
}

#[test]
fn dohpath_is_for_svcb_only() {
    takes(RecordType::Svcb, &["1 a. alpn=h2 dohpath=/dns-query{?dns}", "1 a. dohpath=/{?dns}"]);
    refuses(
        RecordType::Svcb,
        &["1 a. dohpath=dns-query{?dns}", "1 a. dohpath=/dns-query", "1 a. dohpath={?dns}", "1 a. dohpath"],
    );
    refuses(RecordType::Https, &["1 a. alpn=h2 dohpath=/dns-query{?dns}"]);
}

#[test]
fn tlsa_takes_any_white_space() {
    let (short, sha256, sha512) = (hex(10), hex(64), hex(128));
    takes(
        RecordType::Tlsa,
        &[&format!("0 0 0 {short}"), &format!("3 1 1 {sha256}"), &format!("255 255 2 {sha512}")],
    );
    takes(
        RecordType::Tlsa,
        &[&format!(" 3\t1\n1 (\n{}\n {} ) ", hex(32), hex(32)), &format!("3 1 255 {sha256}")],
    );
    refuses(
        RecordType::Tlsa,
        &["", "3 1 1", "3 1 0", &format!("256 1 0 {short}"), &format!("3 256 0 {short}")],
    );
    refuses(
        RecordType::Tlsa,
        &[&format!("3 1 256 {short}"), "3 1 0 abc", "3 1 0 xy", &format!("3 1 1 {sha512}")],
    );
    refuses(
        RecordType::Tlsa,
        &[&format!("3 1 1 {}", hex(62)), &format!("3 1 2 {sha256}"), &format!("-3 1 1 {sha256}")],
    );
    takes(RecordType::Tlsa, &[&format!("3 1 0 {}", hex(65534))]);
    refuses(RecordType::Tlsa, &[&format!("3 1 0 {}", hex(65536))]);
}

#[test]
fn soa_has_seven_fields() {
    takes(RecordType::Soa, &["ns1.a. john\\.doe.a. 4294967295 3600 600 86400 3600", ". . 0 0 0 0 0"]);
    refuses(
        RecordType::Soa,
        &["ns1.a. b.a. 1 2 3 4", "ns1.a. b.a. 1 2 3 4 5 6", "ns1 b.a. 1 2 3 4 5", "a. b. x 2 3 4 5"],
    );
    refuses(
        RecordType::Soa,
        &["a. b. 4294967296 2 3 4 5", "a. b. 1 1h 3 4 5", "a.  b. 1 2 3 4 5", "a. b. -1 2 3 4 5"],
    );
}

#[test]
fn types_without_form_are_refused() {
    refuses(RecordType::Other(731), &["", "\\# 0", "a"]);
}
