//! The DNS side of the house: asking other servers, and being one. The wire format is hickory-proto's.

pub mod client;
#[cfg(feature = "testing")]
pub mod fake_server;
