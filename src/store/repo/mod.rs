//! The tables, one module per noun: functions over a transaction, written once for every engine.
//!
//! Invariants: rows of zones that are gone are never shown; every list has a total order; bulk work is a handful of
//! statements, never one per row.

mod list;
mod shards;

pub mod blacklists;
pub mod claims;
pub mod differences;
pub mod fences;
pub mod history;
pub mod inbox;
pub mod journal;
pub mod nameserver_states;
pub mod outbox;
pub mod pool_work;
pub mod pools;
pub mod publishing;
pub mod quotas;
pub mod recordsets;
pub mod refreshes;
pub mod reports;
pub mod secrets;
pub mod shares;
pub mod static_tokens;
pub mod statuses;
pub mod tasks;
pub mod tlds;
pub mod transfer;
pub mod transfer_accepts;
pub mod transfer_requests;
pub mod tsig_keys;
pub mod versions;
pub mod zones;
