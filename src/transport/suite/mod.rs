//! What every transport must do: the contract of [`crate::transport`], point by point.
//!
//! ```ignore
//! ordain::transport_suite!(in_process, ordain::transport::suite::Rig::paused(|| async { Arc::new(InProcess::typed()) as _ }));
//! ```
//! makes a module `in_process` with one test per point.
//!
//! Invariants: every point holds on a paused clock and in real time; it waits on conditions and its deadlines are either
//! far away or short enough to be waited for.

pub mod calls;
pub mod casts;
pub mod drain;
pub mod limits;
pub mod probe;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, LocalBoxFuture};

use probe::{Probe, ProbeState};

use super::{Cx, Host, HostConfig, Inbox, Place, Service, ServiceRef, Serving, Transport};

/// How to make one transport, and the clock its points run on.
pub struct Rig {
    connect: Box<dyn Fn() -> BoxFuture<'static, Arc<dyn Transport>>>,
    paused: bool,
}

impl std::fmt::Debug for Rig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rig").field("paused", &self.paused).finish_non_exhaustive()
    }
}

impl Rig {
    /// Runs on one thread and a paused clock: for transports without sockets.
    pub fn paused<F>(connect: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Transport>> + Send + 'static,
    {
        Self { connect: Box::new(move || connect().boxed()), paused: true }
    }

    /// Runs on a multi-thread runtime in real time.
    pub fn threaded<F>(connect: impl Fn() -> F + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Transport>> + Send + 'static,
    {
        Self { connect: Box::new(move || connect().boxed()), paused: false }
    }

    /// Runs one point on a transport of its own.
    pub fn run<F: Future<Output = ()> + 'static>(&self, point: impl FnOnce(Bench) -> F + 'static) {
        /// Longer than any point takes, shorter than anybody waits.
        const LIMIT: Duration = Duration::from_secs(3600);
        const LIMIT_IN_REAL_TIME: Duration = Duration::from_secs(600);
        let connected = (self.connect)();
        let limit = if self.paused { LIMIT } else { LIMIT_IN_REAL_TIME };
        let work: LocalBoxFuture<'static, ()> = async move {
            let bench = Bench { transport: connected.await };
            let finished = tokio::time::timeout(limit, point(bench)).await;
            assert!(finished.is_ok(), "the point did not finish");
        }
        .boxed_local();
        if self.paused { super::run_paused(work) } else { super::run_threaded(work) }
    }
}

/// A transport under test.
#[derive(Clone)]
pub struct Bench {
    transport: Arc<dyn Transport>,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bench")
    }
}

/// A mounted probe.
#[derive(Debug)]
pub struct Mounted {
    /// What the test looks at.
    pub state: Arc<ProbeState>,
    /// The way into it.
    pub inbox: Inbox,
    /// Its mount.
    pub serving: Serving,
}

#[expect(clippy::expect_used, reason = "a point that cannot mount its probe has failed")]
impl Bench {
    /// A caller's reference to the probe.
    #[must_use]
    pub fn probe(&self) -> ServiceRef<Probe> {
        ServiceRef::new(Arc::clone(&self.transport))
    }

    /// Mounts one more instance of the probe.
    pub async fn mount(&self, config: HostConfig) -> Mounted {
        let state = ProbeState::new();
        let place = Place::current().expect("the suite runs in an actix system");
        let inbox = Host::start(Arc::clone(&state), probe::routes(), config, &place);
        let serving =
            self.transport.serve(Probe::endpoint(), inbox.clone()).await.expect("the probe can be mounted");
        Mounted { state, inbox, serving }
    }
}

/// A context with time enough for anything.
#[must_use]
pub fn patient() -> Cx {
    Cx::system(Duration::from_secs(120))
}

/// Resolves once `condition` holds. Looks every millisecond, which lets a paused clock go on.
pub async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Makes a module `$name` with one test per point of the contract, run on the transport of `$rig`.
#[macro_export]
macro_rules! transport_suite {
    ($name:ident, $rig:expr) => {
        $crate::transport_suite!(@points $name, $rig;
            calls: a_call_resolves_to_its_reply, a_fault_arrives_as_it_was_raised, the_context_travels_along,
                a_call_resolves_by_its_deadline, expired_work_is_refused_undone,
                dropping_the_call_does_not_cancel_the_work, without_an_instance_it_fails_at_once,
                calls_go_round_the_instances, an_addressed_call_reaches_that_instance,
                an_unknown_message_is_answered, an_unknown_schema_is_answered, an_unencodable_size_is_answered,
                services_may_call_from_any_thread;
            casts: a_cast_is_accepted_not_done, a_cast_to_nobody_fails_at_once,
                a_fanout_reaches_each_instance_once, a_fanout_to_nobody_is_no_failure;
            limits: overload_is_answered_at_once, a_parcel_waits_no_longer_than_patience,
                work_in_progress_is_bounded, equal_keys_run_in_order_one_at_a_time, what_waits_in_a_lane_is_handled_together_if_it_can_be,
                other_lanes_are_not_held_up, a_full_lane_refuses, a_panic_is_an_internal_fault,
                a_killed_actor_is_replaced, what_may_be_done_is_retried_only_if_repeatable;
            drain: a_drain_finishes_what_was_accepted, a_drain_takes_nothing_new, a_drain_ends_at_its_deadline,
                dropping_the_mount_closes_at_once;
        );
    };
    (@points $name:ident, $rig:expr; $($group:ident: $($point:ident),+;)+) => {
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            $($(
                #[test]
                fn $point() {
                    ($rig).run($crate::transport::suite::$group::$point);
                }
            )+)+
        }
    };
}
