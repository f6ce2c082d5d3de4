//! Producers on a paused clock, their peers faked, the coordinator real.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use coordinator::command::Command;
use coordinator::machine::State;
use coordinator::{Applied, Client, CoordError, Index, Ledger, MemberId, Replica, SessionId, Solo};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::*;
use crate::actors::central::api::outbox::{ForgetNotifications, Notification, Priority, TakeNotifications};
use crate::actors::central::api::services::SweepServiceStatuses;
use crate::actors::central::api::zones::PurgeZones;
use crate::actors::worker::api::{RecoverShards, Recovered};
use crate::config::Config;
use crate::domain::shard::Shard;
use crate::domain::time::Timestamp;
use crate::health::Condition;
use crate::transport::fake::{Fake, Faked};
use crate::transport::{InProcess, run_paused};

/// First and last shard of each range.
type Ranges = Vec<(Shard, Shard)>;

/// Everything a producer talks to.
struct Around {
    transport: InProcess,
    coordinator: Arc<dyn Coordinator>,
    worker: Faked,
    central: Faked,
    /// The shards of each recovery, and who asked is not known: that is the point of shards.
    asked: Arc<Mutex<Vec<Ranges>>>,
    /// The names of the runs that purge.
    purges: Arc<Mutex<Vec<String>>>,
}

/// A log that a producer can be cut off from.
#[derive(Debug)]
struct Log {
    ledger: Ledger,
    last: Mutex<u64>,
    cut: AtomicBool,
}

impl Log {
    fn decide(&self, command: &Command) -> Applied {
        let mut last = self.last.lock();
        *last += 1;
        let index = Index(*last);
        Applied { index, reply: self.ledger.apply(index, command) }
    }
}

