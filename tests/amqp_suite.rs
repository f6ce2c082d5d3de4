//! The transport contract over a real broker: the same points as in process, in real time.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::transport::suite::Rig;
use ordain::transport::{Amqp, Mixed, Transport};
use support::rabbitmq::Rabbit;

/// The broker of all points. It ends with the program, which its keeper notices.
static BROKER: OnceLock<Option<Rabbit>> = OnceLock::new();

/// A configuration with exchanges and queues that nobody else has.
fn config() -> Option<AmqpConfig> {
    static TURN: AtomicUsize = AtomicUsize::new(0);
    let broker = BROKER.get_or_init(Rabbit::start).as_ref()?;
    let urls = vec![BrokerUrl::parse(&broker.url()).unwrap()];
    let exchange_prefix = format!("point-{}", TURN.fetch_add(1, Ordering::Relaxed));
    Some(AmqpConfig { urls, exchange_prefix, ..Config::default().transport.amqp })
}

/// The way to run a point, or not, on a broker.
#[derive(Default)]
struct OnBroker {
    quorum: bool,
    /// Services of one process talk in process.
    local: bool,
}

impl OnBroker {
    fn run<F: Future<Output = ()> + 'static>(
        &self,
        point: impl FnOnce(ordain::transport::suite::Bench) -> F + 'static,
    ) {
        let Some(config) = config() else { return };
        let config = AmqpConfig { quorum_queues: self.quorum, ..config };
        let local = self.local;
        let rig = Rig::threaded(move || {
            let config = config.clone();
            async move {
                let amqp = Amqp::start(config).await.unwrap();
                amqp.ready(Duration::from_secs(120)).await.unwrap();
                if local { Arc::new(Mixed::over(amqp)) as Arc<dyn Transport> } else { Arc::new(amqp) }
            }
        });
        rig.run(point);
    }
}

ordain::transport_suite!(amqp, OnBroker::default());
ordain::transport_suite!(amqp_quorum_queues, OnBroker { quorum: true, ..OnBroker::default() });
ordain::transport_suite!(mixed, OnBroker { local: true, ..OnBroker::default() });
