//! A whole cluster, its clients and everything that may happen to them, played through from one seed.
//!
//! Nodes, clients without a log, their disks, network and clocks run in one thread on a paused clock. While clients take locks,
//! sit in a group and write to a database, processes die, machines lose power, links are cut or lose, delay, double and reorder
//! messages, disks are slow or full, elections are contested, members change, clocks run as differently as they may. Then
//! all is repaired and has to work again within bounds. What must hold is checked all the time ([`Report::violations`]).
//!
//! **Invariants**: a seed always goes the same way ([`Report::hash`]). Everything is judged from outside, by what nodes apply and
//! clients are told.
mod actors;
mod beliefs;
mod database;
mod dice;
mod ending;
mod faults;
mod hosts;
mod mutants;
mod net;
mod trace;
mod truth;
mod world;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};

pub use self::mutants::Mutant;
use self::{
    actors::Role,
    dice::Dice,
    faults::Gremlin,
    hosts::{Host, Hosts, peer},
    net::Weather,
    world::World,
};
use crate::{
    Group, GroupName, LockName,
    chance::seeded,
    cluster::{Operated, Operation, Timing},
};

/// Milliseconds that a clock shows in a second. Two of them differ by no more than what leases allow for.
const RATES: RangeInclusive<u32> = 975..=1025;
const SHARDS: u16 = 12;
const GROUP: Group = Group::sharded(GroupName::literal("group"), SHARDS);
const LOCKS: [LockName; 2] = [LockName::literal("a"), LockName::literal("b")];
const TTLS: [Duration; 3] =
    [Duration::from_millis(600), Duration::from_millis(1000), Duration::from_millis(1500)];
/// How long things are broken, roughly.
const CHAOS: RangeInclusive<u64> = 200..=6500;

/// What came of one schedule.
#[derive(Debug, Clone)]
pub struct Report {
    /// What it follows from.
    pub seed: u64,
    /// Over everything that happened, messages included.
    pub hash: u32,
    /// What happened and must not; each begins with the property (S1–S11, L1–L8) that it goes against.
    pub violations: Vec<String>,
    /// What happened, in order.
    pub trace: Vec<String>,
    /// What clients did.
    pub operations: usize,
    /// What was broken.
    pub faults: usize,
    /// Messages that arrived.
    pub messages: u64,
    /// How long it took, by the simulated clock.
    pub elapsed: Duration,
}

/// Plays the schedule of a seed, as the product is or with a defect. To be called outside of any runtime.
///
/// # Panics
/// If no runtime can be made.
#[must_use]
pub fn simulate(seed: u64, mutant: Option<Mutant>) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    seeded::seed(Some(seed));
    let report = runtime.block_on(play(seed, mutant));
    drop(runtime);
    seeded::seed(None);
    report
}

async fn play(seed: u64, mutant: Option<Mutant>) -> Report {
    let mut dice = Dice::new(seed);
    let world = Arc::new(World::new(seed, mutant));
    let (hosts, voters) = build(&world, &mut dice);
    found(&hosts, voters).await;
    chaos(&hosts, voters, &mut dice).await;
    hosts.heal().await;
    ending::end(&hosts).await;
    let report = report(seed, &world);
    world.net.abandon();
    report
}

/// Machines: voters, one more that belongs to nobody yet, clients without a log.
fn build(world: &Arc<World>, dice: &mut Dice) -> (Arc<Hosts>, usize) {
    let voters = if dice.percent(85) { 3 } else { 5 };
    let snapshot_after = dice.below(60) + 15;
    let timing = Timing { snapshot_after, keep: dice.below(20) as u64 + 1, ..Timing::default() };
    let mut all: Vec<Host> = Vec::new();
    for place in 0..voters {
        let mut roles = vec![if place % 2 == 0 { Role::Member } else { Role::Locker }];
        if dice.percent(30) {
            roles.push(Role::Reader);
        }
        all.push(Host::node(place, roles, &timing, dice));
    }
    all.push(Host::node(voters, Vec::new(), &timing, dice));
    let ask: Vec<_> = (0..=voters).map(peer).collect();
    for place in voters + 1..voters + 3 {
        all.push(Host::client(place, vec![Role::Locker, Role::Member, Role::Reader], ask.clone(), dice));
    }
    (Arc::new(Hosts { world: world.clone(), all }), voters)
}

/// Starts everything and makes a cluster of the voters.
async fn found(hosts: &Arc<Hosts>, voters: usize) {
    hosts.world.net.set_weather(Weather { delay: 2, ..Weather::default() });
    for place in 0..hosts.all.len() {
        hosts.start(place).await;
    }
    let peers = (1..voters).map(peer).collect();
    let made = hosts.operate(0, Operation::Init { peers }).await;
    if !matches!(made, Ok(Operated::Initialized(_))) {
        hosts.world.trace.wrong("L1", format_args!("no cluster could be made: {made:?}"));
    }
}

/// Breaks things for a while.
async fn chaos(hosts: &Arc<Hosts>, voters: usize, dice: &mut Dice) {
    let mut incidents = JoinSet::new();
    for _ in 0..3 + dice.below(5) {
        let (at, dice) = (dice.millis(CHAOS), dice.fork());
        let gremlin = Gremlin { hosts: hosts.clone(), dice, voters };
        incidents.spawn(async move {
            sleep(at).await;
            gremlin.strike().await;
        });
    }
    if dice.percent(30) {
        let (at, dice) = (dice.millis(CHAOS), dice.fork());
        let gremlin = Gremlin { hosts: hosts.clone(), dice, voters };
        incidents.spawn(async move {
            sleep(at).await;
            gremlin.operate(voters).await;
        });
    }
    incidents.join_all().await;
}

fn report(seed: u64, world: &World) -> Report {
    let elapsed = world.trace.elapsed();
    let (operations, faults) = world.trace.counts();
    let mut content = world.trace.content();
    let lines = std::mem::take(&mut content.lines);
    Report {
        seed,
        hash: content.hasher.clone().finalize(),
        violations: content.violations.clone(),
        trace: lines.into_iter().map(|(at, line)| format!("{:>9.3} {line}", at.as_secs_f64())).collect(),
        operations,
        faults,
        messages: content.messages,
        elapsed,
    }
}