#[async_trait]
impl Replica for Log {
    async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
        if self.cut.load(Ordering::Relaxed) {
            return Err(CoordError::Unavailable { reason: "cut off".to_owned() });
        }
        Ok(self.decide(&command))
    }

    async fn catch_up(&self) -> Result<(), CoordError> {
        Ok(())
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

impl Around {
    async fn new() -> Self {
        let transport = InProcess::through_codec();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let worker = Fake::<Worker>::on(move |m: RecoverShards| {
            seen.lock().push(m.leases.iter().map(|held| (held.first, held.last)).collect());
            Ok(Recovered { zones: 0 })
        });
        let purges = Arc::new(Mutex::new(Vec::new()));
        let named = Arc::clone(&purges);
        let central = Fake::<Central>::on(move |m: PurgeZones| {
            named.lock().push(m.tick.as_str().to_owned());
            Ok(if m.leases.is_empty() { 1 } else { 0 })
        })
        .and(|_: SweepServiceStatuses| Ok(0));
        let worker = worker.mount(&transport).await.unwrap();
        let central = central.mount(&transport).await.unwrap();
        Self { transport, coordinator: Arc::new(Solo::ephemeral()), worker, central, asked, purges }
    }

    fn producer(&self, name: &str, stop: &CancellationToken) -> Running {
        let peers = Peers {
            central: self.transport.service_ref(),
            worker: self.transport.service_ref(),
            seat: Condition::alone("coordinator"),
            clock: Clock::following_tokio(Timestamp::from_micros(1_800_000_000_000_000)),
            emission: None,
        };
        let me = Member::new(MemberId::new(name).unwrap(), "here");
        let coordinator = Arc::clone(&self.coordinator);
        let config = Config::default().producer;
        ProducerService::start(coordinator, me, &peers, &config, stop, &Runtime::current())
    }

    /// Waits until the latest recoveries satisfy `wanted`.
    async fn recovered(&self, wanted: impl Fn(&[Vec<(Shard, Shard)>]) -> bool) {
        let seen = self.worker.count::<RecoverShards>();
        for more in 1.. {
            if wanted(&self.asked.lock()) {
                return;
            }
            self.worker.answered::<RecoverShards>(seen + more).await;
        }
    }
}

fn shards(ranges: &[(Shard, Shard)]) -> usize {
    ranges.iter().map(|(first, last)| usize::from(last.number() - first.number()) + 1).sum()
}

#[test]
fn a_lone_producer_works_on_every_shard_as_soon_as_it_is_seated() {
    run_paused(async {
        let around = Around::new().await;
        let started = Instant::now();
        let running = around.producer("a", &CancellationToken::new());
        around.recovered(|asked| asked.iter().any(|ranges| shards(ranges) == 4096)).await;
        around.central.answered::<PurgeZones>(1).await;
        around.central.answered::<SweepServiceStatuses>(2).await;
        assert!(started.elapsed() < Duration::from_secs(1), "no task waits for its tick to begin");
        drop(running);
    });
}

#[test]
fn two_producers_share_the_shards_and_the_survivor_takes_them_over() {
    run_paused(async {
        let around = Around::new().await;
        let (first_stop, second_stop) = (CancellationToken::new(), CancellationToken::new());
        let first = around.producer("a", &first_stop);
        around.recovered(|asked| asked.iter().any(|ranges| shards(ranges) == 4096)).await;
        let second = around.producer("b", &second_stop);
        around.recovered(|asked| asked.iter().filter(|ranges| shards(ranges) == 2048).count() >= 2).await;
        first_stop.cancel();
        first.seat.await.unwrap();
        around.asked.lock().clear();
        around.recovered(|asked| asked.iter().any(|ranges| shards(ranges) == 4096)).await;
        drop(second);
    });
}

#[test]
fn a_stopped_producer_gives_its_seat_up() {
    run_paused(async {
        let around = Around::new().await;
        let stop = CancellationToken::new();
        let running = around.producer("a", &stop);
        around.recovered(|asked| !asked.is_empty()).await;
        stop.cancel();
        running.seat.await.unwrap();
        let group = Group::sharded(GroupName::literal("producer"), Shard::COUNT);
        assert!(around.coordinator.read(&group).await.unwrap().view.members.is_empty());
    });
}

#[test]
fn a_task_runs_when_it_is_asked_for_and_an_unknown_one_is_refused() {
    run_paused(async {
        let around = Around::new().await;
        let running = around.producer("a", &CancellationToken::new());
        around.central.answered::<PurgeZones>(1).await;
        let (cx, before) = (Cx::system(Duration::from_secs(5)), Instant::now());
        running.service.handle(&cx, RunTask { task: "zone_purge".into() }).await.unwrap();
        around.central.answered::<PurgeZones>(2).await;
        assert!(before.elapsed() < Duration::from_secs(1));
        let fault = running.service.handle(&cx, RunTask { task: "increment".into() }).await.unwrap_err();
        assert_eq!(fault.kind, "task_not_found");
    });
}

#[test]
fn a_lost_lease_stops_the_work_until_there_is_a_new_session_with_newer_tokens() {
    run_paused(async {
        let mut around = Around::new().await;
        let log = Arc::new(Log {
            ledger: Ledger::new(State::default()),
            last: Mutex::default(),
            cut: AtomicBool::new(false),
        });
        around.coordinator = Arc::new(Client::new(log.clone()));
        let running = around.producer("a", &CancellationToken::new());
        let whole = |asked: &[Ranges]| asked.iter().any(|ranges| shards(ranges) == 4096);
        around.recovered(whole).await;
        let group = GroupName::literal("producer");
        let seat = |log: &Log| log.ledger.look(|state| state.view(&group)).members.first().map(|m| m.session);
        let token = |log: &Log| log.ledger.look(|state| state.view(&group)).spans.first().map(|s| s.token);
        let (first, first_token) = (seat(&log), token(&log));
        let session = |running: &Running| running.service.stats().get("session").cloned();
        assert_eq!(session(&running), first.map(|session: SessionId| session.to_string()));

        // Renewals are not answered: within its ttl it stops, before anybody else can have the shards.
        log.cut.store(true, Ordering::Relaxed);
        let cut = Instant::now();
        while session(&running).is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(cut.elapsed() < Member::new(MemberId::literal("a"), "here").ttl, "{:?}", cut.elapsed());
        let before = around.worker.count::<RecoverShards>();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(around.worker.count::<RecoverShards>(), before, "work without a lease");

        // The cluster has expired it meanwhile; it comes back by itself, as another.
        log.decide(&Command::Close { session: first.unwrap() });
        around.asked.lock().clear();
        log.cut.store(false, Ordering::Relaxed);
        around.recovered(whole).await;
        assert!(seat(&log).is_some() && seat(&log) != first);
        assert_eq!(session(&running), seat(&log).map(|session| session.to_string()));
        assert!(token(&log) > first_token);
    });
}

#[test]
fn a_run_of_another_life_is_not_taken_for_the_same() {
    run_paused(async {
        // A coordinator that forgets begins with the same tokens and epochs again.
        let mut runs = Vec::new();
        for _ in 0..2 {
            let around = Around::new().await;
            let running = around.producer("a", &CancellationToken::new());
            around.central.answered::<PurgeZones>(1).await;
            runs.push(around.purges.lock().first().cloned().unwrap());
            drop(running);
        }
        assert_ne!(runs[0], runs[1]);
    });
}

/// What waits in a central's outbox, and the newest token that it was shown.
#[derive(Debug, Default)]
struct Waiting {
    ids: BTreeSet<i64>,
    token: u64,
}

impl Waiting {
    fn claim(&mut self, token: u64) -> Result<(), Fault> {
        if token < self.token {
            return Err(Fault::conflict("fenced", "a newer holder is at work"));
        }
        self.token = token;
        Ok(())
    }
}

/// Takes its time, and remembers everything that it sent.
#[derive(Debug, Default)]
struct Slow(Mutex<Vec<i64>>);

#[async_trait]
impl Outlet for Slow {
    async fn send(&self, notifications: Vec<Notification>) -> (Vec<i64>, Option<String>) {
        let ids: Vec<i64> = notifications.iter().map(|notification| notification.id).collect();
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.0.lock().extend(&ids);
        (ids, None)
    }
}

#[test]
fn notifications_are_sent_once_while_producers_come_and_go_in_order() {
    run_paused(async {
        let transport = InProcess::through_codec();
        let (waiting, sent) = (Arc::new(Mutex::new(Waiting::default())), Arc::new(Slow::default()));
        let (taken, forgotten) = (Arc::clone(&waiting), Arc::clone(&waiting));
        let worker = Fake::<Worker>::on(|_: RecoverShards| Ok(Recovered { zones: 0 }));
        let central = Fake::<Central>::on(|_: PurgeZones| Ok(0))
            .and(|_: SweepServiceStatuses| Ok(0))
            .and(move |m: TakeNotifications| {
                let mut waiting = taken.lock();
                waiting.claim(m.token)?;
                let limit = usize::try_from(m.limit).unwrap();
                let notification = |id: &i64| Notification {
                    id: *id,
                    zone: None,
                    priority: Priority::Info,
                    body: "{}".into(),
                };
                Ok(waiting.ids.iter().take(limit).map(notification).collect())
            })
            .and(move |m: ForgetNotifications| {
                let mut waiting = forgotten.lock();
                waiting.claim(m.token)?;
                Ok(m.ids.iter().filter(|id| waiting.ids.remove(id)).count() as u64)
            });
        let _peers = (worker.mount(&transport).await.unwrap(), central.mount(&transport).await.unwrap());
        let coordinator: Arc<dyn Coordinator> = Arc::new(Solo::ephemeral());
        let producer = |name: &str, stop: &CancellationToken| {
            let emission = Emission {
                outlet: Arc::clone(&sent) as Arc<dyn Outlet>,
                interval: Duration::from_millis(100),
                batch_size: 7,
            };
            let peers = Peers {
                central: transport.service_ref(),
                worker: transport.service_ref(),
                seat: Condition::alone("coordinator"),
                clock: Clock::following_tokio(Timestamp::from_micros(1_800_000_000_000_000)),
                emission: Some(emission),
            };
            let me = Member::new(MemberId::new(name).unwrap(), "here");
            let config = Config::default().producer;
            ProducerService::start(Arc::clone(&coordinator), me, &peers, &config, stop, &Runtime::current())
        };
        let all_sent = |count: i64| {
            let waiting = Arc::clone(&waiting);
            let first = sent.0.lock().len() as i64;
            waiting.lock().ids.extend(first..count);
            async move {
                while !waiting.lock().ids.is_empty() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        let (stop_a, stop_b) = (CancellationToken::new(), CancellationToken::new());
        let a = producer("a", &stop_a);
        all_sent(100).await;
        // Another one comes while the first is at work.
        let coming = all_sent(400);
        let b = producer("b", &stop_b);
        coming.await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        all_sent(600).await;
        // The first goes; whoever is left has the first shard.
        stop_a.cancel();
        a.seat.await.unwrap();
        all_sent(800).await;
        let mut ids = sent.0.lock().clone();
        ids.sort_unstable();
        assert_eq!(ids, (0..800).collect::<Vec<_>>());
        drop(b);
    });
}
