//! What Ordain decides, without doing it: names, record data, zones, serials, policy.
//!
//! Invariants: pure (no clock, no IO, no randomness beyond new ids); imports nothing above this floor.

pub mod access_rule;
pub mod blacklist;
pub mod blacklist_entry;
pub mod changeset;
pub mod consensus;
pub mod credentials;
pub mod delta;
pub mod floating_ip;
pub mod generation;
pub mod history;
pub mod host_port;
pub mod hostname;
pub mod identity;
pub mod ids;
pub mod international;
pub mod name;
pub mod page;
pub mod policy;
pub mod pool;
pub mod quota;
pub mod rdata;
pub mod record_type;
pub mod recordset;
pub mod recordset_rules;
pub mod scheduler;
pub mod serial;
pub mod service_status;
pub mod shard;
pub mod shard_lease;
pub mod share;
pub mod soa;
pub mod static_token;
pub mod task;
pub mod tick;
pub mod time;
pub mod tld;
pub mod transfer;
pub mod tsig_key;
pub mod ttl;
pub mod violation;
pub mod zone;
pub mod zone_status;
pub mod zonefile;
