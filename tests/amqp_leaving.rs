//! Instances come and go over a broker: no call is lost on the way, and who finds nobody is told so at once.
//!
//! `ORDAIN_TEST_ROUNDS=300 cargo test --test amqp_leaving` looks longer for rare interleavings.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::transport::suite::patient;
use ordain::transport::suite::probe::{InLane, Nudge, PassGate, Probe, ProbeState, routes};
use ordain::transport::{
    Amqp, Drained, Fault, FaultCode, Host, HostConfig, Place, RetryPolicy, Service, ServiceRef, Serving,
    Transport, run_threaded,
};
use support::rabbitmq::Rabbit;
use tokio::time::{Instant, timeout};

const LIMIT: Duration = Duration::from_secs(120);

fn broker() -> Option<&'static Rabbit> {
    static BROKER: OnceLock<Option<Rabbit>> = OnceLock::new();
    BROKER.get_or_init(Rabbit::start).as_ref()
}

fn rounds() -> u64 {
    std::env::var("ORDAIN_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(10)
}

/// A transport of its own, on exchanges and queues that several may share.
async fn node(prefix: &str, quorum_queues: bool) -> Arc<Amqp> {
    let urls = vec![BrokerUrl::parse(&broker().unwrap().url()).unwrap()];
    let exchange_prefix = prefix.to_owned();
    let config = AmqpConfig { urls, exchange_prefix, quorum_queues, ..Config::default().transport.amqp };
    let amqp = Amqp::start(config).await.unwrap();
    amqp.ready(LIMIT).await.unwrap();
    Arc::new(amqp)
}

fn prefix() -> String {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    format!("leaving-{}", TURN.fetch_add(1, Ordering::Relaxed))
}

async fn mount(on: &Arc<Amqp>) -> (Arc<ProbeState>, Serving) {
    let state = ProbeState::new();
    let inbox = Host::start(Arc::clone(&state), routes(), HostConfig::default(), &Place::current().unwrap());
    (state, on.serve(Probe::endpoint(), inbox).await.unwrap())
}

fn probe(on: &Arc<Amqp>) -> ServiceRef<Probe> {
    ServiceRef::new(Arc::clone(on) as Arc<dyn Transport>).retrying(RetryPolicy::NEVER)
}

async fn drain(serving: Serving) {
    assert_eq!(serving.drain(Instant::now() + LIMIT).await, Drained::Complete);
}

fn nobody_answers_after_the_last_has_left(quorum: bool) {
    if broker().is_none() {
        return;
    }
    run_threaded(async move {
        let prefix = prefix();
        let (here, there) = (node(&prefix, quorum).await, node(&prefix, quorum).await);
        for number in 0..rounds() {
            let (_, serving) = mount(&here).await;
            drop(serving);
            let outcome = timeout(LIMIT, probe(&there).call(&patient(), PassGate(number))).await.unwrap();
            assert_eq!(outcome, Err(Fault::unreachable("probe")), "in round {number}");
        }
    });
}

#[test]
fn nobody_answers_after_the_last_has_left_a_classic_queue() {
    nobody_answers_after_the_last_has_left(false);
}

#[test]
fn nobody_answers_after_the_last_has_left_a_quorum_queue() {
    nobody_answers_after_the_last_has_left(true);
}

/// Callers on one node, instances that come and go on two others, at times none: whoever calls hears of it soon, of each
/// call once, and what must not run twice does not.
fn calls_go_on_while_instances_come_and_go(quorum: bool) {
    if broker().is_none() {
        return;
    }
    run_threaded(async move {
        let prefix = prefix();
        let nodes = [node(&prefix, quorum).await, node(&prefix, quorum).await];
        let calling = node(&prefix, quorum).await;
        let (over, last) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (probe, over, last) = (probe(&calling), Arc::clone(&over), Arc::clone(&last));
                tokio::spawn(async move {
                    let mut answered = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        let number = last.fetch_add(1, Ordering::Relaxed);
                        match probe.call(&patient(), PassGate(number)).await {
                            Ok(same) => answered.push(same),
                            // A quorum queue may have sent it to a consumer that was just being cancelled.
                            Err(fault) if quorum && fault.kind == "instance_lost" => {}
                            Err(fault) => {
                                assert_eq!(
                                    (fault.code, fault.maybe_done),
                                    (FaultCode::Unreachable, false),
                                    "{fault}"
                                );
                                tokio::task::yield_now().await;
                            }
                        }
                    }
                    answered
                })
            })
            .collect();
        let (mut states, mut serving) = (Vec::new(), None::<Serving>);
        let before = last.load(Ordering::Relaxed);
        for round in 0..rounds() {
            let on = if round % 2 == 0 { &nodes[0] } else { &nodes[1] };
            let leaving = serving.take().map(drain);
            let coming = async {
                let (state, serving) = mount(on).await;
                state.open(10_000_000);
                (state, serving)
            };
            // One after the other, the other way round, or both at once.
            let (state, mounted) = match (round % 3, leaving) {
                (0, Some(leaving)) => {
                    leaving.await;
                    coming.await
                }
                (1, Some(leaving)) => {
                    let come = coming.await;
                    leaving.await;
                    come
                }
                (_, Some(leaving)) => tokio::join!(leaving, coming).1,
                (_, None) => coming.await,
            };
            // It must be found however the steps were mixed.
            state.noted(1).await;
            states.push(state);
            serving = Some(mounted);
        }
        over.store(true, Ordering::Relaxed);
        let mut answered = Vec::new();
        for caller in callers {
            answered.extend(timeout(LIMIT, caller).await.unwrap().unwrap());
        }
        drain(serving.unwrap()).await;
        let mut run: Vec<_> = states.iter().flat_map(|state| state.noted_now()).collect();
        assert!(run.len() as u64 > before, "the callers called");
        run.sort_unstable();
        answered.sort_unstable();
        assert_eq!(run, answered, "what was run was answered, each once");
    });
}

