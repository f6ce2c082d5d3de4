//! What nodes of the coordinator send each other: frames, envelopes, requests and answers.
#![no_main]

use bytes::Bytes;
use coordinator::cluster::net::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for secret in [None, Some(b"secret".as_slice())] {
        let payloads = fuzzing::payloads(octets, secret);
        let written = fuzzing::frames(&payloads, secret);
        assert!(octets.starts_with(&written), "frames are read as they were written");
        assert!(payloads.into_iter().all(fuzzing::is_stable));
    }
    let payload = Bytes::copy_from_slice(octets);
    assert!(fuzzing::is_stable(payload.clone()));
    let written = fuzzing::frames(std::slice::from_ref(&payload), Some(b"secret"));
    let read = fuzzing::payloads(&written, Some(b"secret"));
    assert!(payload.len() > 1 << 16 || read == [payload]);
});
