//! The tables, one module per noun: functions over a transaction, written once for every engine.
//!
//! Invariants: rows of zones that are gone are never shown; every list has a total order; bulk work is a handful of
//! statements, never one per row.

mod list;
mod shards;

pub mod blacklists;
pub mod journal;
pub mod recordsets;
pub mod tlds;
pub mod transfer;
pub mod versions;
pub mod zones;
