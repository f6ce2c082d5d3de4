//! Bounds: contract points 5, 6 and 7, panics and dead actors.
#![expect(clippy::panic, reason = "a point that does not hold has to say so")]

use std::time::Duration;

use futures::future::join_all;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::probe::{Echo, Flaky, Fragile, InLane, Meet, Panic, PassGate};
use super::{Bench, patient, until};
use crate::transport::{Cx, Fault, FaultCode, HostConfig, QueueLimits, RetryPolicy};

const LONG: Duration = Duration::from_secs(60);

fn narrow(permits: usize, capacity: usize, patience: Duration) -> HostConfig {
    HostConfig { permits, queue: QueueLimits { capacity, patience }, ..HostConfig::default() }
}

/// What exceeds permits and queue is refused at once, and nothing else is.
pub async fn overload_is_answered_at_once(bench: Bench) {
    let mounted = bench.mount(narrow(2, 4, LONG)).await;
    let before = Instant::now();
    let send = |number| {
        let probe = bench.probe();
        spawn_local(async move { (probe.call(&patient(), PassGate(number)).await, before.elapsed()) })
    };
    let running = [send(0), send(1)];
    mounted.state.begun(2).await;
    // Four wait in the mailbox, and one may be held by the paused actor: the others are answered behind a shut gate.
    let mut pending: Vec<_> = (2..40).map(send).collect();
    let mut refused = 0;
    while refused < 38 - 5 {
        let (outcome, _, rest) = futures::future::select_all(pending).await;
        pending = rest;
        let Ok((Err(fault), after)) = outcome else { panic!("the gate is shut, yet {outcome:?}") };
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Overloaded, false));
        assert!(after < LONG);
        refused += 1;
    }
    mounted.state.open(40);
    let done =
        join_all(pending).await.into_iter().filter(|outcome| matches!(outcome, Ok((Ok(_), _)))).count();
    assert!(done == 4 || done == 5, "{done} found room");
    for call in running {
        assert!(matches!(call.await, Ok((Ok(_), _))));
    }
    assert_eq!(bench.probe().call(&patient(), PassGate(99)).await, Ok(99));
}

/// A parcel that finds no permit in time is refused long before its deadline.
pub async fn a_parcel_waits_no_longer_than_patience(bench: Bench) {
    let mounted = bench.mount(narrow(1, 8, Duration::from_millis(200))).await;
    let probe = bench.probe();
    let first = spawn_local(async move { probe.call(&patient(), PassGate(1)).await });
    mounted.state.begun(1).await;
    let cx = patient();
    let waiting = join_all((2..6).map(|number| {
        let (probe, cx) = (bench.probe(), cx.clone());
        async move { probe.call(&cx, PassGate(number)).await }
    }));
    for outcome in waiting.await {
        assert_eq!(outcome, Err(Fault::overloaded("probe")));
    }
    assert!(cx.remaining() > Duration::from_secs(10), "patience was far shorter than the deadline");
    mounted.state.open(1);
    assert_eq!(first.await.ok(), Some(Ok(1)));
}

/// No more handlers run at a time than there are permits.
pub async fn work_in_progress_is_bounded(bench: Bench) {
    let mounted = bench.mount(narrow(3, 64, LONG)).await;
    let calls: Vec<_> = (0..20)
        .map(|number| {
            let probe = bench.probe();
            spawn_local(async move { probe.call(&patient(), PassGate(number)).await })
        })
        .collect();
    for done in 0..20 {
        let running = (done + 3).min(20);
        assert_eq!(mounted.state.begun(running).await.len(), running, "with {done} done");
        mounted.state.open(1);
        mounted.state.noted(done + 1).await;
    }
    for call in calls {
        assert!(call.await.is_ok_and(|outcome| outcome.is_ok()));
    }
}

/// Messages of one key are handled in order, one at a time.
pub async fn equal_keys_run_in_order_one_at_a_time(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    let order: Vec<u64> = (0..30).collect();
    for number in &order {
        let message = InLane { lane: "same".into(), number: *number };
        assert_eq!(bench.probe().cast(&patient(), message).await, Ok(()));
    }
    mounted.state.open(order.len());
    assert_eq!(mounted.state.noted(order.len()).await, order);
    assert_eq!(mounted.state.collisions(), 0);
}

/// Those of a lane that can be handled together wait for no other of them, and in all take one permit; nobody is overtaken.
pub async fn what_waits_in_a_lane_is_handled_together_if_it_can_be(bench: Bench) {
    let mounted = bench.mount(narrow(2, 64, LONG)).await;
    let meet = |number| Meet { lane: "same".into(), number };
    let alone = |lane: &str, number| InLane { lane: lane.into(), number };
    let send = bench.probe();
    assert_eq!(send.cast(&patient(), meet(0)).await, Ok(()));
    mounted.state.begun(1).await;
    for number in 1..=4 {
        assert_eq!(send.cast(&patient(), meet(number)).await, Ok(()));
    }
    assert_eq!(send.cast(&patient(), alone("same", 5)).await, Ok(()));
    assert_eq!(send.cast(&patient(), meet(6)).await, Ok(()));
    // Takes the other permit, and shows that what was sent before it is in its lane.
    assert_eq!(send.cast(&patient(), alone("other", 100)).await, Ok(()));
    mounted.state.begun(2).await;
    mounted.state.open(1);
    assert_eq!(mounted.state.begun(6).await, [0, 100, 1, 2, 3, 4]);
    mounted.state.open(5);
    assert_eq!(mounted.state.begun(7).await, [0, 100, 1, 2, 3, 4, 5]);
    mounted.state.open(2);
    assert_eq!(mounted.state.begun(8).await, [0, 100, 1, 2, 3, 4, 5, 6]);
}

