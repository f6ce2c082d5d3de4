//! The REST API, by its resources, on every wire: each test runs typed in process, through the codec, and over a real RabbitMQ.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails loudly")]

mod admin;
mod changes;
mod changesets;
mod faults;
mod gophercloud;
mod history;
mod names;
mod openapi;
mod pools;
mod protocol;
mod quotas;
mod recordsets;
mod scheduling;
mod secondaries;
mod services;
mod shares;
mod support;
mod transfers;
mod tsigkeys;
mod validation_queries;
mod validation_recordsets;
mod validation_zones;
mod zone_tasks;
mod zones;

#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/rabbitmq.rs"]
#[expect(dead_code, reason = "shared with tests that stop and start it")]
mod rabbitmq;
