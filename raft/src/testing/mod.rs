//! What every [`Coordinator`] must do, as tests that any implementation can run on itself.
//!
//! ```text
//! async fn cluster() -> (Nodes, MyCluster) { … }
//! coordinator::conformance!(cluster);
//! ```
//!
//! **Invariants**: each case makes its own nodes, waits on conditions and gives up after [`LIMIT`]. With several nodes the
//! parts of a case are spread over them. Time runs as tokio's clock does, paused or not.
#![expect(clippy::expect_used, clippy::panic, reason = "a case fails by panicking")]

pub mod cluster;
pub mod disk;
pub mod groups;
pub mod linear;
pub mod locks;
pub mod net;
pub mod simulation;

pub use self::{
    cluster::{Machine, Machines},
    disk::MemoryDisk,
    net::MemoryNet,
};
pub use crate::chance::seeded::seed;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{Coordinator, Group, GroupName, LockName, Member, MemberId, Membership, View};

/// How long a case waits for a condition, by tokio's clock.
pub const LIMIT: Duration = Duration::from_secs(60);
/// The ttl of what is to expire in a case.
const SHORT: Duration = Duration::from_millis(600);
/// How long a change may take that nobody has to wait for.
const PROMPT: Duration = Duration::from_millis(500);
/// The group of most cases.
const GROUP: Group = Group::sharded(GroupName::literal("conformance"), SHARDS);
const SHARDS: u16 = 4096;
const LOCK: LockName = LockName::literal("conformance");

/// Makes a test of each case, given an async function that returns fresh [`Nodes`](crate::testing::Nodes) and whatever
/// must live as long as they do. Tests run on a paused clock unless another attribute is named first.
#[macro_export]
macro_rules! conformance {
    (@ #[$test:meta] $make:expr, [$($area:ident::$case:ident,)+]) => {
        $(
            #[$test]
            async fn $case() {
                let (nodes, _world) = ($make)().await;
                $crate::testing::$area::$case(&nodes).await;
            }
        )+
    };
    (#[$test:meta] $make:expr) => {
        $crate::conformance!(@ #[$test] $make, [
            locks::a_lock_has_one_holder,
            locks::waiters_are_served_in_order,
            locks::a_waiter_gives_up_at_its_deadline,
            locks::a_dropped_waiter_leaves_the_queue,
            locks::a_dropped_lease_is_released,
            locks::a_silent_holder_stops_before_its_successor_starts,
            locks::a_lease_that_is_renewed_never_expires,
            locks::different_locks_are_independent,
            locks::tokens_grow_without_end,
            locks::a_useless_ttl_is_refused,
            locks::a_thousand_waiters_get_one_grant_each,
            groups::a_single_member_owns_everything,
            groups::a_newcomer_waits_for_the_hand_over,
            groups::dropping_a_membership_leaves_the_group,
            groups::leaving_moves_the_shards_at_once,
            groups::a_silent_member_stops_before_its_heirs_start,
            groups::shard_tokens_outlive_an_empty_group,
            groups::a_read_sees_what_was_decided_before,
            groups::members_must_agree_on_the_shards,
            groups::a_watcher_never_goes_back_and_gets_the_end,
            groups::every_size_is_fair_and_moves_little,
            groups::groups_are_independent,
        ]);
    };
    ($make:expr) => {
        $crate::conformance!(#[tokio::test(start_paused = true)] $make);
    };
}

/// The processes of one cluster, at least one.
#[derive(Debug, Clone)]
pub struct Nodes {
    first: Arc<dyn Coordinator>,
    others: Vec<Arc<dyn Coordinator>>,
    patience: u32,
}

impl Nodes {
    /// A cluster that is one process.
    pub fn one(node: impl Coordinator) -> Self {
        Self { first: Arc::new(node), others: Vec::new(), patience: 1 }
    }

    /// A cluster of several processes.
    pub fn many(first: Arc<dyn Coordinator>, others: Vec<Arc<dyn Coordinator>>) -> Self {
        Self { first, others, patience: 1 }
    }

    /// The same where everything takes this many times longer: on a real clock, with a busy machine under it.
    #[must_use]
    pub fn patient(self, patience: u32) -> Self {
        Self { patience, ..self }
    }

    fn short(&self) -> Duration {
        SHORT * self.patience
    }

    fn prompt(&self) -> Duration {
        PROMPT * self.patience
    }

    /// The node for the `n`th part of a case, round and round.
    #[must_use]
    pub fn at(&self, n: usize) -> &Arc<dyn Coordinator> {
        match n % (self.others.len() + 1) {
            0 => &self.first,
            n => self.others.get(n - 1).unwrap_or(&self.first),
        }
    }

    async fn join(&self, n: usize) -> Membership {
        within("joining", self.at(n).join(&GROUP, member(n))).await.expect("join")
    }
}

fn member(n: usize) -> Member {
    Member::new(MemberId::new(format!("member-{n}")).expect("a valid name"), "test")
}

/// Waits for a condition of the case, no longer than [`LIMIT`].
async fn within<T>(what: impl fmt::Display, future: impl Future<Output = T>) -> T {
    match timeout(LIMIT, future).await {
        Ok(done) => done,
        Err(_) => panic!("{what} took too long"),
    }
}

/// Waits for a view.
async fn view(
    watch: &mut watch::Receiver<Arc<View>>,
    what: &str,
    ok: impl FnMut(&Arc<View>) -> bool,
) -> Arc<View> {
    within(what, watch.wait_for(ok)).await.expect("watch").clone()
}

/// Waits until so many are queued for the lock.
async fn queued(nodes: &Nodes, waiting: usize) {
    within(format!("queueing {waiting}"), async {
        while nodes.at(0).inspect(&LOCK).await.expect("inspect").waiting != waiting {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

fn now() -> Instant {
    Instant::now()
}
