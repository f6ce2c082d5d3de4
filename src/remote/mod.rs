//! Services of others that we are a client of, over HTTP.
//!
//! Invariants: every answer is bounded in length and time; what goes wrong says neither what was sent nor what came back,
//! since both may hold secrets.

pub mod http;
pub mod keystone;
pub mod neutron;
