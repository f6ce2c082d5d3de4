//! What stands still, fills up or goes away without a word around the transport over a broker: nobody waits longer than
//! need be, nothing grows, nothing runs twice that must not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use lapin::Confirmation;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use ordain::config::{AmqpConfig, BrokerUrl};
use ordain::domain::ids::InstanceId;
use ordain::transport::{Cx, Fault, FaultCode, HostConfig};
use support::proxy::Wire;
use support::rabbitmq::Rabbit;
use support::works::{AT_ONCE, LIMIT, Node, Note, Once, Twice, at, broker, channel, config, patient, run};
use tokio::time::{Instant, timeout};

/// So long that nobody notices a silent connection by it.
const NO_HEARTBEAT: Duration = Duration::from_secs(600);

fn through(wire: &Wire, like: &AmqpConfig) -> AmqpConfig {
    AmqpConfig { urls: vec![BrokerUrl::parse(&at(wire.address())).unwrap()], ..like.clone() }
}

#[test]
fn calls_to_a_broker_that_falls_silent_end_by_their_deadline_and_go_on_when_it_speaks() {
    let Some(broker) = broker() else { return };
    run(async {
        let wire = Wire::to(broker.address());
        let node =
            Node::start(&AmqpConfig { heartbeat: NO_HEARTBEAT, ..through(&wire, &config(&[&broker.url()])) })
                .await;
        let (state, _serving) = node.mount(4).await;
        state.open(1);
        assert_eq!(node.works.call(&patient(), Twice(1)).await, Ok(1));
        wire.hold();
        let short = Cx::system(Duration::from_secs(1));
        let before = Instant::now();
        let fault = node.works.call(&short, Twice(2)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Timeout, true), "{fault}");
        let fault = node.works.cast(&Cx::system(Duration::from_secs(1)), Note(3)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Timeout, true), "{fault}");
        assert!(before.elapsed() < AT_ONCE);
        wire.mend();
        state.open(10);
        node.works_again(&state).await;
        // What was held up is there before the call that was answered, and too old.
        assert!(!state.begun_now().iter().any(|number| [2, 3].contains(number)), "{:?}", state.begun_now());
    });
}

#[test]
fn a_silent_connection_is_given_up_and_a_new_one_made_as_soon_as_there_can_be_one() {
    let Some(broker) = broker() else { return };
    run(async {
        let wire = Wire::to(broker.address());
        let (heartbeat, connect_timeout) = (Duration::from_secs(1), Duration::from_secs(1));
        let config = AmqpConfig { heartbeat, connect_timeout, ..through(&wire, &config(&[&broker.url()])) };
        let node = Node::start(&config).await;
        let (state, _serving) = node.mount(4).await;
        let call = node.twice(1);
        state.begun(1).await;
        wire.hold();
        let fault = call.await.unwrap().unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, true), "{fault}");
        let fault = node.works.call(&patient(), Once(2)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false), "{fault}");
        assert!(node.amqp.ready(Duration::from_secs(3)).await.is_err());
        wire.mend();
        state.open(10);
        node.works_again(&state).await;
        assert!(!state.begun_now().contains(&2));
    });
}

#[test]
fn a_full_disk_blocks_the_broker_and_callers_know_at_once() {
    let Some(broker) = Rabbit::start() else { return };
    run(async move {
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, _serving) = node.mount(4).await;
        state.open(1000);
        broker.control(&["set_disk_free_limit", "900000GB"]);
        let told = async {
            loop {
                let fault = node.works.call(&Cx::system(Duration::from_secs(2)), Twice(1)).await.err();
                if fault.is_some_and(|fault| fault.kind == "broker_blocked") {
                    return;
                }
            }
        };
        timeout(LIMIT, told).await.unwrap();
        let before = Instant::now();
        for _ in 0..1000 {
            let fault = node.works.call(&patient(), Once(2)).await.unwrap_err();
            assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false));
        }
        assert!(before.elapsed() < AT_ONCE);
        broker.control(&["set_disk_free_limit", "16MB"]);
        node.works_again(&state).await;
        assert!(!state.begun_now().contains(&2));
    });
}

#[test]
fn a_channel_that_the_broker_closes_is_opened_again_and_nothing_is_lost() {
    let Some(broker) = Rabbit::start() else { return };
    run(async move {
        // Whoever holds a message for longer than this loses its channel.
        for setting in ["consumer_timeout, 1000", "channel_tick_interval, 500"] {
            broker.control(&["eval", &format!("application:set_env(rabbit, {setting}).")]);
        }
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, _serving) = node.mount(4).await;
        let call = node.twice(1);
        let once = node.once(2);
        let begun = state.begun(3).await;
        assert_eq!(
            begun.iter().filter(|number| **number == 1).count(),
            2,
            "it is delivered again: {begun:?}"
        );
        // Before it comes round another time.
        state.open(1000);
        assert_eq!(call.await.unwrap(), Ok(1));
        // The answer went down with the channel, or was in time.
        once.abort();
        node.works_again(&state).await;
        assert_eq!(state.begun_now().iter().filter(|number| **number == 2).count(), 1);
    });
}

