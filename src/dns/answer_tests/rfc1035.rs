//! RFC 1035: messages; and what is no proper request.

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::DNSClass;
use proptest::prelude::*;

use super::super::Authority;
use super::support::*;

fn example() -> Authority {
    authority([zone("example.org.", "www 60 A 192.0.2.1")])
}

fn rcode(answer: Option<Vec<u8>>) -> Option<ResponseCode> {
    answer.map(|a| Message::from_vec(&a).unwrap().metadata.response_code)
}

/// Section 4.1.1: «RD ... this bit may be set in a query and is copied into the response»; RFC 4035, section 3.1.6:
/// «A security-aware name server MUST copy the CD bit from a query into the corresponding response.»
#[test]
fn section_4_1_1_flags() {
    let mut message = question("www.example.org.", "A");
    for set in [true, false] {
        message.metadata.recursion_desired = set;
        message.metadata.checking_disabled = set;
        message.metadata.authentic_data = true;
        let answer = exchange(&example(), &message, &UDP).metadata;
        assert_eq!((answer.recursion_desired, answer.checking_disabled), (set, set));
        assert_eq!(answer.message_type, MessageType::Response);
        assert!(!answer.recursion_available && !answer.authentic_data);
    }
}

#[test]
fn section_4_1_1_responses_are_not_answered() {
    let mut message = question("www.example.org.", "A");
    message.metadata.message_type = MessageType::Response;
    assert_eq!(octets(&example(), &message.to_vec().unwrap(), &UDP), None);
    assert_eq!(octets(&example(), b"\x12\x34\x00\x00\x00\x01", &UDP), None);
}

/// «4 Not Implemented - The name server does not support the requested kind of query.»
#[test]
fn section_4_1_1_unknown_operations() {
    for op_code in [OpCode::Update, OpCode::Status] {
        let mut message = question("www.example.org.", "A");
        message.metadata.op_code = op_code;
        let answer = octets(&example(), &message.to_vec().unwrap(), &UDP);
        assert_eq!(rcode(answer), Some(ResponseCode::NotImp));
    }
    for qtype in ["TYPE249", "TYPE253", "TYPE254", "TYPE128"] {
        assert_eq!(ask(&example(), "www.example.org.", qtype), "NotImp", "{qtype}");
    }
}

/// RFC 9619, section 4: «a DNS message with OPCODE = 0 ... and QDCOUNT > 1 MUST be treated as incorrectly formatted».
#[test]
fn rfc9619_section_4_one_question() {
    let mut none = question("www.example.org.", "A");
    none.queries.clear();
    let mut two = question("www.example.org.", "A");
    two.add_query(question("example.org.", "A").queries.remove(0));
    for message in [none, two] {
        let answer = octets(&example(), &message.to_vec().unwrap(), &UDP);
        assert_eq!(rcode(answer), Some(ResponseCode::FormErr));
    }
}

#[test]
fn other_classes_are_refused() {
    for class in [DNSClass::CH, DNSClass::ANY, DNSClass::NONE] {
        let mut message = question("www.example.org.", "TXT");
        message.queries[0].set_query_class(class);
        assert_eq!(lines(&exchange(&example(), &message, &UDP)), "Refused");
    }
}

/// RFC 8945, section 5.2.1: «If a non-forwarding server does not recognize the key ... the server MUST generate an
/// error response with RCODE 9 (NOTAUTH)».
#[test]
fn signed_requests_are_not_authorised() {
    let mut message = question("www.example.org.", "A").to_vec().unwrap();
    message[11] = 1;
    message.extend_from_slice(b"\x01k\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x00");
    assert_eq!(octets(&example(), &message, &UDP).unwrap()[3] & 0xf, 9);
}

/// Cutting a message short anywhere gives a format error once there is a header, and never more than that.
#[test]
fn truncated_requests_are_format_errors() {
    let message = with_edns(question("www.example.org.", "A"), 1232).to_vec().unwrap();
    for end in 0..message.len() {
        let answer = octets(&example(), &message[..end], &UDP);
        assert_eq!(rcode(answer), (end >= 12).then_some(ResponseCode::FormErr), "{end}");
    }
}

proptest! {
    #[test]
    fn random_octets_never_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut out = Vec::new();
        example().answer(&message, &UDP, &mut out);
        prop_assert!(out.len() <= 1232);
    }

    /// Damaging a good message reaches deeper than noise does. Every answer can be read.
    #[test]
    fn damaged_requests_never_panic(
        qtype in 0_u16..260,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tcp in any::<bool>(),
    ) {
        let message = with_edns(question("x.www.example.org.", &format!("TYPE{qtype}")), 1232);
        let mut message = message.to_vec().unwrap();
        for (at, octet) in damage {
            let at = at.index(message.len());
            message[at] = octet;
        }
        let mut out = Vec::new();
        example().answer(&message, if tcp { &TCP } else { &UDP }, &mut out);
        if !out.is_empty() {
            prop_assert_eq!(&out[..2], &message[..2]);
            prop_assert!(out[2] & 0x80 != 0);
            Message::from_vec(&out).unwrap();
        }
    }
}
