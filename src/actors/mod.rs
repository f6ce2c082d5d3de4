//! The services, each plain state whose messages a generic host delivers.
//!
//! Invariants: an actor knows the others by their `api` only.

pub mod api;
pub mod central;
pub mod heartbeat;
pub mod lifecycle;
pub mod mdns;
pub mod producer;
pub mod reconcile;
pub mod worker;
