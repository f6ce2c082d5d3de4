//! RFC 2308: negative answers.

use super::support::*;

/// Section 2: «Name errors (NXDOMAIN) are indicated by the presence of "Name Error" in the RCODE field»; section 3:
/// «Name servers authoritative for a zone MUST include the SOA record of the zone in the authority section»; section
/// 5: its TTL «is set from the minimum of the MINIMUM field of the SOA record and the TTL of the SOA itself».
#[test]
fn section_3_the_soa_record_comes_with_a_denial() {
    for (soa_ttl, minimum, negative) in [(3600, 300, 300), (60, 300, 60)] {
        let soa = format!(
            "@ {soa_ttl} SOA ns1.example.org. a.example.org. 7 1 2 3 {minimum}\nwww 300 A 192.0.2.80"
        );
        let dns = authority([zone("example.org.", &soa)]);
        let record =
            format!("ns example.org. {negative} SOA ns1.example.org. a.example.org. 7 1 2 3 {minimum}");
        check(&dns, "nope.example.org.", "A", &format!("NXDomain aa\n{record}"));
        check(&dns, "a.www.example.org.", "A", &format!("NXDomain aa\n{record}"));
        check(&dns, "www.example.org.", "TXT", &format!("NoError aa\n{record}"));
    }
}

/// RFC 8020, section 2 and RFC 4592, section 2.2.2: a name above an existing name exists.
#[test]
fn section_2_2_empty_non_terminals_exist() {
    let dns = authority([zone("example.org.", "_sip._tcp.a 60 SRV 1 2 3 a.example.org.")]);
    for qname in ["_tcp.a.example.org.", "a.example.org."] {
        assert!(ask(&dns, qname, "A").starts_with("NoError aa\nns example.org. 300 SOA"), "{qname}");
    }
    assert!(ask(&dns, "_udp.a.example.org.", "A").starts_with("NXDomain"));
}
