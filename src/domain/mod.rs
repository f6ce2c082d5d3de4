//! What Ordain decides, without doing it: names, record data, zones, serials, policy.
//!
//! Invariants: pure (no clock, no IO, no randomness beyond new ids); imports nothing above this floor.

pub mod hostname;
pub mod identity;
pub mod ids;
pub mod name;
pub mod record_type;
pub mod serial;
pub mod shard;
pub mod time;
pub mod ttl;
