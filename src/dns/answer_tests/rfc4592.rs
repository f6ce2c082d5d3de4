//! RFC 4592: wildcards. The zone and the questions are those of section 2.2.1.

use super::super::Authority;
use super::support::*;

fn example() -> Authority {
    authority([zone(
        "example.",
        "@ 3600 SOA ns.example. h.example. 1 2 3 4 5
         @ 3600 NS ns.example.com.
         @ 3600 NS ns.example.net.
         * 3600 TXT \"this is a wildcard\"
         * 3600 MX 10 host1.example.
         sub.* 3600 TXT \"this is not a wildcard\"
         host1 3600 A 192.0.2.1
         _ssh._tcp.host1 3600 SRV 1 2 3 host1.example.
         _ssh._tcp.host2 3600 SRV 1 2 3 host2.example.
         subdel 3600 NS ns.example.com.
         subdel 3600 NS ns.example.net.",
    )])
}

/// «The following responses would be synthesized from one of the wildcards in the zone».
#[test]
fn section_2_2_1_synthesized() {
    let dns = example();
    check(
        &dns,
        "host3.example.",
        "MX",
        "NoError aa
         an host3.example. 3600 MX 10 host1.example.
         ar host1.example. 3600 A 192.0.2.1",
    );
    check(&dns, "host3.example.", "A", "NoError aa\nns example. 5 SOA ns.example. h.example. 1 2 3 4 5");
    check(&dns, "foo.bar.example.", "TXT", "NoError aa\nan foo.bar.example. 3600 TXT this is a wildcard");
}

/// «The following responses would not be synthesized from any of the wildcards in the zone».
#[test]
fn section_2_2_1_not_synthesized() {
    let dns = example();
    let soa = "ns example. 5 SOA ns.example. h.example. 1 2 3 4 5";
    check(&dns, "host1.example.", "MX", &format!("NoError aa\n{soa}"));
    check(&dns, "sub.*.example.", "MX", &format!("NoError aa\n{soa}"));
    check(&dns, "_telnet._tcp.host1.example.", "SRV", &format!("NXDomain aa\n{soa}"));
    check(
        &dns,
        "host.subdel.example.",
        "A",
        "NoError
         ns subdel.example. 3600 NS ns.example.com.
         ns subdel.example. 3600 NS ns.example.net.",
    );
    check(&dns, "ghost.*.example.", "MX", &format!("NXDomain aa\n{soa}"));
}

/// Section 2.1.1: the asterisk label is a wildcard also when it is asked for by name.
#[test]
fn section_2_3_the_wildcard_itself_can_be_asked_for() {
    check(&example(), "*.example.", "TXT", "NoError aa\nan *.example. 3600 TXT this is a wildcard");
}

/// Section 3.3.3: an alias may be synthesised, and is followed.
#[test]
fn section_4_4_wildcard_aliases() {
    let dns = authority([zone(
        "example.",
        "* 60 CNAME www.example.\nwww 60 A 192.0.2.1\n*.l 60 CNAME x.l.example.",
    )]);
    check(
        &dns,
        "a.b.example.",
        "A",
        "NoError aa\nan a.b.example. 60 CNAME www.example.\nan www.example. 60 A 192.0.2.1",
    );
    check(&dns, "q.l.example.", "A", "ServFail aa\nan q.l.example. 60 CNAME x.l.example.");
}
