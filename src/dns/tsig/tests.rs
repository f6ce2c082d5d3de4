//! Codes against those computed elsewhere, and every way in which a signature can be wrong.

use base64::Engine as _;

use super::*;
use crate::clock::Clock;
use crate::domain::ids::PoolId;
use crate::domain::tsig_key::TsigAlgorithm;

const NAME: &str = "Key.example";
const SECRET: &str = "YSBzaGFyZWQgc2VjcmV0IG9mIDMyIG9jdGV0cy4uLi4=";
const NOW: i64 = 1_800_000_000;
const SCOPE: Scope = Scope::Pool(PoolId::DEFAULT);

/// By each algorithm, the codes of: a request for `example.org. AXFR`; the answer's first message, a header and the question;
/// its second, a header alone; and of two more of these, of which only the last is signed. The id is 0x1267, the key
/// `key.example` and the time [`NOW`]. Computed by another HMAC from the text of RFC 8945, section 4.3.
const CODES: [(&str, [&str; 4]); 6] = [
    (
        "hmac-md5",
        [
            "2844a134c3c9966a2de79f4da22bcd4d",
            "8c32ce37d4395138cd8b06e4a3bead34",
            "571af12b52940c9f583142909760e26f",
            "c3c2b8cf103a79238a93153c171b62b5",
        ],
    ),
    (
        "hmac-sha1",
        [
            "504acba22709a4157e152b3f9f0a452236248056",
            "77a827696fb4209ed6e1e6f23890c4eb37450673",
            "f8de35958f2fe68657b4bbae1ccf00b507888dcb",
            "c2bd9389183ccd615b37cf6341df9a2556c18f80",
        ],
    ),
    (
        "hmac-sha224",
        [
            "7d8e3b16f54451095898a1d294d987debffa0caa43b1ca2e9be87c1e",
            "eea9ba5fd09e7890487465dec43fea261ebda3307cb391ee290cce29",
            "4135a1e901d4975db9750b127ebcfe85f51f8cf02589ba9e2503c76b",
            "be0ce25e5652eadbe27a2d3642b677634d8d897b2e5e0b1140b09c4f",
        ],
    ),
    (
        "hmac-sha256",
        [
            "2ec8c48337287179730735ac0effd00c4adc044e092411d0b2503980c639478c",
            "473d6185039e04caf7622cb2fbbe101e9646639ece09efb7e1144fa9acd63417",
            "7b0b1680bbf9ea41eec716d812c009993e9faa235b259c0a757f32daba145a26",
            "f19d5cabda2e0d752fd62995641d95fe24bb457121d81b0a4ac37e345d8d761f",
        ],
    ),
    (
        "hmac-sha384",
        [
            "9eef2dee71670bcc2b2d6223fe2295fe0844abbef1c45765564f484654d28a1b6010e27ef8aad4dd90e6fac75768a054",
            "a633b39e1782a0ab70194261aa1cdb51a29f8ee49d2a7968a34017b4270de8c080709e0abe324725258c4ef0bde9c973",
            "1ff3c52ee489e2efbd53079990b0fbc8ee2840997880cbf75c034867b4bd8c3d44a7ead2aab1cbc806f5242b75b1bee6",
            "39162d46019cdde23558087408888ea9c44f143467121f465d852e616d0529d40c96b409f5c7abd8299576b2ea049c90",
        ],
    ),
    (
        "hmac-sha512",
        [
            "5d48ffb32907b50ac68c3923ba606276f6f11c86d82555265f4f253292ae51c7b0cdf0526567ef0245632abc2852eb32fa9ea8725100d3eb7791d7a5297ae500",
            "6b8745ed2bf38257945a4638c83601851a363dd48a9c8a47f72030b772a3f476c3a5c0c86ce41f9189718c19e6491099686efb6c7f12f7bfa20510b1008cef97",
            "d53eba8ecf9ccdb2a80a5f96f2dd666185cf2641dbac379dcb49f865842c9241db0ef1236d12ffc22e96cb0bb9105b19e318a6314b7d9ec9e62a66b366c61873",
            "94841a12ebfa374adf5bd1e4f0847c0173d0dd151165add6d8363ff821b682392a5ed5e7ff22bf86d102f1ce41f8fc6ef70931434bd2e67c792f3d6f14d26522",
        ],
    ),
];

fn key(algorithm: TsigAlgorithm) -> Key {
    Key::new(NAME, algorithm, SECRET).unwrap()
}

fn clock(offset: i64) -> Clock {
    Clock::by_hand(Timestamp::from_micros((NOW + offset) * 1_000_000)).0
}

fn ring(algorithm: TsigAlgorithm) -> Keyring {
    Keyring::new([(key(algorithm), SCOPE)])
}

fn message(flags: u16, question: bool) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [0x1267, flags, u16::from(question), 0, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    if question {
        message.extend(b"\x07example\x03org\x00\x00\xfc\x00\x01");
    }
    message
}

