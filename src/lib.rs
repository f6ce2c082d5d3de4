//! Ordain: DNS as a service, wire-compatible with OpenStack Designate, as an actor system whose messages travel in
//! process or over a broker.
//!
//! Floors, imports go downward only: `deployment` / `http`, `actors` / `store`, `transport`, `dns` / `domain`, `clock`,
//! `config`.
#![forbid(unsafe_code)]

pub mod actors;
pub mod clock;
pub mod config;
pub mod config_load;
pub mod deployment;
pub mod dns;
pub mod domain;
pub mod health;
pub mod http;
pub mod remote;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
