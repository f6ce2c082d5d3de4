//! What a call between two services costs, typed and through the wire codec.
//!
//! `cargo run --release --example bench_transport` prints, for several numbers of callers at a time, calls per second and
//! the mean time of a call; beside it the same ping-pong over a bare channel, which is the least that crossing a task costs.

use std::sync::Arc;
use std::time::Duration;

use ordain::transport::{
    Cx, Fault, Handle, Host, HostConfig, InProcess, Place, QueueLimits, RetryPolicy, Service, ServiceRef,
    Transport,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Gives back what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Echoing;

impl Service for Echoing {
    const NAME: &'static str = "echoing";
}

ordain::rpcs! { Echoing;
    "echo" Echo => Echo, repeatable;
}

/// About as much as a recordset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Echo {
    name: String,
    records: Vec<String>,
    ttl: Option<u32>,
}

fn message() -> Echo {
    Echo {
        name: "www.example.org.".into(),
        records: (0..4).map(|n| format!("192.0.2.{n}")).collect(),
        ttl: Some(3600),
    }
}

#[derive(Debug)]
struct State;

impl Handle<Echo> for State {
    async fn handle(&self, _: &Cx, message: Echo) -> Result<Echo, Fault> {
        Ok(message)
    }
}

/// Runs `callers` loops at a time for a second and prints how often `ping` came back.
async fn measure<F, P>(label: &str, callers: usize, ping: P)
where
    F: Future<Output = ()> + Send,
    P: Fn() -> F + Clone + Send + 'static,
{
    const SPAN: Duration = Duration::from_secs(1);
    let start = Instant::now();
    let loops = (0..callers).map(|_| {
        let ping = ping.clone();
        tokio::spawn(async move {
            let mut count = 0_u64;
            while start.elapsed() < SPAN {
                ping().await;
                count += 1;
            }
            count
        })
    });
    let counts = futures::future::join_all(loops).await;
    let calls: u64 = counts.into_iter().filter_map(Result::ok).sum();
    let taken = start.elapsed().as_secs_f64();
    println!(
        "{label:<24} {callers:>4} at a time {:>9.0} calls/s {:>8.1} µs a call",
        calls as f64 / taken,
        taken * 1e6 * callers as f64 / calls.max(1) as f64,
    );
}

async fn transport(label: &str, transport: InProcess) -> anyhow::Result<()> {
    let queue = QueueLimits { capacity: 1024, patience: Duration::from_secs(2) };
    let config = HostConfig { queue, ..HostConfig::default() };
    let inbox = Host::start(Arc::new(State), routes(), config, &Place::current()?);
    let _serving = transport.serve(Echoing::endpoint(), inbox).await?;
    for callers in [1, 16, 256] {
        let echoing: ServiceRef<Echoing> = transport.service_ref().retrying(RetryPolicy::NEVER);
        measure(label, callers, move || {
            let echoing = echoing.clone();
            async move {
                let reply = echoing.call(&Cx::system(Duration::from_secs(10)), message()).await;
                assert!(reply.is_ok(), "{reply:?}");
            }
        })
        .await;
    }
    Ok(())
}

async fn channel() {
    let (to, mut inbox) = mpsc::channel::<(Echo, oneshot::Sender<Echo>)>(1024);
    tokio::spawn(async move {
        while let Some((message, reply)) = inbox.recv().await {
            drop(reply.send(message));
        }
    });
    for callers in [1, 16, 256] {
        let to = to.clone();
        measure("bare channel", callers, move || {
            let to = to.clone();
            async move {
                let (reply, answer) = oneshot::channel();
                drop(to.send((message(), reply)).await);
                drop(answer.await);
            }
        })
        .await;
    }
}

fn main() -> anyhow::Result<()> {
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Runtime::new().unwrap_or_else(|error| {
            eprintln!("no runtime: {error}");
            std::process::exit(1)
        })
    });
    system.block_on(async {
        channel().await;
        transport("typed", InProcess::typed()).await?;
        transport("through the codec", InProcess::through_codec()).await
    })
}
