//! Calls: contract points 1 and 2, and what travels along.
#![expect(clippy::panic, reason = "a point that does not hold has to say so")]

use std::time::Duration;

use tokio::time::Instant;

use super::probe::{Echo, EchoFromTheFuture, PassGate, Refuse, Show, Unknown};
use super::{Bench, patient, until};
use crate::domain::identity::Identity;
use crate::domain::ids::{InstanceId, ProjectId};
use crate::domain::violation::{PathElement, ValidatorValue, Violation};
use crate::transport::{Cx, Fault, FaultCode, HostConfig, OnceKey, RetryPolicy, codec};

/// A call resolves to what the handler answered.
pub async fn a_call_resolves_to_its_reply(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let reply = bench.probe().call(&patient(), Echo("döner.example.".into())).await;
    assert_eq!(reply.as_deref(), Ok("döner.example."));
}

/// A handler's fault arrives whole.
pub async fn a_fault_arrives_as_it_was_raised(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let violation = Violation {
        path: vec![PathElement::Name("records".into()), PathElement::Index(3)],
        message: "not a mail exchanger".into(),
        validator: "format".into(),
        validator_value: ValidatorValue::List(vec![Some("mx".into()), None]),
    };
    let faults = [
        Fault::violations(vec![violation]),
        Fault::conflict("duplicate_zone", "Duplicate Zone"),
        Fault::new(FaultCode::Other(418), "teapot").and_maybe_done(),
    ];
    for fault in faults {
        assert_eq!(bench.probe().call(&patient(), Refuse(fault.clone())).await, Err(fault));
    }
}

/// Request id, caller, trace and idempotency key arrive, and time is never gained.
pub async fn the_context_travels_along(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let caller = Identity {
        user: Some("u".into()),
        project: Some(ProjectId::new("p")),
        roles: vec!["member".into(), "reader".into()],
        ..Identity::default()
    };
    let cx = Cx::new(caller, Duration::from_secs(200)).with_once(OnceKey::random());
    let shown = bench.probe().call(&cx, Show).await.unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((shown.request, &shown.caller), (cx.request, &*cx.caller));
    assert_eq!((shown.trace, shown.once), (cx.trace.trace_id(), cx.once));
    assert!(shown.remaining <= 200_000_000 && shown.remaining > 20_000_000, "{}", shown.remaining);
}

/// Nobody waits past the deadline, and the fault says that the work may be done.
pub async fn a_call_resolves_by_its_deadline(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    // On a slow machine the first ones may expire on their way.
    let mut budget = Duration::from_millis(200);
    while mounted.state.begun_now().is_empty() {
        let cx = Cx::system(budget);
        let late = bench.probe().call(&cx, PassGate(1)).await;
        assert_eq!(late, Err(Fault::timeout()));
        assert!(Instant::now() >= cx.deadline);
        budget *= 2;
    }
    // The answer that comes after it disturbs nobody.
    mounted.state.open(1);
    mounted.state.noted(1).await;
    assert_eq!(bench.probe().call(&patient(), Echo("next".into())).await.as_deref(), Ok("next"));
}

/// What has expired before it begins is refused, and certainly not done.
pub async fn expired_work_is_refused_undone(bench: Bench) {
    let mounted = bench.mount(HostConfig { permits: 1, ..HostConfig::default() }).await;
    let dead = Cx::system(Duration::ZERO);
    assert_eq!(bench.probe().call(&dead, PassGate(9)).await, Err(Fault::expired()));

    // One that expires while it waits behind another is never begun.
    let probe = bench.probe();
    let first = tokio::task::spawn_local(async move { probe.call(&patient(), PassGate(1)).await });
    mounted.state.begun(1).await;
    let budget = Duration::from_millis(100);
    assert!(bench.probe().call(&Cx::system(budget), PassGate(2)).await.is_err());
    let probe = bench.probe();
    let third = tokio::task::spawn_local(async move { probe.call(&patient(), PassGate(3)).await });
    // What came before the third has come as well or never will, and its time runs from then on.
    let offered = || mounted.inbox.reading().offered;
    until(|| offered() >= 3 || (offered() == 2 && third.is_finished())).await;
    tokio::time::sleep(budget).await;
    mounted.state.open(10);
    assert_eq!(first.await.ok(), Some(Ok(1)));
    assert_eq!(third.await.ok(), Some(Ok(3)));
    assert_eq!(mounted.state.begun(2).await, [1, 3]);
}

