//! Central: the owner of business rules, quotas and nearly all writes.

pub mod api;
