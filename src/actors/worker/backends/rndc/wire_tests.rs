//! The wire form against requests and replies recorded from `named`, and against broken ones.

use super::*;

/// Requests and replies recorded from `named`, one per algorithm.
const RECORDED: &str = include_str!("recorded.txt");
const SECRET: &str = "MTIzNDU2Nzg5MGFiY2RlZg==";

fn recorded() -> Vec<(Key, Vec<u8>, Vec<u8>)> {
    let lines: Vec<&str> = RECORDED.lines().skip(1).collect();
    lines
        .chunks(3)
        .map(|lines| (Key::new("k", lines[0], SECRET).unwrap(), bytes(lines[1]), bytes(lines[2])))
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// A message whose body is given as bytes, with a right signature.
fn signed(key: &Key, body: &[u8]) -> Vec<u8> {
    let mut message = seal(key, &Table::default()).unwrap();
    let at = message.len() - key.signature(b"").len();
    message.splice(at.., key.signature(body));
    message.extend_from_slice(body);
    message
}

#[test]
fn every_algorithm_writes_what_named_accepted() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 6);
    for (key, request, _) in recorded {
        let body = open(&key, &request).unwrap();
        assert_eq!(body.table("_data").unwrap().text("type").as_deref(), Some("null"));
        assert_eq!(seal(&key, &body).unwrap(), request, "{key:?}");
    }
}

#[test]
fn every_algorithm_reads_what_named_wrote() {
    for (key, request, reply) in recorded() {
        let (request, reply) = (open(&key, &request).unwrap(), open(&key, &reply).unwrap());
        let (asked, control) = (request.table("_ctrl").unwrap(), reply.table("_ctrl").unwrap());
        assert_eq!(control.number("_ser"), asked.number("_ser"));
        assert_eq!(control.bytes("_rpl"), Some(b"1".as_slice()));
        assert!(control.number("_nonce").unwrap() > 0);
        assert_eq!(reply.table("_data").unwrap().number("result"), Some(0));
    }
}

#[test]
fn every_cut_of_a_message_is_refused() {
    for (key, _, reply) in recorded() {
        for length in 0..reply.len() {
            assert!(open(&key, &reply[..length]).is_err(), "cut at {length}");
        }
    }
}

#[test]
fn every_changed_bit_is_refused() {
    for (key, _, reply) in recorded() {
        for at in 0..reply.len() * 8 {
            let mut changed = reply.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let outcome = open(&key, &changed);
            assert!(outcome.is_err(), "bit {at} changed: {outcome:?}");
        }
    }
}

#[test]
fn the_key_and_its_algorithm_must_match() {
    let recorded = recorded();
    for (signer, _, reply) in &recorded {
        let other = Key::new("k", "sha256", "b3RoZXI=").unwrap();
        assert_eq!(open(&other, reply), Err(WireError::BadSignature));
        for (key, ..) in recorded.iter().filter(|(key, ..)| key.algorithm() != signer.algorithm()) {
            assert_eq!(open(key, reply), Err(WireError::BadSignature));
        }
    }
}

#[test]
fn damage_behind_a_right_signature_is_typed() {
    let key = Key::new("k", "sha256", SECRET).unwrap();
    let nested = |levels: usize| {
        let mut value = Value::List(Vec::new());
        for _ in 0..levels {
            value = Value::List(vec![value]);
        }
        seal(&key, &Table::default().with("a", value)).unwrap()
    };
    let cases: [(&[u8], WireError); 5] = [
        (b"\x05_ct", WireError::CutShort),
        (b"\x01a", WireError::CutShort),
        (b"\x01a\x01\xff\xff\xff\xff", WireError::CutShort),
        (b"\x01a\x09\0\0\0\0", WireError::UnknownType { tag: 9 }),
        (b"\x01a\x02\0\0\0\x01\x07", WireError::CutShort),
    ];
    for (body, error) in cases {
        assert_eq!(open(&key, &signed(&key, body)), Err(error), "{body:?}");
    }
    assert_eq!(open(&key, &nested(1_000)), Err(WireError::TooDeep));
    assert!(open(&key, &nested(3)).is_ok());
    assert_eq!(open(&key, &[0, 0, 0, 2]), Err(WireError::UnknownVersion { version: 2 }));
    assert_eq!(open(&key, &signed(&key, b"\x01a\x01\0\0\0\0")).unwrap().bytes("a"), Some(b"".as_slice()));
}

#[test]
fn a_name_too_long_for_the_wire_is_refused() {
    let key = Key::new("k", "sha256", SECRET).unwrap();
    assert_eq!(seal(&key, &Table::default().with(&"x".repeat(256), "")), Err(WireError::TooLong));
}

proptest::proptest! {
    #[test]
    fn any_body_behind_a_right_signature_is_read_or_refused(
        body in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
    ) {
        let key = Key::new("k", "sha256", SECRET).unwrap();
        if let Ok(table) = open(&key, &signed(&key, &body)) {
            // Whatever was read is written as it was.
            proptest::prop_assert_eq!(seal(&key, &table).unwrap(), signed(&key, &body));
        }
    }
}
