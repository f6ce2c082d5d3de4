//! RFC 1034: domain names, concepts and facilities.

use super::super::Authority;
use super::support::*;

/// The zone of most examples here.
fn example() -> Authority {
    authority([zone(
        "example.org.",
        "@ 3600 NS ns1.example.org.
         @ 3600 MX 10 mail.example.org.
         ns1 3600 A 192.0.2.53
         mail 300 A 192.0.2.25
         mail 300 AAAA 2001:db8::25
         WWW 300 A 192.0.2.80
         alias 60 CNAME www.example.org.
         chain 60 CNAME alias.example.org.
         lost 60 CNAME nowhere.example.org.
         away 60 CNAME www.example.net.
         loop1 60 CNAME loop2.example.org.
         loop2 60 CNAME loop1.example.org.
         down 60 CNAME host.sub.example.org.
         sub 7200 NS ns.sub.example.org.
         sub 7200 NS ns1.example.org.
         sub 7200 NS ns.example.net.
         ns.sub 7200 A 192.0.2.153
         a.deep.sub 7200 A 192.0.2.7",
    )])
}

mod section_4_3_2 {
    use super::*;

    /// «If the data at the node is a CNAME, and QTYPE doesn't match CNAME, copy the CNAME RR into the answer section
    /// of the response, change QNAME to the canonical name in the CNAME RR, and go back to step 1.»
    #[test]
    fn aliases_are_followed() {
        let dns = example();
        check(
            &dns,
            "chain.example.org.",
            "A",
            "NoError aa
             an chain.example.org. 60 CNAME alias.example.org.
             an alias.example.org. 60 CNAME www.example.org.
             an www.example.org. 300 A 192.0.2.80",
        );
        check(
            &dns,
            "alias.example.org.",
            "CNAME",
            "NoError aa
             an alias.example.org. 60 CNAME www.example.org.",
        );
        check(
            &dns,
            "away.example.org.",
            "A",
            "NoError aa
             an away.example.org. 60 CNAME www.example.net.",
        );
    }

    /// RFC 6604, section 3: «the RCODE ... is based on the last query cycle».
    #[test]
    fn an_alias_to_nothing_is_a_name_error() {
        check(
            &example(),
            "lost.example.org.",
            "A",
            "NXDomain aa
             an lost.example.org. 60 CNAME nowhere.example.org.
             ns example.org. 300 SOA ns1.example.org. admin.example.org. 7 3600 600 86400 300",
        );
    }

    /// Section 3.6.2: «CNAME chains should be followed and CNAME loops signalled as an error».
    #[test]
    fn alias_loops_end() {
        check(
            &example(),
            "loop1.example.org.",
            "A",
            "ServFail aa
             an loop1.example.org. 60 CNAME loop2.example.org.
             an loop2.example.org. 60 CNAME loop1.example.org.",
        );
    }

    /// «If a match would take us out of the authoritative data, we have a referral. ... Copy the NS RRs for the
    /// subzone into the authority section of the reply. Put whatever addresses are available into the additional
    /// section».
    #[test]
    fn names_below_a_cut_are_referred() {
        let referral = "NoError
             ns sub.example.org. 7200 NS ns.sub.example.org.
             ns sub.example.org. 7200 NS ns1.example.org.
             ns sub.example.org. 7200 NS ns.example.net.
             ar ns.sub.example.org. 7200 A 192.0.2.153
             ar ns1.example.org. 3600 A 192.0.2.53";
        let dns = example();
        for (qname, qtype) in [
            ("sub.example.org.", "A"),
            ("sub.example.org.", "NS"),
            ("sub.example.org.", "ANY"),
            ("a.deep.sub.example.org.", "A"),
            ("ns.sub.example.org.", "A"),
            ("not.there.sub.example.org.", "SOA"),
        ] {
            check(&dns, qname, qtype, referral);
        }
    }

    /// RFC 4035, section 3.1.4.1: the DS set is «the only set that may appear on the parent's side alone».
    #[test]
    fn ds_at_a_cut_is_the_parents() {
        let dns = authority([
            zone("example.org.", "sub 7200 NS ns.sub.example.org."),
            zone("sub.example.org.", "@ 3600 NS ns.sub.example.org."),
        ]);
        let denial = "NoError aa
             ns example.org. 300 SOA ns1.example.org. admin.example.org. 7 3600 600 86400 300";
        check(&dns, "sub.example.org.", "DS", denial);
        check(&dns, "example.org.", "DS", denial);
    }

    #[test]
    fn an_alias_into_a_delegation_ends_in_a_referral_by_an_authority() {
        let answer = ask(&example(), "down.example.org.", "A");
        assert!(
            answer.starts_with("NoError aa\nan down.example.org. 60 CNAME host.sub.example.org.\nns sub."),
            "{answer}"
        );
    }

    /// «Search the available zones for the zone which is the nearest ancestor to QNAME.»
    #[test]
    fn the_nearest_zone_answers() {
        let dns =
            authority([zone("org.", "a.example 60 A 192.0.2.1"), zone("example.org.", "b 60 A 192.0.2.2")]);
        assert!(ask(&dns, "a.example.org.", "A").starts_with("NXDomain"));
        assert!(ask(&dns, "b.example.org.", "A").ends_with("192.0.2.2"));
        assert!(ask(&dns, "c.org.", "A").starts_with("NXDomain aa\nns org. "));
    }

    /// «Using local data only, attempt to add other RRs which may be useful to the additional section».
    #[test]
    fn addresses_of_mail_hosts_come_along() {
        check(
            &example(),
            "example.org.",
            "MX",
            "NoError aa
             an example.org. 3600 MX 10 mail.example.org.
             ar mail.example.org. 300 A 192.0.2.25
             ar mail.example.org. 300 AAAA 2001:db8::25",
        );
    }

    #[test]
    fn names_outside_the_zones_are_refused() {
        let dns = example();
        for qname in ["example.com.", "org.", ".", "notexample.org."] {
            check(&dns, qname, "A", "Refused");
        }
        assert_eq!(ask(&authority([]), ".", "SOA"), "Refused");
    }

    #[test]
    fn the_root_can_be_served() {
        let dns = authority([zone(".", "org. 60 NS ns.org.\nns.org. 60 A 192.0.2.1")]);
        check(&dns, "x.org.", "A", "NoError\nns org. 60 NS ns.org.\nar ns.org. 60 A 192.0.2.1");
        assert!(ask(&dns, "x.com.", "A").starts_with("NXDomain aa\nns . 300 SOA"));
    }
}

mod section_3_1 {
    use super::*;

    /// RFC 4343, section 3: «labels ... are matched without regard to case»; the question comes back as it was asked.
    #[test]
    fn case_does_not_matter_and_is_preserved() {
        let message = question("wWw.ExAmPle.oRg.", "A").to_vec().unwrap();
        let answer = octets(&example(), &message, &UDP).unwrap();
        let name = b"\x03wWw\x07ExAmPle\x03oRg\x00";
        assert_eq!(answer.get(12..12 + name.len()).unwrap(), name);
        let (_, record) = answer.split_at(12 + name.len() + 4);
        assert_eq!(record, b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xc0\x00\x02\x50");
    }
}
