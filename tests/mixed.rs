//! Two processes on one broker, each with services that talk in process with each other.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::transport::suite::probe::{self, Echo, Nudge, PassGate, Probe, ProbeState};
use ordain::transport::{
    Amqp, Cx, Fault, Host, HostConfig, Mixed, Place, QueueLimits, Service, ServiceRef, Serving, Transport,
    run_threaded,
};
use support::rabbitmq::Rabbit;
use tokio::time::{Instant, sleep, timeout};

const LIMIT: Duration = Duration::from_secs(60);

fn patient() -> Cx {
    Cx::system(LIMIT)
}

/// What stands for one process.
struct Process {
    transport: Arc<dyn Transport>,
    amqp: Amqp,
}

impl Process {
    async fn start(broker: &Rabbit) -> Self {
        let urls = vec![BrokerUrl::parse(&broker.url()).unwrap()];
        let amqp = Amqp::start(AmqpConfig { urls, ..Config::default().transport.amqp }).await.unwrap();
        amqp.ready(LIMIT).await.unwrap();
        Self { transport: Arc::new(Mixed::over(amqp.clone())), amqp }
    }

    fn probe(&self) -> ServiceRef<Probe> {
        ServiceRef::new(Arc::clone(&self.transport))
    }

    async fn mount(&self, config: HostConfig) -> (Arc<ProbeState>, Serving) {
        let state = ProbeState::new();
        let inbox = Host::start(Arc::clone(&state), probe::routes(), config, &Place::current().unwrap());
        let serving = self.transport.serve(Probe::endpoint(), inbox).await.unwrap();
        (state, serving)
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let deadline = Instant::now() + LIMIT;
    while !look().await {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn neighbours_are_preferred_and_everybody_is_reached() {
    let Some(mut broker) = Rabbit::start() else { return };
    run_threaded(async move {
        let (here, there) = (Process::start(&broker).await, Process::start(&broker).await);
        let (near, near_mount) = here.mount(HostConfig::default()).await;
        let narrow = HostConfig {
            queue: QueueLimits { capacity: 4, patience: LIMIT },
            permits: 1,
            ..HostConfig::default()
        };
        let (far, far_mount) = there.mount(narrow).await;

        // Calls and casts stay with the neighbour.
        near.open(usize::MAX >> 8);
        for number in 0..50 {
            assert_eq!(here.probe().call(&patient(), PassGate(number)).await, Ok(number));
            here.probe().cast(&patient(), Nudge(number)).await.unwrap();
        }
        near.noted(100).await;
        assert!(far.noted_now().is_empty());

        // A certain instance is found wherever it is, from either side.
        far.open(2);
        let (near_at, far_at) = (near_mount.endpoint().instance, far_mount.endpoint().instance);
        for process in [&here, &there] {
            assert_eq!(process.probe().at(near_at).call(&patient(), PassGate(200)).await, Ok(200));
            assert_eq!(process.probe().at(far_at).call(&patient(), PassGate(300)).await, Ok(300));
        }
        assert_eq!(near.noted_now()[100..], [200, 200]);
        assert_eq!(far.noted_now(), [300, 300]);

        // A fanout reaches each once, neighbours included.
        here.probe().fanout(&patient(), Nudge(400)).await.unwrap();
        there.probe().fanout(&patient(), Nudge(500)).await.unwrap();
        for (state, before) in [(&near, 102), (&far, 2)] {
            let mut noted = timeout(LIMIT, state.noted(before + 2)).await.unwrap()[before..].to_vec();
            noted.sort_unstable();
            assert_eq!(noted, [400, 500]);
        }
        far.open(1);
        assert_eq!(here.probe().at(far_at).call(&patient(), PassGate(600)).await, Ok(600));
        assert_eq!(here.probe().at(near_at).call(&patient(), PassGate(600)).await, Ok(600));
        assert_eq!((near.noted_now().len(), far.noted_now().len()), (105, 5), "nothing came twice");

        // What the neighbour has no room for goes to the other.
        let (begun_near, begun_far) = (near.begun(0).await.len(), far.begun(0).await.len());
        let calls: Vec<_> = (0..40)
            .map(|number| {
                let probe = there.probe();
                actix_rt::spawn(async move { probe.call(&patient(), PassGate(1000 + number)).await })
            })
            .collect();
        timeout(LIMIT, far.begun(begun_far + 1)).await.unwrap();
        timeout(LIMIT, near.begun(begun_near + 1)).await.unwrap();
        far.open(1000);
        for call in calls {
            let outcome = call.await.unwrap();
            assert!(outcome.is_ok() || outcome == Err(Fault::overloaded("probe")), "{outcome:?}");
        }

        // Without the broker neighbours go on; a fanout reaches at least them; nobody else is reached.
        broker.kill();
        until("the loss to be noticed", || async { !here.amqp.is_connected() }).await;
        assert_eq!(here.probe().call(&patient(), Echo("here".into())).await, Ok("here".into()));
        let noted = near.noted_now().len();
        here.probe().fanout(&patient(), Nudge(700)).await.unwrap();
        assert_eq!(near.noted(noted + 1).await.last(), Some(&700));
        let brief = Cx::system(Duration::from_secs(5));
        let lost = here.probe().at(far_at).call(&brief, Echo("there".into())).await.unwrap_err();
        assert!(!lost.maybe_done, "{lost}");

        // When a neighbour leaves, the others serve again.
        broker.start_again();
        drop(near_mount);
        until("the other to serve", || async {
            let brief = Cx::system(Duration::from_secs(5));
            here.probe().call(&brief, Echo("other".into())).await == Ok("other".into())
        })
        .await;
    });
}
