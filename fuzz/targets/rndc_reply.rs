//! Replies on BIND's control channel, as they come and under a signature that fits; key files.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ordain::actors::worker::backends::rndc::{Key, fuzzing, included_files, key_from_text};

static KEY: LazyLock<Key> = LazyLock::new(|| fuzzing::key().expect("a key"));

fuzz_target!(|octets: &[u8]| {
    assert_ne!(fuzzing::reads_as_written(&KEY, octets).ok(), Some(false));
    if let Ok(signed) = fuzzing::signed(&KEY, octets) {
        assert_ne!(fuzzing::reads_as_written(&KEY, &signed).ok(), Some(false));
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        let _ = (included_files(text), key_from_text(text, "ns1.example.org"));
    }
});
