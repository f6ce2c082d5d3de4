//! What goes wrong around the transport over a broker: crashes on both sides, operators, overload and poison.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::time::Duration;

use futures::StreamExt as _;
use lapin::BasicProperties;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use ordain::config::{AmqpConfig, BrokerUrl};
use ordain::domain::ids::InstanceId;
use ordain::transport::{Cx, Fault, FaultCode};
use support::ports::free_port;
use support::proxy::Wire;
use support::rabbitmq::{Rabbit, certificates};
use support::works::{AT_ONCE, LIMIT, Node, Note, Once, Twice, at, broker, channel, config, patient, run};
use tokio::time::{Instant, timeout};

#[test]
fn a_killed_broker_fails_calls_at_once_and_nobody_is_touched() {
    let Some(mut broker) = Rabbit::start() else { return };
    run(async move {
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, serving) = node.mount(4).await;
        let calls = [node.twice(1), node.once(2)];
        state.begun(2).await;
        let before = Instant::now();
        broker.kill();
        for call in calls {
            let fault = call.await.unwrap().unwrap_err();
            assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, true), "{fault}");
        }
        let fault = node.works.call(&patient(), Twice(3)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false), "{fault}");
        assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
        state.open(2);

        broker.start_again();
        node.works_again(&state).await;
        let one = node.works.at(serving.endpoint().instance);
        state.open(1);
        assert_eq!(one.call(&patient(), Once(4)).await, Ok(4));
        assert_eq!(node.works.fanout(&patient(), Note(5)).await, Ok(()));
        let begun = state.begun(5).await;
        assert_eq!(begun.iter().filter(|number| **number == 2).count(), 1);
        assert!(begun.contains(&5));

        // Stopped in good order and started without its data, it is the same.
        broker.stop();
        std::fs::remove_dir_all(broker.folder().join("data")).unwrap();
        broker.start_again();
        node.works_again(&state).await;
    });
}

#[test]
fn a_broker_that_stands_still_is_noticed() {
    let Some(mut broker) = Rabbit::start() else { return };
    run(async move {
        let heartbeat = Duration::from_secs(1);
        let node = Node::start(&AmqpConfig { heartbeat, ..config(&[&broker.url()]) }).await;
        let (state, _serving) = node.mount(4).await;
        let call = node.twice(1);
        state.begun(1).await;
        let before = Instant::now();
        broker.pause();
        let fault = call.await.unwrap().unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, true), "{fault}");
        assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
        broker.resume();
        state.open(1);
        node.works_again(&state).await;
    });
}

#[test]
fn without_room_the_broker_is_blocked_and_callers_know_at_once() {
    let Some(broker) = Rabbit::start() else { return };
    run(async move {
        let node = Node::start(&config(&[&broker.url()])).await;
        let (state, _serving) = node.mount(4).await;
        broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]);
        // The broker says so to whoever sends.
        let told = async {
            loop {
                let fault = node.works.call(&Cx::system(Duration::from_secs(5)), Twice(1)).await.err();
                if fault.is_some_and(|fault| fault.kind == "broker_blocked") {
                    return;
                }
            }
        };
        state.open(10);
        timeout(LIMIT, told).await.unwrap();
        let before = Instant::now();
        let fault = node.works.call(&patient(), Once(2)).await.unwrap_err();
        assert_eq!((fault.code, fault.maybe_done), (FaultCode::Unavailable, false));
        assert!(before.elapsed() < AT_ONCE);
        broker.control(&["set_vm_memory_high_watermark", "absolute", "1GB"]);
        node.works_again(&state).await;
        assert!(!state.begun_now().contains(&2));
    });
}

#[test]
fn services_may_start_before_their_broker_and_take_any_that_is_there() {
    let Some(broker) = broker() else { return };
    run(async move {
        let wire = Wire::to(broker.address());
        wire.cut();
        let (nobody, wired) = (at(free_port()), at(wire.address()));
        let node = Node::start_early(&config(&[&nobody, &wired])).await;
        let before = Instant::now();
        let (state, _serving) = node.mount(4).await;
        assert!(before.elapsed() < AT_ONCE);
        assert!(!node.amqp.is_connected());
        wire.mend();
        node.works_again(&state).await;
        assert!(node.amqp.is_connected());
    });
}