/// A lane that is held up holds up no other, even with fewer permits than waiting messages.
pub async fn other_lanes_are_not_held_up(bench: Bench) {
    let mounted = bench.mount(narrow(2, 64, LONG)).await;
    for number in 0..20 {
        let message = InLane { lane: "busy".into(), number };
        assert_eq!(bench.probe().cast(&patient(), message).await, Ok(()));
    }
    assert_eq!(mounted.state.begun(1).await, [0]);
    let reply = bench.probe().call(&patient(), Echo("beside it".into())).await;
    assert_eq!(reply.as_deref(), Ok("beside it"));
    let quiet = bench.probe();
    let beside =
        spawn_local(
            async move { quiet.call(&patient(), InLane { lane: "quiet".into(), number: 100 }).await },
        );
    assert_eq!(mounted.state.begun(2).await, [0, 100]);
    mounted.state.open(21);
    assert_eq!(beside.await.ok(), Some(Ok(())));
    assert_eq!(mounted.state.noted(21).await.len(), 21);
    assert_eq!(mounted.state.collisions(), 0);
}

/// A lane takes its capacity and no more; what expires in it makes room.
pub async fn a_full_lane_refuses(bench: Bench) {
    let lane = QueueLimits { capacity: 2, patience: LONG };
    let mounted = bench.mount(HostConfig { lane, ..HostConfig::default() }).await;
    let send = |number, cx: Cx| {
        let probe = bench.probe();
        spawn_local(async move { probe.call(&cx, InLane { lane: "same".into(), number }).await })
    };
    let running = send(0, patient());
    mounted.state.begun(1).await;
    let budget = Duration::from_millis(200);
    let short = Cx::system(budget);
    let expiring = [send(1, short.clone()), send(2, short)];
    let mut seen = 0;
    for waiting in expiring {
        seen += usize::from(matches!(waiting.await, Ok(Err(fault)) if fault.code == FaultCode::Timeout));
    }
    assert_eq!(seen, 2);
    // Their time runs from when they came here.
    tokio::time::sleep(budget).await;
    // Both places are free again, and there is no third.
    let three = [send(3, patient()), send(4, patient()), send(5, patient())];
    let [three, four, five] = three;
    assert_eq!(five.await.ok(), Some(Err(Fault::overloaded("probe"))));
    mounted.state.open(3);
    for call in [running, three, four] {
        assert_eq!(call.await.ok(), Some(Ok(())));
    }
    assert_eq!(mounted.state.noted_now(), [0, 3, 4]);
}

/// A panicking handler is a fault to its caller and nothing to anybody else.
pub async fn a_panic_is_an_internal_fault(bench: Bench) {
    let mounted = bench.mount(narrow(1, 4, LONG)).await;
    for _ in 0..3 {
        let outcome = bench.probe().call(&patient(), Panic).await;
        let fault = outcome.err().unwrap_or_else(|| panic!("it cannot have answered"));
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Internal, true));
        assert_eq!(bench.probe().call(&patient(), Echo("alive".into())).await.as_deref(), Ok("alive"));
    }
    let reading = mounted.inbox.reading();
    assert_eq!((reading.panicked, reading.replaced), (3, 0));
}

/// A dead actor is replaced; what waited in its mailbox is answered as not done, what ran goes on.
pub async fn a_killed_actor_is_replaced(bench: Bench) {
    let mounted = bench.mount(narrow(1, 8, LONG)).await;
    let send = |number| {
        let probe = bench.probe().retrying(RetryPolicy::NEVER);
        spawn_local(async move { probe.call(&patient(), PassGate(number)).await })
    };
    let running = send(1);
    mounted.state.begun(1).await;
    let (held, waiting) = (send(2), send(3));
    until(|| mounted.inbox.reading().offered >= 3).await;
    mounted.inbox.kill();
    for lost in [held, waiting] {
        let outcome = lost.await.unwrap_or_else(|error| panic!("{error}"));
        let fault = outcome.err().unwrap_or_else(|| panic!("its actor was killed"));
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false));
    }
    assert_eq!(mounted.inbox.ready(LONG).await, Ok(()));
    assert_eq!(mounted.inbox.reading().replaced, 1);
    mounted.state.open(2);
    assert_eq!(running.await.ok(), Some(Ok(1)));
    assert_eq!(bench.probe().call(&patient(), PassGate(4)).await, Ok(4));

    // Callers with the usual persistence do not notice.
    mounted.inbox.kill();
    assert_eq!(bench.probe().call(&patient(), Echo("again".into())).await.as_deref(), Ok("again"));
}

/// A failure that may have done the work is retried only if doing it twice does no harm.
pub async fn what_may_be_done_is_retried_only_if_repeatable(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    assert_eq!(bench.probe().call(&patient(), Flaky(2)).await, Ok(3));
    let outcome = bench.probe().call(&patient(), Fragile(4)).await;
    assert_eq!(outcome.map_err(|fault| fault.maybe_done), Err(true));
    assert_eq!(mounted.state.tries(), 4);
}
