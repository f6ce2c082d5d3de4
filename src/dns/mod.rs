//! The DNS side of the house: asking other servers, and being one.
//!
//! Invariants: nothing that arrives from the network can panic; what is answered from memory is one published version
//! of a zone, never a mixture of two. The wire format is hickory-proto's, except on the paths that have to be fast (see
//! `wire`).

pub mod answer;
pub mod catalog;
pub mod client;
pub mod difference;
#[cfg(feature = "testing")]
pub mod fake_server;
pub mod lookup;
pub mod server;
pub mod transfer;
pub mod tsig;
pub mod wire;
pub mod zone;
