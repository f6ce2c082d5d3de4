//! The load, the same for every system, and the figures it makes.
//!
//! **Invariants**: a shared lock is checked to have one holder at a time, and a change of a group counts when another connection
//! has seen it. Every wait is bounded.
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::system::{Client, System};

/// Longest wait for anything.
pub const WAIT: Duration = Duration::from_secs(60);
/// Connections that the clients share.
const CONNECTIONS: usize = 4;
/// Load before anything counts.
const WARM_UP: Duration = Duration::from_secs(1);
/// Members that join and leave, one after the other.
const MEMBERS: usize = 300;

/// Rows of the table: what, and how much.
pub struct Figures(pub Vec<(String, String)>);

impl Figures {
    fn add(&mut self, what: impl Into<String>, figure: String) {
        let what = what.into();
        eprintln!("  {what}: {figure}");
        self.0.push((what, figure));
    }

    fn add_times(&mut self, what: &str, mut times: Vec<Duration>, over: Duration) {
        times.sort_unstable();
        let rate = times.len() as f64 / over.as_secs_f64();
        let at = |percent: usize| {
            let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
            times.get(place).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        self.add(format!("{what}, a second"), format!("{rate:.0}"));
        self.add(format!("… p50 / p99, ms"), format!("{:.1} / {:.1}", at(50), at(99)));
    }
}

/// Waits, but not for ever.
pub async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(WAIT, work).await.unwrap_or_else(|_| panic!("{what}: not within {WAIT:?}"))
}

pub async fn measure(system: &mut dyn System, run: Duration, goes: usize) -> Figures {
    let mut figures = Figures(Vec::new());
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(system.client().await);
    }
    let fresh = memory(system);
    locks(&clients, 16, false, WARM_UP).await;
    for (what, count, shared) in [
        ("acquire and release, 1 client", 1, false),
        ("acquire and release, 64 clients, each its own lock", 64, false),
        ("acquire and release, 64 clients, one lock", 64, true),
    ] {
        let (times, over) = locks(&clients, count, shared, run).await;
        figures.add_times(what, times, over);
    }
    let (times, over) = members(&clients).await;
    figures.add_times("join or leave until another connection sees it", times, over);
    let loaded = memory(system);
    drop(clients);
    let times = fail_over(system, goes).await;
    let mut sorted = times.clone();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let all: Vec<String> = times.iter().map(|time| time.as_millis().to_string()).collect();
    figures.add(
        "kill -9 of the leader until the next grant, median (each), ms",
        format!("{} ({})", median.as_millis(), all.join(", ")),
    );
    figures.add("resident memory of the three, fresh, MiB", format!("{fresh:.0}"));
    figures.add("… after that load, MiB", format!("{loaded:.0}"));
    figures
}

fn memory(system: &mut dyn System) -> f64 {
    system.processes().iter().map(|process| process.memory()).sum()
}

async fn locks(
    clients: &[Arc<dyn Client>],
    count: usize,
    shared: bool,
    run: Duration,
) -> (Vec<Duration>, Duration) {
    let since = Instant::now();
    // Who is inside: 0 is nobody.
    let inside = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..count)
        .map(|who| {
            let client = clients[who % clients.len()].clone();
            let inside = inside.clone();
            tokio::spawn(async move {
                let (lock, me) =
                    (if shared { "shared".to_owned() } else { format!("own-{who}") }, who as u64 + 1);
                let mut times = Vec::new();
                while since.elapsed() < run {
                    let begun = Instant::now();
                    let held = if shared {
                        let held = within("the shared lock", client.queue(&lock, who)).await;
                        assert_eq!(inside.swap(me, Ordering::SeqCst), 0, "two hold one lock");
                        tokio::task::yield_now().await;
                        assert_eq!(inside.swap(0, Ordering::SeqCst), me, "two hold one lock");
                        held
                    } else {
                        within("a lock", client.acquire(&lock, who)).await
                    };
                    within("a release", client.give(held)).await;
                    times.push(begun.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("no client fails"));
    }
    (times, since.elapsed())
}

async fn members(clients: &[Arc<dyn Client>]) -> (Vec<Duration>, Duration) {
    let group = "members";
    let mut watch = clients[1].watch(group).await;
    let mut times = Vec::new();
    let since = Instant::now();
    for n in 0..MEMBERS {
        let member = format!("member-{n}");
        let begun = Instant::now();
        let (seat, ()) = tokio::join!(clients[0].join(group, &member), seen(&mut watch, 1));
        times.push(begun.elapsed());
        let begun = Instant::now();
        tokio::join!(clients[0].give(seat), seen(&mut watch, 0));
        times.push(begun.elapsed());
    }
    (times, since.elapsed())
}

async fn seen(watch: &mut tokio::sync::watch::Receiver<usize>, count: usize) {
    drop(within("a change of the group", watch.wait_for(|now| *now == count)).await.expect("a watch"));
}

/// Kills the leader and takes a lock that is free.
async fn fail_over(system: &mut dyn System, goes: usize) -> Vec<Duration> {
    let mut times = Vec::new();
    for go in 0..goes {
        system.whole().await;
        let mut standby = system.standby().await;
        let leader = system.leader().await;
        let begun = Instant::now();
        system.processes()[leader].kill();
        within("a grant", standby.first_grant(&format!("after-{go}"))).await;
        times.push(begun.elapsed());
        system.processes()[leader].start_again();
    }
    system.whole().await;
    times
}
