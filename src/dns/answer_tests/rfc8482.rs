//! RFC 8482: questions for any type.

use super::support::*;

/// Section 4.1: «a DNS responder ... can choose to ... return a single RRset or a subset of available RRsets».
#[test]
fn section_4_1_any_is_answered_with_one_set() {
    let dns = authority([zone(
        "example.org.",
        "a 60 TXT \"a rather long text\"\na 60 A 192.0.2.1\nb.c 60 A 192.0.2.2",
    )]);
    check(&dns, "a.example.org.", "ANY", "NoError aa\nan a.example.org. 60 A 192.0.2.1");
    assert!(ask(&dns, "c.example.org.", "ANY").starts_with("NoError aa\nns example.org. 300 SOA"));
    assert!(ask(&dns, "d.example.org.", "ANY").starts_with("NXDomain aa\nns example.org. 300 SOA"));
}