/// The caller's going away does not stop the work.
pub async fn dropping_the_call_does_not_cancel_the_work(bench: Bench) {
    let mounted = bench.mount(HostConfig::default()).await;
    let probe = bench.probe();
    let cx = patient();
    let call = tokio::task::spawn_local(async move { probe.call(&cx, PassGate(7)).await });
    mounted.state.begun(1).await;
    call.abort();
    assert!(call.await.is_err_and(|error| error.is_cancelled()));
    mounted.state.open(1);
    assert_eq!(mounted.state.noted(1).await, [7]);
}

/// With nobody there the answer comes at once, not by time-out.
pub async fn without_an_instance_it_fails_at_once(bench: Bench) {
    let fault = bench.probe().call(&patient(), Echo(String::new())).await;
    assert_eq!(fault, Err(Fault::unreachable("probe")));
    let _mounted = bench.mount(HostConfig::default()).await;
    let fault = bench.probe().at(InstanceId::random()).call(&patient(), Echo(String::new())).await;
    assert_eq!(fault.map_err(|fault| fault.code), Err(FaultCode::Unreachable));
}

/// Several instances share the work.
pub async fn calls_go_round_the_instances(bench: Bench) {
    let one = bench.mount(HostConfig::default()).await;
    let two = bench.mount(HostConfig::default()).await;
    for number in 0..6 {
        let (one_done, two_done) = (one.state.noted_now().len(), two.state.noted_now().len());
        one.state.open(1);
        two.state.open(1);
        assert_eq!(bench.probe().call(&patient(), PassGate(number)).await, Ok(number));
        assert_eq!(one.state.noted_now().len() + two.state.noted_now().len(), one_done + two_done + 1);
    }
    assert_eq!((one.state.noted_now().len(), two.state.noted_now().len()), (3, 3));
}

/// An addressed call reaches the instance it names and no other.
pub async fn an_addressed_call_reaches_that_instance(bench: Bench) {
    let one = bench.mount(HostConfig::default()).await;
    let two = bench.mount(HostConfig::default()).await;
    two.state.open(3);
    let second = bench.probe().at(two.serving.endpoint().instance);
    for number in 0..3 {
        assert_eq!(second.call(&patient(), PassGate(number)).await, Ok(number));
    }
    assert_eq!((one.state.noted_now().len(), two.state.noted_now().len()), (0, 3));
}

/// A message that the receiver does not know is answered.
pub async fn an_unknown_message_is_answered(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let fault = bench.probe().call(&patient(), Unknown).await;
    assert_eq!(fault, Err(Fault::unknown_method("probe", "unknown")));
}

/// A message in a schema that the receiver does not know is answered, and does not disturb the next one.
pub async fn an_unknown_schema_is_answered(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let fault = bench.probe().call(&patient(), EchoFromTheFuture { number: 1 }).await;
    let fault = fault.err().unwrap_or_else(|| panic!("it cannot have been understood"));
    assert!(!fault.maybe_done, "{fault}");
    // Bytes of another schema are recognized as such, a typed value as not the one that is declared.
    assert!(matches!(fault.code, FaultCode::UnknownSchema | FaultCode::Internal), "{fault:?}");
    assert_eq!(bench.probe().call(&patient(), Echo("next".into())).await.as_deref(), Ok("next"));
}

/// A message too long for any wire either arrives (no wire) or is refused by its sender, never half sent.
pub async fn an_unencodable_size_is_answered(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let long = "x".repeat(codec::MAX_BODY + 1);
    match bench.probe().retrying(RetryPolicy::NEVER).call(&patient(), Echo(long)).await {
        Ok(same) => assert_eq!(same.len(), codec::MAX_BODY + 1),
        Err(fault) => assert_eq!((fault.code, fault.maybe_done), (FaultCode::TooLarge, false)),
    }
}

/// A reference works on whatever thread it is used.
pub async fn services_may_call_from_any_thread(bench: Bench) {
    let _mounted = bench.mount(HostConfig::default()).await;
    let calls = (0..32).map(|number| {
        let probe = bench.probe();
        tokio::spawn(async move { probe.call(&patient(), Echo(number.to_string())).await })
    });
    for (number, call) in futures::future::join_all(calls).await.into_iter().enumerate() {
        assert_eq!(call.ok(), Some(Ok(number.to_string())));
    }
}
