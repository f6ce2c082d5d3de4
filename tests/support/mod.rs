//! What several integration tests share; each uses a part of it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly and uses a part only"
)]

pub(crate) mod asking;
pub(crate) mod bind;
pub(crate) mod dns;
pub(crate) mod haproxy;
pub(crate) mod keystone;
pub(crate) mod neutron;
pub(crate) mod part;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod proxy;
pub(crate) mod rabbitmq;
pub(crate) mod region;
pub(crate) mod rooms;
pub(crate) mod server;
pub(crate) mod works;