fn signed(algorithm: TsigAlgorithm, offset: i64) -> (Vec<u8>, Answers) {
    let mut request = message(0, true);
    let answers = SignedBy::new(key(algorithm).into(), clock(offset)).sign(&mut request, 0);
    (request, answers)
}

fn code(message: &[u8]) -> String {
    let signature = Signature::find(message).unwrap().unwrap();
    signature.code.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[test]
fn codes_are_those_of_the_rfc_for_every_algorithm() {
    for (name, [asked, first, second, fourth]) in CODES {
        let algorithm = TsigAlgorithm::from_text(name).unwrap();
        let (request, mut answers) = signed(algorithm, 0);
        assert_eq!(code(&request), asked, "{name}");
        let mut verified = verify(&request, &ring(algorithm), clock(0)).unwrap().unwrap();
        assert_eq!(verified.scope, SCOPE);

        let mut sent = vec![message(0x8400, true), message(0x8400, false)];
        for message in &mut sent {
            let before = message.len();
            verified.signer.sign(message, 0);
            assert!(message.len() - before <= verified.signer.room());
        }
        assert_eq!((code(&sent[0]), code(&sent[1])), (first.to_owned(), second.to_owned()), "{name}");
        assert_eq!(answers.check(&sent[0]), Ok(message(0x8400, true).len()));
        assert!(answers.is_complete());
        answers.check(&sent[1]).unwrap();
        // An older server does not sign every message.
        answers.check(&message(0x8400, false)).unwrap();
        assert!(!answers.is_complete());
        let mut last = sent[1].clone();
        let digits = fourth.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        let octets: Vec<u8> = digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect();
        let at = last.len() - 6 - octets.len();
        last[at..at + octets.len()].copy_from_slice(&octets);
        answers.check(&last).unwrap();
        assert!(answers.is_complete());
    }
}

#[test]
fn no_octet_of_a_signed_request_can_be_changed() {
    let (request, _) = signed(TsigAlgorithm::HmacSha256, 0);
    // All but the id, which is what the original id is for, and what decides whether there is a signature at all.
    for at in 2..request.len() {
        let mut changed = request.clone();
        changed[at] ^= 1;
        let heard = verify(&changed, &ring(TsigAlgorithm::HmacSha256), clock(0));
        assert!(!matches!(heard, Ok(Some(_))), "octet {at}");
    }
    let mut changed = request;
    changed[0] ^= 1;
    assert!(matches!(verify(&changed, &ring(TsigAlgorithm::HmacSha256), clock(0)), Ok(Some(_))));
}

/// RFC 8945, section 5.2.1: «If a non-forwarding server does not recognize the key or algorithm used by the client ... the
/// server MUST generate an error response with RCODE 9 (NOTAUTH) and TSIG ERROR 17 (BADKEY).»
#[test]
fn section_5_2_1_unknown_keys_and_algorithms() {
    let (request, _) = signed(TsigAlgorithm::HmacSha256, 0);
    for ring in [Keyring::default(), ring(TsigAlgorithm::HmacSha512)] {
        let rejection = verify(&request, &ring, clock(0)).unwrap_err();
        assert_eq!(rejection.error(), error::BADKEY);
        assert!(rejection.concerns_key());
        let mut answer = message(0x8009, true);
        rejection.seal(&mut answer, 0);
        let said = Signature::find(&answer).unwrap().unwrap();
        assert_eq!(
            (said.code, said.error, &*said.key),
            (&[][..], error::BADKEY, &b"\x03key\x07example\x00"[..])
        );
    }
}

/// Section 5.2.2.1: too long or too short for anybody is FORMERR; shorter than we take is BADTRUNC, and signed.
#[test]
fn section_5_2_2_1_truncated_codes() {
    let (request, mut answers) = signed(TsigAlgorithm::HmacSha256, 0);
    let tail = request.len() - 6;
    let cut = |length: usize| {
        let mut short = request[..tail - 32].to_vec();
        short.extend(&request[tail - 32..tail - 32 + length.min(32)]);
        short.extend(vec![0; length.saturating_sub(32)]);
        short.extend(&request[tail..]);
        let of_code = tail - 34;
        short[of_code..of_code + 2].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        let of_data = 29 + 13 + 8;
        let whole = 13 + 16 + length;
        short[of_data..of_data + 2].copy_from_slice(&u16::try_from(whole).unwrap().to_be_bytes());
        verify(&short, &ring(TsigAlgorithm::HmacSha256), clock(0))
    };
    assert!(matches!(cut(32), Ok(Some(_))));
    for length in [0, 9, 15, 33] {
        assert!(matches!(cut(length), Err(Rejection::Malformed)), "{length}");
    }
    for length in [16, 31] {
        let rejection = cut(length).unwrap_err();
        assert_eq!((rejection.error(), rejection.concerns_key()), (error::BADTRUNC, false));
    }
    let mut answer = message(0x8009, true);
    cut(31).unwrap_err().seal(&mut answer, 0);
    // It is signed over the code as it was sent, which was cut.
    assert_eq!(Signature::find(&answer).unwrap().unwrap().code.len(), 32);
    assert_eq!(answers.check(&answer), Err(AnswerError::BadCode));
}

/// Section 5.2.3: «A response indicating a BADTIME error MUST be signed by the same key as the request. It MUST include the
/// client's current time in the Time Signed field, the server's current time ... in the Other Data field».
#[test]
fn section_5_2_3_time() {
    for (offset, timely) in [(300, true), (-300, true), (301, false), (-301, false)] {
        let (request, mut answers) = signed(TsigAlgorithm::HmacSha1, offset);
        let heard = verify(&request, &ring(TsigAlgorithm::HmacSha1), clock(0));
        if timely {
            assert!(heard.is_ok(), "{offset}");
            continue;
        }
        let rejection = heard.unwrap_err();
        assert_eq!(rejection.error(), error::BADTIME);
        let mut answer = message(0x8009, true);
        rejection.seal(&mut answer, 0);
        let said = Signature::find(&answer).unwrap().unwrap();
        assert_eq!(
            (said.time, said.other),
            (u64::try_from(NOW + offset).unwrap(), &six(NOW.unsigned_abs())[..])
        );
        assert_eq!(answers.check(&answer), Err(AnswerError::Rejected { number: error::BADTIME }));
    }
}

#[test]
fn answers_of_others_are_not_believed() {
    let algorithm = TsigAlgorithm::HmacSha256;
    let (request, mut answers) = signed(algorithm, 0);
    assert_eq!(answers.clone().check(&message(0x8400, true)), Err(AnswerError::Unsigned));
    let other = base64::engine::general_purpose::STANDARD.encode("another secret");
    let other = Keyring::new([(Key::new(NAME, algorithm, &other).unwrap(), SCOPE)]);
    assert_eq!(verify(&request, &other, clock(0)).unwrap_err().error(), error::BADSIG);
    let mut late = verify(&request, &ring(algorithm), clock(0)).unwrap().unwrap();
    late.signer.sign(&mut message(0x8400, true), 0);
    let mut second = message(0x8400, false);
    late.signer.sign(&mut second, 0);
    assert_eq!(answers.clone().check(&second), Err(AnswerError::BadCode), "a message is missing");
    let mut first = message(0x8400, true);
    verify(&request, &ring(algorithm), clock(0)).unwrap().unwrap().signer.sign(&mut first, 0);
    answers.check(&first).unwrap();
    for _ in 0..99 {
        answers.check(&message(0x8400, false)).unwrap();
    }
    assert_eq!(answers.check(&message(0x8400, false)), Err(AnswerError::Unsigned));
}

/// Section 5.1: «If a TSIG record is present ... it MUST be the last record in the additional section»; more than one, or
/// one that cannot be read, is FORMERR.
#[test]
fn section_5_1_the_last_record_or_none() {
    let (request, _) = signed(TsigAlgorithm::HmacSha256, 0);
    let record = request[29..].to_vec();
    let mut twice = request.clone();
    twice.extend(&record);
    twice[11] = 2;
    let mut not_last = request.clone();
    not_last.extend(b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00");
    not_last[11] = 2;
    let mut as_answer = request.clone();
    (as_answer[7], as_answer[11]) = (1, 0);
    let mut other_class = request.clone();
    other_class[29 + 13 + 3] = 1;
    for bad in [twice, not_last, as_answer, other_class, request[..request.len() - 1].to_vec()] {
        assert!(matches!(verify(&bad, &Keyring::default(), clock(0)), Err(Rejection::Malformed)));
    }
    assert!(verify(&message(0, true), &Keyring::default(), clock(0)).unwrap().is_none());
}

#[test]
fn keys_that_cannot_be_used() {
    let key = |name, secret| Key::new(name, TsigAlgorithm::HmacSha256, secret);
    assert!(matches!(key("k", ""), Err(KeyError::Secret { .. })));
    assert!(matches!(key("k", "not base64!"), Err(KeyError::Secret { .. })));
    assert!(matches!(key("a..b", SECRET), Err(KeyError::Name { .. })));
    let dotted = key("K.", SECRET).unwrap();
    assert_eq!((dotted.name(), dotted.shown()), (&b"\x01k\x00"[..], "K"));
    assert!(!format!("{dotted:?}").contains("YSBz"), "{dotted:?}");
    let shared = [(dotted, SCOPE), (key("k", "AAAA").unwrap(), SCOPE)];
    assert_eq!(Keyring::new(shared).get(b"\x01k\x00").unwrap().0.shown(), "K");
}
