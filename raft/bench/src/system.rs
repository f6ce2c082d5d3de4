//! What is measured, whichever system does it.
//!
//! **Invariant**: a client is one connection; many tasks may use it at once, each under a number of its own.
use std::sync::Arc;

use async_trait::async_trait;
use coordinator::{Lease, Membership};
use tokio::sync::watch;

use crate::process::Process;

/// Three nodes.
#[async_trait]
pub trait System: Send {
    fn name(&self) -> &'static str;

    fn processes(&mut self) -> &mut [Process];

    /// One more connection, made to the leader.
    async fn client(&mut self) -> Arc<dyn Client>;

    /// Place of the leader among the processes.
    async fn leader(&mut self) -> usize;

    /// Returns once all three take part.
    async fn whole(&mut self);

    /// Whatever is needed to take a lock after the leader is gone, made before.
    async fn standby(&mut self) -> Box<dyn Standby>;
}

/// Takes a free lock from a cluster that is losing its leader.
#[async_trait]
pub trait Standby: Send {
    /// Returns once it is granted.
    async fn first_grant(&mut self, lock: &str);
}

/// What somebody has, to give it back.
#[derive(Debug)]
pub enum Held {
    Lease(Box<Lease>),
    Seat(Box<Membership>),
    Key(String),
}

#[async_trait]
pub trait Client: Send + Sync {
    /// Takes a lock that is free.
    async fn acquire(&self, lock: &str, who: usize) -> Held;

    /// Takes a lock, waiting behind all who came earlier.
    async fn queue(&self, lock: &str, who: usize) -> Held;

    /// Gives a lock or a seat back; on return that is decided.
    async fn give(&self, held: Held);

    /// Takes a seat in a group.
    async fn join(&self, group: &str, member: &str) -> Held;

    /// How many have a seat, as this connection sees it.
    async fn watch(&self, group: &str) -> watch::Receiver<usize>;
}