#[test]
fn a_connection_that_an_operator_closes_fails_its_calls_at_once_and_is_made_again() {
    let Some(broker) = Rabbit::start() else { return };
    run(async move {
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, _serving) = node.mount(4).await;
        for _ in 0..3 {
            state.shut();
            let count = state.begun_now().len();
            let call = node.once(1);
            state.begun(count + 1).await;
            let before = Instant::now();
            broker.control(&["close_all_connections", "maintenance"]);
            let fault = call.await.unwrap().unwrap_err();
            assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, true), "{fault}");
            assert!(before.elapsed() < AT_ONCE);
            state.open(1);
            node.works_again(&state).await;
        }
        assert_eq!(state.begun_now().iter().filter(|number| **number == 1).count(), 3);
    });
}

#[test]
fn calls_fail_soon_when_the_last_instance_is_gone_and_go_on_when_one_comes() {
    let Some(broker) = broker() else { return };
    run(async {
        let wire = Wire::to(broker.address());
        let near = config(&[&broker.url()]);
        let (caller, lost) = (Node::start(&near).await, Node::start(&through(&wire, &near)).await);
        let (state, _serving) = lost.mount(1).await;
        let mut calls = vec![caller.once(1)];
        state.begun(1).await;
        calls.extend([caller.twice(2), caller.once(3)]);
        caller.calling(3).await;
        let before = Instant::now();
        wire.cut();
        for call in calls {
            let fault = call.await.unwrap().unwrap_err();
            assert_eq!((fault.kind.as_ref(), fault.maybe_done), ("instance_lost", true), "{fault}");
        }
        assert_eq!(caller.works.call(&patient(), Once(4)).await, Err(Fault::unreachable("works")));
        assert!(before.elapsed() < AT_ONCE);
        // A nudge waits for the next one.
        assert_eq!(caller.works.cast(&patient(), Note(5)).await, Ok(()));
        state.open(100);
        wire.mend();
        caller.works_again(&state).await;
        state.begun(5).await;
        let begun = state.begun_now();
        assert!(begun.contains(&5) && !begun.contains(&4), "{begun:?}");
        for number in [1, 3] {
            assert!(begun.iter().filter(|seen| **seen == number).count() <= 1, "{begun:?}");
        }
    });
}

#[test]
fn calls_to_an_instance_fail_soon_when_it_is_gone() {
    let Some(broker) = broker() else { return };
    run(async {
        let wire = Wire::to(broker.address());
        let near = config(&[&broker.url()]);
        let (caller, lost) = (Node::start(&near).await, Node::start(&through(&wire, &near)).await);
        let (_other, _serving) = caller.mount(1).await;
        let (state, serving) = lost.mount(1).await;
        let one = caller.works.at(serving.endpoint().instance);
        let call = |number| {
            let one = one.clone();
            tokio::spawn(async move { one.call(&patient(), Once(number)).await })
        };
        let begun = call(1);
        state.begun(1).await;
        let queued = call(2);
        caller.calling(2).await;
        let before = Instant::now();
        wire.cut();
        for call in [begun, queued] {
            let fault = call.await.unwrap().unwrap_err();
            assert_eq!((fault.kind.as_ref(), fault.maybe_done), ("instance_lost", true), "{fault}");
        }
        assert_eq!(one.call(&patient(), Once(3)).await, Err(Fault::unreachable("works")));
        assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
    });
}

#[test]
fn what_may_run_again_does_not_wait_for_an_instance_that_stands_still() {
    let Some(broker) = broker() else { return };
    run(async {
        let wire = Wire::to(broker.address());
        let near = AmqpConfig { heartbeat: NO_HEARTBEAT, ..config(&[&broker.url()]) };
        let (caller, still) = (Node::start(&near).await, Node::start(&through(&wire, &near)).await);
        let (first, _serving) = still.mount(8).await;
        let (second, _serving) = caller.mount(8).await;
        first.open(10_000);
        second.open(10_000);
        wire.hold();
        let before = Instant::now();
        let once: Vec<_> = (100..110).map(|number| caller.once(number)).collect();
        let calls: FuturesUnordered<_> = (0..100).map(|number| caller.twice(number)).collect();
        let outcomes: Vec<_> = timeout(LIMIT, calls.collect()).await.unwrap();
        assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().is_ok()));
        assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
        assert!(first.begun_now().is_empty());
        // What must not run twice is where it is; it runs once, if at all.
        wire.mend();
        for call in once {
            let number = call.await.unwrap().unwrap();
            let begun = [first.begun_now(), second.begun_now()].concat();
            assert_eq!(begun.iter().filter(|seen| **seen == number).count(), 1, "{number}: {begun:?}");
        }
    });
}