#[test]
fn calls_go_on_while_instances_come_and_go_on_classic_queues() {
    calls_go_on_while_instances_come_and_go(false);
}

#[test]
fn calls_go_on_while_instances_come_and_go_on_quorum_queues() {
    calls_go_on_while_instances_come_and_go(true);
}

/// Accepted, and then the last one goes: the next one does it, in the order it came.
fn what_nobody_waits_for_waits_for_the_next(quorum: bool) {
    if broker().is_none() {
        return;
    }
    run_threaded(async move {
        let on = node(&prefix(), quorum).await;
        let permits = HostConfig { permits: 1, ..HostConfig::default() };
        let (state, place) = (ProbeState::new(), Place::current().unwrap());
        let inbox = Host::start(Arc::clone(&state), routes(), permits, &place);
        let serving = on.serve(Probe::endpoint(), inbox).await.unwrap();
        let held = InLane { lane: "a".into(), number: 100 };
        assert_eq!(probe(&on).cast(&patient(), held).await, Ok(()));
        state.begun(1).await;
        for number in 0..20 {
            assert_eq!(probe(&on).cast(&patient(), Nudge(number)).await, Ok(()));
        }
        // One more than may be held here, so the rest is in the queue.
        let leaving = tokio::spawn(drain(serving));
        let gone = async {
            while probe(&on).call(&patient(), PassGate(7)).await != Err(Fault::unreachable("probe")) {}
        };
        timeout(LIMIT, gone).await.unwrap();
        state.open(1);
        timeout(LIMIT, leaving).await.unwrap().unwrap();
        let (next, _serving) = mount(&on).await;
        let here = state.noted_now().iter().filter(|number| **number < 100).count();
        let there = timeout(LIMIT, next.noted(20 - here)).await.unwrap();
        let mut all: Vec<_> = state.noted_now().into_iter().chain(there).collect();
        all.retain(|number| *number < 100);
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    });
}

#[test]
fn what_nobody_waits_for_waits_for_the_next_in_a_classic_queue() {
    what_nobody_waits_for_waits_for_the_next(false);
}

#[test]
fn what_nobody_waits_for_waits_for_the_next_in_a_quorum_queue() {
    what_nobody_waits_for_waits_for_the_next(true);
}

#[test]
fn queues_that_services_share_are_of_the_configured_kind() {
    if broker().is_none() {
        return;
    }
    run_threaded(async {
        for (quorum, kind) in [(true, "quorum"), (false, "classic")] {
            let prefix = prefix();
            let on = node(&prefix, quorum).await;
            let (_state, _serving) = mount(&on).await;
            let queue = format!("{prefix}.probe");
            let queues = broker().unwrap().control(&["list_queues", "name", "type"]);
            let shared = queues.lines().find(|line| line.split_whitespace().next() == Some(&queue));
            assert_eq!(shared.and_then(|line| line.split_whitespace().nth(1)), Some(kind), "{queues}");
        }
    });
}
