//! What a call between two services costs over a broker, beside a bare ping-pong with the same acknowledgements.
//!
//! `cargo run --release --example bench_amqp -- amqp://127.0.0.1:5672/%2f` prints, for several numbers of callers at a
//! time, calls per second and the mean time of a call, of the transport and of the client library alone: direct reply-to,
//! publisher confirms, mandatory, acknowledged after the answer was sent. Both take turns, a second each, so that the machine treats
//! them alike; what is printed is the median. Without a broker's URL there is nothing to measure. `ours` or `bare` and numbers
//! of callers after it leave the rest out, for whoever wants to see what one of them does.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use ordain::config::{AmqpConfig, BrokerUrl, Config};
use ordain::transport::{
    Amqp, Cx, Fault, Handle, Host, HostConfig, Place, QueueLimits, RetryPolicy, Service, ServiceRef,
    Transport,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::Instant;

const PERMITS: usize = 64;
const ROUNDS: usize = 9;

/// Gives back what it is given.
#[derive(Debug, Clone, Copy)]
pub struct Echoing;

impl Service for Echoing {
    const NAME: &'static str = "echoing";
}

ordain::rpcs! { Echoing;
    "echo" Echo => Echo, repeatable;
}

/// As long as a recordset.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Echo(String);

#[derive(Debug)]
struct State;

impl Handle<Echo> for State {
    async fn handle(&self, _: &Cx, message: Echo) -> Result<Echo, Fault> {
        Ok(message)
    }
}

fn body() -> String {
    "x".repeat(200)
}

/// Calls per second of `callers` loops at a time.
async fn measure<F>(callers: usize, ping: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
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
    counts.into_iter().filter_map(Result::ok).sum::<u64>() as f64 / start.elapsed().as_secs_f64()
}

/// The client library alone.
struct Bare {
    channel: Channel,
    queue: ShortString,
    waiting: Mutex<HashMap<u64, oneshot::Sender<()>>>,
    last: AtomicU64,
}

impl Bare {
    async fn start(url: &str) -> anyhow::Result<(Arc<Self>, [Connection; 2])> {
        let queue = ShortString::from("bare-echo");
        let serving = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = serving.create_channel().await?;
        channel.basic_qos(u16::try_from(PERMITS)?, BasicQosOptions::default()).await?;
        let passing = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.clone(), passing, FieldTable::default()).await?;
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let mut requests = channel.basic_consume(queue.clone(), "".into(), options, none).await?;
        tokio::spawn(async move {
            while let Some(Ok(request)) = requests.next().await {
                let channel = channel.clone();
                tokio::spawn(async move {
                    let to = request.properties.reply_to().clone().unwrap_or_default();
                    let number = request.properties.correlation_id().clone().unwrap_or_default();
                    let properties = BasicProperties::default().with_correlation_id(number);
                    let options = BasicPublishOptions::default();
                    let _ = channel.basic_publish("".into(), to, options, &request.data, properties).await;
                    request.acker.ack(BasicAckOptions::default()).await
                });
            }
        });

        let calling = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = calling.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let unacknowledged = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let mut answers = channel
            .basic_consume("amq.rabbitmq.reply-to".into(), "".into(), unacknowledged, FieldTable::default())
            .await?;
        let bare = Arc::new(Self { channel, queue, waiting: Mutex::default(), last: AtomicU64::new(0) });
        let told = Arc::clone(&bare);
        tokio::spawn(async move {
            while let Some(Ok(answer)) = answers.next().await {
                let number =
                    answer.properties.correlation_id().as_ref().and_then(|n| n.as_str().parse().ok());
                if let Some(waiter) = number.and_then(|number: u64| told.waiting.lock().remove(&number)) {
                    let _ = waiter.send(());
                }
            }
        });
        Ok((bare, [serving, calling]))
    }

    async fn call(&self) {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let (tell, answer) = oneshot::channel();
        self.waiting.lock().insert(number, tell);
        let properties = BasicProperties::default()
            .with_reply_to("amq.rabbitmq.reply-to".into())
            .with_correlation_id(number.to_string().into());
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let frame = vec![b'x'; 330];
        let publishing =
            self.channel.basic_publish("".into(), self.queue.clone(), options, &frame, properties);
        if let Ok(confirm) = publishing.await {
            let _ = confirm.await;
        }
        let _ = answer.await;
    }
}

async fn compare(url: &str, only: Option<&str>, callers: &[usize]) -> anyhow::Result<()> {
    let config = AmqpConfig {
        urls: vec![BrokerUrl::parse(url).context("this is no broker's URL")?],
        exchange_prefix: String::from("bench"),
        ..Config::default().transport.amqp
    };
    // As two processes would: one connection that serves, one that calls.
    let (serving, calling) = (Amqp::start(config.clone()).await?, Amqp::start(config).await?);
    for amqp in [&serving, &calling] {
        amqp.ready(Duration::from_secs(10)).await?;
    }
    let queue = QueueLimits { capacity: 1024, patience: Duration::from_secs(10) };
    let host = HostConfig { permits: PERMITS, queue, ..HostConfig::default() };
    let inbox = Host::start(Arc::new(State), routes(), host, &Place::current()?);
    let _mounted = serving.serve(Echoing::endpoint(), inbox).await?;
    let echoing: ServiceRef<Echoing> =
        ServiceRef::new(Arc::new(calling) as Arc<dyn Transport>).retrying(RetryPolicy::NEVER);
    let (bare, _connections) = Bare::start(url).await?;

    for callers in callers.iter().copied() {
        let (mut of_transport, mut of_library) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let library = Arc::clone(&bare);
            let ping = move || {
                let library = Arc::clone(&library);
                async move { library.call().await }
            };
            if only != Some("ours") {
                of_library.push(measure(callers, ping).await);
            }
            if only == Some("bare") {
                continue;
            }
            let echoing = echoing.clone();
            let ping = move || {
                let echoing = echoing.clone();
                async move {
                    let reply = echoing.call(&Cx::system(Duration::from_secs(10)), Echo(body())).await;
                    assert!(reply.is_ok(), "{reply:?}");
                }
            };
            of_transport.push(measure(callers, ping).await);
        }
        let median = |mut rates: Vec<f64>| {
            rates.sort_by(f64::total_cmp);
            rates.get(rates.len() / 2).copied().unwrap_or_default()
        };
        let (transport, library) = (median(of_transport), median(of_library));
        println!(
            "{callers:>4} at a time: transport {transport:>7.0} calls/s ({:>6.0} µs a call), bare {library:>7.0}, {:>4.0} %",
            1e6 * callers as f64 / transport,
            100.0 * transport / library,
        );
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((url, rest)) = arguments.split_first() else {
        println!("usage: bench_amqp BROKER_URL [ours|bare] [CALLERS...]");
        return Ok(());
    };
    let only = rest.first().map(String::as_str).filter(|word| ["ours", "bare"].contains(word));
    let mut callers: Vec<usize> = rest.iter().filter_map(|word| word.parse().ok()).collect();
    if callers.is_empty() {
        callers = vec![1, 16, 256];
    }
    let system = actix_rt::System::with_tokio_rt(|| {
        tokio::runtime::Runtime::new().unwrap_or_else(|error| {
            eprintln!("no runtime: {error}");
            std::process::exit(1)
        })
    });
    system.block_on(compare(url, only, &callers))
}
