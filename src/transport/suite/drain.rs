//! Taking an instance away: gracefully, late, or at once.
#![expect(clippy::panic, reason = "a point that does not hold has to say so")]

use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::Instant;

use super::probe::{InLane, PassGate};
use super::{Bench, patient, until};
use crate::transport::{Drained, Fault, FaultCode, HostConfig, RetryPolicy};

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(300)
}

fn late() -> Instant {
    Instant::now() + Duration::from_secs(100)
}

/// What runs, what waits for a permit and what waits in a lane is all finished.
pub async fn a_drain_finishes_what_was_accepted(bench: Bench) {
    let mounted = bench.mount(HostConfig { permits: 1, ..HostConfig::default() }).await;
    for number in 0..3 {
        let message = InLane { lane: "same".into(), number };
        assert_eq!(bench.probe().cast(&patient(), message).await, Ok(()));
    }
    let probe = bench.probe();
    let call = spawn_local(async move { probe.call(&patient(), PassGate(3)).await });
    until(|| mounted.inbox.reading().offered >= 4).await;
    let drain = spawn_local(mounted.serving.drain(late()));
    mounted.state.open(4);
    assert_eq!(drain.await.ok(), Some(Drained::Complete));
    assert_eq!(call.await.ok(), Some(Ok(3)));
    assert_eq!(mounted.state.noted_now(), [0, 1, 2, 3]);
}

/// From the start of a drain the instance gets nothing, another takes it all.
pub async fn a_drain_takes_nothing_new(bench: Bench) {
    let leaving = bench.mount(HostConfig::default()).await;
    let staying = bench.mount(HostConfig::default()).await;
    let addressed = bench.probe().at(leaving.serving.endpoint().instance);
    let held = addressed.clone();
    let call = spawn_local(async move { held.call(&patient(), PassGate(1)).await });
    leaving.state.begun(1).await;
    let drain = spawn_local(leaving.serving.drain(late()));
    until(|| !leaving.inbox.is_up()).await;
    staying.state.open(4);
    for number in 10..14 {
        assert_eq!(bench.probe().call(&patient(), PassGate(number)).await, Ok(number));
    }
    let refused = addressed.retrying(RetryPolicy::NEVER).call(&patient(), PassGate(2)).await;
    assert!(refused.is_err_and(|fault| !fault.maybe_done));
    leaving.state.open(1);
    assert_eq!(drain.await.ok(), Some(Drained::Complete));
    assert_eq!(call.await.ok(), Some(Ok(1)));
    assert_eq!(leaving.state.noted_now(), [1]);
}

/// A drain does not wait for ever; what had not begun is answered as not done.
pub async fn a_drain_ends_at_its_deadline(bench: Bench) {
    let mounted = bench.mount(HostConfig { permits: 1, ..HostConfig::default() }).await;
    let send = |number| {
        let probe = bench.probe().retrying(RetryPolicy::NEVER);
        spawn_local(async move { probe.call(&patient(), PassGate(number)).await })
    };
    let running = send(1);
    mounted.state.begun(1).await;
    let waiting = send(2);
    until(|| mounted.inbox.reading().offered >= 2).await;
    assert_eq!(mounted.serving.drain(soon()).await, Drained::CutOff { left: 2 });
    let outcome = waiting.await.unwrap_or_else(|error| panic!("{error}"));
    let fault = outcome.err().unwrap_or_else(|| panic!("it had not begun"));
    assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false));
    // What runs is not torn down.
    mounted.state.open(1);
    assert_eq!(running.await.ok(), Some(Ok(1)));
}

/// An instance whose mount is dropped is gone at once.
pub async fn dropping_the_mount_closes_at_once(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    drop(mounted.serving);
    assert_eq!(bench.probe().call(&patient(), PassGate(1)).await, Err(Fault::unreachable("probe")));
    assert!(!mounted.inbox.is_up());
}
