//! What several integration tests share; each uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails loudly and uses a part only")]

pub(crate) mod bind;