#[test]
fn what_may_run_twice_runs_elsewhere_when_its_consumer_is_lost() {
    let Some(broker) = broker() else { return };
    run(async move {
        let wire = Wire::to(broker.address());
        let near = config(&[&broker.url()]);
        let far = AmqpConfig { urls: vec![BrokerUrl::parse(&at(wire.address())).unwrap()], ..near.clone() };
        let (caller, lost) = (Node::start(&near).await, Node::start(&far).await);
        let (first, _serving) = lost.mount(4).await;
        let calls = (caller.twice(1), caller.once(2));
        assert_eq!(caller.works.cast(&patient(), Note(3)).await, Ok(()));
        first.begun(3).await;
        let (second, _serving) = caller.mount(4).await;
        wire.cut();
        second.open(3);
        assert_eq!(calls.0.await.unwrap(), Ok(1));
        let mut begun = second.begun(2).await;
        begun.sort_unstable();
        assert_eq!(begun, [1, 3]);

        // The other one went on where it was begun, and only there; its answer went down with the wire.
        calls.1.abort();
        first.open(3);
        wire.mend();
        lost.works_again(&first).await;
        for state in [&first, &second] {
            assert!(state.begun_now().iter().filter(|number| **number == 2).count() < 2);
        }
        assert!(!second.begun_now().contains(&2));
    });
}

#[test]
fn what_was_delivered_to_somebody_else_before_is_not_run_unless_it_may_run_twice() {
    let Some(broker) = broker() else { return };
    run(async move {
        let config = config(&[&broker.url()]);
        let node = Node::start(&config).await;
        let (state, serving) = node.mount(4).await;
        // A thief poses as an instance, takes what comes and dies.
        let (thief, stolen) = channel(broker).await;
        let consume = |queue: String| {
            let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
            stolen.basic_consume(queue.into(), "".into(), options, none)
        };
        let queue = format!("{}.works", config.exchange_prefix);
        let _here = consume(format!("{queue}.here")).await.unwrap();
        let deliveries = consume(queue).await.unwrap();
        serving.drain(Instant::now() + AT_ONCE).await;
        let calls = async {
            let calls = (node.once(1), node.twice(2));
            deliveries.take(2).for_each(|_| async {}).await;
            calls
        };
        let calls = timeout(LIMIT, calls).await.unwrap();
        let (next, _serving) = node.mount(4).await;
        next.open(1);
        thief.close(200, "".into()).await.unwrap();
        let fault = calls.0.await.unwrap().unwrap_err();
        assert_eq!((fault.kind.as_ref(), fault.maybe_done), ("instance_lost", true));
        assert_eq!(calls.1.await.unwrap(), Ok(2));
        assert_eq!(next.begun_now(), [2]);
        assert!(state.begun_now().is_empty());
    });
}

#[test]
fn queues_and_exchanges_that_an_operator_deletes_come_back() {
    let Some(broker) = broker() else { return };
    run(async move {
        let config = config(&[&broker.url()]);
        let node = Node::start(&config).await;
        let (state, serving) = node.mount(4).await;
        let (_connection, operator) = channel(broker).await;
        let prefix = &config.exchange_prefix;
        let instance = serving.endpoint().instance;
        for queue in [format!("{prefix}.works"), format!("{prefix}.works.{instance}")] {
            operator.queue_delete(queue.into(), QueueDeleteOptions::default()).await.unwrap();
            node.works_again(&state).await;
        }
        // Sending to an exchange that is gone ends a channel, and with it the connection.
        let gone = format!("{prefix}.one");
        operator.exchange_delete(gone.into(), ExchangeDeleteOptions::default()).await.unwrap();
        let one = node.works.at(instance);
        assert!(one.call(&patient(), Twice(1)).await.is_err());
        state.open(1);
        let again = async {
            while one.call(&patient(), Twice(2)).await != Ok(2) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, again).await.unwrap();
    });
}