/// How many of the confirms of messages that arrived came with somebody else's returned message.
async fn mixed_up(channel: &Channel, queue: &str, count: usize) -> usize {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let mut confirms = Vec::new();
    for number in 0..count {
        let key = if number % 2 == 0 { queue } else { "nobody" };
        let sent =
            channel.basic_publish("".into(), key.into(), options, b"", BasicProperties::default()).await;
        confirms.push((number % 2 == 0, sent.unwrap()));
    }
    let mut mixed = 0;
    for (arrived, confirm) in confirms {
        let returned = matches!(confirm.await.unwrap(), Confirmation::Ack(Some(_)));
        mixed += usize::from(arrived == returned);
    }
    mixed
}

#[test]
fn a_message_that_came_back_is_told_to_its_sender_though_the_library_mixes_them_up() {
    let Some(broker) = broker() else { return };
    run(async {
        // What the library does, so that it shows when nobody need put it right any more.
        let (_connection, channel) = channel(broker).await;
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let passing = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare("there".into(), passing, FieldTable::default()).await.unwrap();
        let mut mixed = 0;
        for _ in 0..100 {
            mixed += mixed_up(&channel, "there", 100).await;
        }
        eprintln!("of 10000 confirms {mixed} told of somebody else's message");

        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, serving) = node.mount(HostConfig::default().permits).await;
        state.open(100_000);
        let here = node.works.at(serving.endpoint().instance);
        let nobody = node.works.at(InstanceId::random());
        for _ in 0..50 {
            let sent: FuturesUnordered<_> = (0..200)
                .map(|number| {
                    let (there, to) =
                        if number % 2 == 0 { (true, here.clone()) } else { (false, nobody.clone()) };
                    tokio::spawn(async move { (there, to.cast(&patient(), Note(number)).await) })
                })
                .collect();
            for outcome in sent.collect::<Vec<_>>().await {
                let (there, outcome) = outcome.unwrap();
                assert_eq!(outcome, if there { Ok(()) } else { Err(Fault::unreachable("works")) });
            }
        }
    });
}

#[test]
fn fanouts_are_accepted_while_instances_come_and_go() {
    let Some(broker) = broker() else { return };
    run(async {
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, _serving) = node.mount(4).await;
        state.open(100_000);
        for number in 0..100 {
            let (_passing, serving) = node.mount(4).await;
            drop(serving);
            let cx = Cx::system(Duration::from_secs(60));
            assert_eq!(node.works.fanout(&cx, Note(number)).await, Ok(()), "{number}");
        }
        state.begun(100).await;
    });
}

/// The memory of this process, in MiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

#[test]
fn nothing_grows_while_a_broker_stands_still_or_is_away() {
    let Some(mut broker) = Rabbit::start() else { return };
    run(async move {
        const CALLERS: u64 = 2000;
        let window = 64;
        let node = Node::start(&AmqpConfig {
            heartbeat: NO_HEARTBEAT,
            confirm_window: window,
            ..config(&[&broker.url()])
        })
        .await;
        let (state, _serving) = node.mount(4).await;
        broker.pause();
        let wave = async |budget: Duration, wanted: fn(&Fault) -> bool| {
            let calls: FuturesUnordered<_> = (0..CALLERS)
                .map(|number| {
                    let works = node.works.clone();
                    tokio::spawn(async move {
                        let cx = Cx::system(budget);
                        if number % 2 == 0 {
                            works.call(&cx, Once(number)).await.map(drop)
                        } else {
                            works.cast(&cx, Note(number)).await
                        }
                    })
                })
                .collect();
            let before = Instant::now();
            for outcome in calls.collect::<Vec<_>>().await {
                let fault = outcome.unwrap().unwrap_err();
                assert!(wanted(&fault), "{fault}");
            }
            assert!(before.elapsed() < budget + AT_ONCE);
        };
        let stalled = |fault: &Fault| matches!(fault.code, FaultCode::Timeout | FaultCode::Overloaded);
        wave(Duration::from_secs(1), stalled).await;
        let before = resident();
        for _ in 0..10 {
            wave(Duration::from_secs(1), stalled).await;
            let load = node.amqp.load();
            assert!(load.waiting == 0 && load.unconfirmed <= window && load.queued <= 7 * window, "{load:?}");
        }
        assert!(resident() < before + 32, "{before} MiB became {}", resident());
        broker.kill();
        let away = |fault: &Fault| fault.code == FaultCode::Unavailable;
        timeout(LIMIT, async {
            while node.amqp.is_connected() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        for _ in 0..10 {
            wave(Duration::from_secs(30), away).await;
        }
        assert!(resident() < before + 32, "{before} MiB became {}", resident());
        let load = node.amqp.load();
        assert_eq!((load.waiting, load.unconfirmed, load.queued), (0, 0, 0));
        broker.start_again();
        state.open(1000);
        node.works_again(&state).await;
        assert!(state.begun_now().iter().all(|number| *number == 99), "{:?}", state.begun_now());
    });
}
