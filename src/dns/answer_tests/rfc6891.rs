//! RFC 6891: EDNS; and the sizes of answers.

use hickory_proto::op::ResponseCode;

use super::super::Authority;
use super::support::*;

/// A zone with 60 addresses at one name: about 1000 octets.
fn big(addresses: usize) -> Authority {
    let lines: Vec<String> =
        (0..addresses).map(|n| format!("big 60 A 192.0.{}.{}", n / 256, n % 256)).collect();
    authority([zone("example.org.", &lines.join("\n"))])
}

/// RFC 1035, section 4.2.1: «Messages carried by UDP are restricted to 512 bytes»; RFC 6891, section 6.2.3: «Values
/// lower than 512 MUST be treated as equal to 512.»
#[test]
fn section_6_2_3_payload_sizes() {
    let dns = big(60);
    for (payload, fits) in
        [(None, false), (Some(100), false), (Some(900), false), (Some(1100), true), (Some(65535), true)]
    {
        let plain = question("big.example.org.", "A");
        let message = payload.map_or_else(|| plain.clone(), |p| with_edns(plain.clone(), p));
        let answer = exchange(&dns, &message, &UDP);
        assert_eq!(answer.metadata.truncation, !fits, "{payload:?}");
        assert_eq!(answer.answers.len(), if fits { 60 } else { 0 }, "{payload:?}");
        assert_eq!(answer.edns.is_some(), payload.is_some());
    }
    // Ours is the other limit.
    let answer = exchange(&big(100), &with_edns(question("big.example.org.", "A"), 4096), &UDP);
    assert!(answer.metadata.truncation && answer.answers.is_empty());
    assert_eq!(answer.edns.unwrap().max_payload(), 1232);
    let answer = exchange(&big(100), &question("big.example.org.", "A"), &TCP);
    assert_eq!(answer.answers.len(), 100);
}

#[test]
fn a_message_is_never_larger_than_its_limit() {
    for addresses in 25..35 {
        let dns = big(addresses);
        for message in [question("big.example.org.", "A"), with_edns(question("big.example.org.", "A"), 512)]
        {
            let answer = octets(&dns, &message.to_vec().unwrap(), &UDP).unwrap();
            assert!(answer.len() <= 512, "{addresses}: {}", answer.len());
        }
    }
}

/// A set that no message holds cannot be sent in parts.
#[test]
fn too_much_for_tcp_is_a_failure() {
    let answer = exchange(&big(4096), &question("big.example.org.", "A"), &TCP);
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert!(!answer.metadata.truncation);
}

/// RFC 2181, section 9: truncation concerns what is required; useful additions are left out silently, set by set.
#[test]
fn additional_records_are_left_out_without_truncation() {
    let mut lines = vec!["@ 60 MX 1 a.example.org.".to_owned(), "@ 60 MX 2 b.example.org.".to_owned()];
    lines.push("a 60 A 192.0.2.1".to_owned());
    lines.extend((0..40).map(|n| format!("b 60 A 192.0.2.{n}")));
    let answer = exchange(
        &authority([zone("example.org.", &lines.join("\n"))]),
        &question("example.org.", "MX"),
        &UDP,
    );
    assert!(!answer.metadata.truncation);
    assert_eq!((answer.answers.len(), answer.additionals.len()), (2, 1));
}

/// RFC 9471, section 3: «if the message size would be exceeded, the server MUST set the TC flag».
#[test]
fn referrals_without_their_glue_are_truncated() {
    let servers: Vec<String> = (0..30)
        .flat_map(|n| [format!("sub 60 NS n{n}.sub.example.org."), format!("n{n}.sub 60 A 192.0.2.{n}")])
        .collect();
    let dns = authority([zone("example.org.", &servers.join("\n"))]);
    let answer = exchange(&dns, &question("x.sub.example.org.", "A"), &UDP);
    assert!(answer.metadata.truncation);
    let answer = exchange(&dns, &with_edns(question("x.sub.example.org.", "A"), 1232), &UDP);
    assert_eq!((answer.authorities.len(), answer.additionals.len()), (30, 30));
}

/// Section 6.1.3: «If a responder does not implement the VERSION level of the request, then it MUST respond with
/// RCODE=BADVERS.»
#[test]
fn section_6_1_3_versions() {
    let mut message = with_edns(question("big.example.org.", "A"), 1232);
    message.edns.as_mut().unwrap().set_version(1);
    let answer = exchange(&big(1), &message, &UDP);
    // 16 is BADVERS here and BADSIG in TSIG records.
    assert_eq!(u16::from(answer.metadata.response_code), 16);
    assert_eq!(answer.edns.unwrap().version(), 0);
    assert!(answer.answers.is_empty());
}

/// Section 6.1.2: «Any OPTION-CODE values not understood by a responder or requestor MUST be ignored.» Section 6.1.1:
/// «If a query message with more than one OPT RR is received, a FORMERR (RCODE=1) MUST be returned.»
#[test]
fn section_6_1_opt_records() {
    let dns = big(1);
    let query = question("big.example.org.", "A").to_vec().unwrap();
    let with = |records: &[&[u8]]| {
        let mut message = [query.clone(), records.concat()].concat();
        message[11] = u8::try_from(records.len()).unwrap();
        octets(&dns, &message, &UDP).unwrap()[3] & 0xf
    };
    let unknown_option = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x06\xff\xf0\x00\x02ab";
    let plain = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
    let not_the_root = b"\x01x\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";
    let option_too_long = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x06\xff\xf0\x00\x09ab";
    let other = b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04abcd";
    assert_eq!(with(&[unknown_option]), 0);
    assert_eq!(with(&[other, plain]), 0);
    assert_eq!(with(&[plain, plain]), 1);
    assert_eq!(with(&[not_the_root]), 1);
    assert_eq!(with(&[option_too_long]), 1);
}

/// RFC 3225, section 3: «The DO bit of the query MUST be copied in the response.»
#[test]
fn rfc3225_section_3_the_do_bit_is_copied() {
    let mut message = with_edns(question("big.example.org.", "A"), 1232);
    message.edns.as_mut().unwrap().set_dnssec_ok(true);
    assert!(exchange(&big(1), &message, &UDP).edns.unwrap().flags().dnssec_ok);
}