#[test]
fn a_full_queue_is_an_overload_and_nobody_is_unreachable() {
    let Some(broker) = broker() else { return };
    run(async move {
        let node = Node::start(&AmqpConfig { queue_length: 3, ..config(&[&broker.url()]) }).await;
        let before = Instant::now();
        assert_eq!(node.works.call(&patient(), Twice(1)).await, Err(Fault::unreachable("works")));
        let somebody = node.works.at(InstanceId::random());
        assert_eq!(somebody.cast(&patient(), Note(1)).await, Err(Fault::unreachable("works")));

        let (state, _serving) = node.mount(1).await;
        let first = node.twice(0);
        state.begun(1).await;
        let mut calls: Vec<_> = (1..10).map(|number| node.twice(number)).collect();
        for _ in 0..6 {
            let (outcome, _, rest) = futures::future::select_all(calls).await;
            calls = rest;
            assert_eq!(outcome.unwrap(), Err(Fault::overloaded("works")));
        }
        assert!(before.elapsed() < AT_ONCE * 2);
        state.open(4);
        assert_eq!(first.await.unwrap(), Ok(0));
        for call in calls {
            assert!(call.await.unwrap().is_ok());
        }
    });
}

#[test]
fn what_expires_in_a_queue_is_never_run() {
    let Some(broker) = broker() else { return };
    run(async move {
        let config = config(&[&broker.url()]);
        let node = Node::start(&config).await;
        let (state, _serving) = node.mount(1).await;
        let first = node.twice(1);
        state.begun(1).await;
        let short = Cx::system(Duration::from_millis(300));
        assert_eq!(node.works.call(&short, Twice(2)).await, Err(Fault::timeout()));
        let (_connection, channel) = channel(broker).await;
        let queue = format!("{}.works", config.exchange_prefix);
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let look = || channel.queue_declare(queue.clone().into(), passive, FieldTable::default());
        let expired = async { while look().await.unwrap().message_count() > 0 {} };
        timeout(LIMIT, expired).await.unwrap();
        state.open(2);
        assert_eq!(first.await.unwrap(), Ok(1));
        assert_eq!(node.twice(3).await.unwrap(), Ok(3));
        assert_eq!(state.begun_now(), [1, 3]);
    });
}

#[test]
fn poison_is_kept_with_its_reason() {
    let Some(broker) = broker() else { return };
    run(async move {
        let config = config(&[&broker.url()]);
        let node = Node::start(&config).await;
        let (state, _serving) = node.mount(4).await;
        let (_connection, channel) = channel(broker).await;
        let queue = format!("{}.works", config.exchange_prefix);
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        channel.basic_publish("".into(), queue.clone().into(), options, b"poison", properties).await.unwrap();
        let dead = format!("{}.dead", config.exchange_prefix);
        let letter = async {
            loop {
                let letter =
                    channel.basic_get(dead.clone().into(), BasicGetOptions { no_ack: true }).await.unwrap();
                if let Some(letter) = letter {
                    return letter;
                }
            }
        };
        let letter = timeout(LIMIT, letter).await.unwrap().delivery;
        let headers = letter.properties.headers().clone().unwrap();
        let said = |name: &str| {
            headers.inner().get(name).and_then(|text| text.as_long_string()).unwrap().to_string()
        };
        assert_eq!((letter.data.as_slice(), said("x-ordain-queue")), (b"poison".as_slice(), queue));
        assert!(said("x-ordain-reason").contains("unreadable frame"), "{headers:?}");
        state.open(1);
        assert_eq!(node.works.call(&patient(), Twice(1)).await, Ok(1));
    });
}

#[test]
fn over_tls_both_sides_show_certificates() {
    let port = free_port();
    let Some(broker) = Rabbit::start_in(|folder| certificates(&folder.join("tls"), port)) else { return };
    run(async move {
        let tls = broker.folder().join("tls");
        let url = format!("amqps://guest:guest@localhost:{}/%2f", port.port());
        let shown = AmqpConfig {
            ca_file: Some(tls.join("ca.pem")),
            cert_file: Some(tls.join("cert.pem")),
            key_file: Some(tls.join("key.pem")),
            ..config(&[&url])
        };
        let node = Node::start(&shown).await;
        let (state, _serving) = node.mount(1).await;
        state.open(1);
        assert_eq!(node.works.call(&patient(), Once(1)).await, Ok(1));

        let nothing_shown = AmqpConfig { cert_file: None, key_file: None, ..shown.clone() };
        let nobody_trusted = AmqpConfig { ca_file: None, ..shown };
        for config in [nothing_shown, nobody_trusted] {
            let node = Node::start_early(&config).await;
            assert!(node.amqp.ready(Duration::from_secs(2)).await.is_err());
        }
    });
}
