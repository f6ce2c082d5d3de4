//! Groups, leases and fencing tokens for members that may die at any moment.
//!
//! A [`Coordinator`] answers three questions: who is in a group right now, which of its shards belong to whom, and who
//! holds a lock. Every answer carries a number that only grows, so that storage can refuse whoever was overtaken.
//!
//! **Invariants**
//! - At every log index a lock has at most one holder and a shard exactly one owner while its group has a member.
//! - The tokens of a lock, and of a shard, strictly increase for the life of the cluster, restarts included.
//! - A session ends by a logged command. [`machine`] reads no clock, does no IO and iterates in a fixed order, so that
//!   every copy that applies the same log holds the same state.
//! - A holder stops trusting its lease before anybody else can be given it, provided clock *rates* agree.
//!
//! From the bottom: [`machine`] decides, [`Ledger`] publishes what was decided to local watchers, a [`Replica`] gets
//! commands committed (alone in [`Solo`]), and [`Client`] keeps sessions alive on top of any replica.
#![forbid(unsafe_code)]

mod api;
mod chance;
mod client;
pub mod cluster;
pub mod command;
mod counter;
mod error;
mod expiry;
mod hub;
mod keeper;
mod lease;
mod ledger;
pub mod machine;
mod membership;
mod milestones;
mod names;
mod news;
mod pace;
mod replica;
mod session;
mod solo;
#[cfg(feature = "testing")]
pub mod testing;
mod view;

pub use api::{Coordinator, LockStatus, Member, Read, Terms};
pub use client::Client;
pub use counter::{CounterError, last_token};
pub use error::{CoordError, Lost};
pub use lease::Lease;
pub use ledger::Ledger;
pub use membership::Membership;
pub use names::{Epoch, Group, GroupName, Index, LockName, MemberId, NameError, SessionId, Token};
pub use news::News;
pub use pace::Pace;
pub use replica::{Applied, Replica};
pub use solo::Solo;
pub use view::{Holding, Seat, Span, View};
