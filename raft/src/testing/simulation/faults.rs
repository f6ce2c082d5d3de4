//! What is broken in a simulation, and when.
//!
//! **Invariants**: each incident ends by itself. Never is more done to disks than crashes do to them: what was synced stays.
use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    dice::Dice,
    hosts::{Death, Hosts, peer},
    mutants::Mutant,
    net::Weather,
};
use crate::cluster::{Operated, Operation};

/// How far wall clocks jump, in seconds.
const JUMP: i64 = 3600;
/// How long an operation may take, until whoever wanted it gives up.
const PATIENCE: Duration = Duration::from_secs(8);

/// The one who breaks things.
#[derive(Debug)]
pub(super) struct Gremlin {
    pub(super) hosts: Arc<Hosts>,
    pub(super) dice: Dice,
    /// Places of the first members.
    pub(super) voters: usize,
}

/// What can be broken, and how often it is compared to the others.
const KINDS: [(Kind, usize); 15] = [
    (Kind::Kill, 3),
    (Kind::KillLeader, 2),
    (Kind::PowerCut, 3),
    (Kind::PowerCutOfMany, 2),
    (Kind::Isolation, 3),
    (Kind::OneWay, 3),
    (Kind::Split, 2),
    (Kind::Storm, 4),
    (Kind::SlowThenCut, 4),
    (Kind::SlowDisk, 2),
    (Kind::FullDisk, 2),
    (Kind::Contest, 5),
    (Kind::ClockJump, 2),
    (Kind::ClientDies, 2),
    (Kind::AllStop, 1),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Kill,
    KillLeader,
    PowerCut,
    PowerCutOfMany,
    Isolation,
    OneWay,
    Split,
    Storm,
    SlowThenCut,
    SlowDisk,
    FullDisk,
    Contest,
    ClockJump,
    ClientDies,
    AllStop,
}

impl Kind {
    fn any(dice: &mut Dice) -> Self {
        let mut at = dice.below(KINDS.iter().map(|(_, weight)| weight).sum());
        for (kind, weight) in KINDS {
            if at < weight {
                return kind;
            }
            at -= weight;
        }
        Self::Kill
    }
}

impl Gremlin {
    /// One incident.
    pub(super) async fn strike(mut self) {
        let one = self.dice.below(self.voters);
        let other = (one + 1 + self.dice.below(self.voters.saturating_sub(1).max(1))) % self.voters;
        match Kind::any(&mut self.dice) {
            Kind::Kill => self.down(one, Death::Process, 50..=2500).await,
            Kind::KillLeader => {
                let leader = self.leader().await;
                let death = if self.dice.percent(50) { Death::Process } else { self.power() };
                self.down(leader, death, 50..=2500).await;
            }
            Kind::PowerCut => {
                let death = self.power();
                self.down(one, death, 10..=2500).await;
            }
            Kind::PowerCutOfMany => self.many(false).await,
            Kind::AllStop => self.many(true).await,
            Kind::Isolation => {
                let place = if self.dice.percent(50) { self.leader().await } else { one };
                let others: Vec<_> = (0..self.hosts.all.len()).filter(|other| *other != place).collect();
                let pairs = others.iter().flat_map(|&other| [(place, other), (other, place)]).collect();
                self.cut(pairs, 200..=3500).await;
            }
            Kind::OneWay => self.cut(vec![(one, other)], 200..=3500).await,
            Kind::Split => {
                let side: Vec<bool> = self.hosts.all.iter().map(|_| self.dice.percent(50)).collect();
                let apart = |from: usize, to: usize| side.get(from) != side.get(to);
                let all = 0..side.len();
                let pairs = all.clone().flat_map(|from| all.clone().map(move |to| (from, to)));
                self.cut(pairs.filter(|(from, to)| apart(*from, *to)).collect(), 200..=3500).await;
            }
            Kind::Storm => self.storm().await,
            Kind::SlowThenCut => self.slow_then_cut().await,
            Kind::SlowDisk => self.slow_disk(one).await,
            Kind::FullDisk => self.full_disk(one).await,
            Kind::Contest => self.contest(one, other).await,
            Kind::ClockJump => self.jump(one).await,
            Kind::ClientDies => {
                let clients = self.hosts.all.iter().enumerate().filter(|(_, host)| !host.has_log());
                let clients: Vec<_> = clients.map(|(place, _)| place).collect();
                let client = self.dice.pick(&clients, one);
                self.down(client, Death::Process, 50..=2000).await;
            }
        }
    }

    async fn leader(&mut self) -> usize {
        let any = self.dice.below(self.voters);
        self.hosts.leader().await.unwrap_or(any)
    }

    fn power(&mut self) -> Death {
        Death::Power(if self.dice.percent(50) { 0 } else { self.dice.below(200) })
    }

    async fn down(&mut self, place: usize, death: Death, time: std::ops::RangeInclusive<u64>) {
        self.hosts.end(place, death).await;
        sleep(self.dice.millis(time)).await;
        self.hosts.start(place).await;
    }

    async fn many(&mut self, all: bool) {
        let mut down = Vec::new();
        for place in 0..self.voters {
            if all || self.dice.percent(60) {
                let death = self.power();
                self.hosts.end(place, death).await;
                down.push(place);
            }
        }
        sleep(self.dice.millis(10..=800)).await;
        for place in down {
            self.hosts.start(place).await;
            sleep(self.dice.millis(0..=50)).await;
        }
    }

    async fn cut(&mut self, pairs: Vec<(usize, usize)>, time: std::ops::RangeInclusive<u64>) {
        let (world, time) = (&self.hosts.world, self.dice.millis(time));
        world.trace.fault(format_args!("cut {pairs:?} for {time:?}"));
        for &(from, to) in &pairs {
            world.net.cut(from, to, true);
        }
        sleep(time).await;
        for &(from, to) in &pairs {
            world.net.cut(from, to, false);
        }
        world.trace.note("-- cut mended");
    }

    fn weather(&mut self) -> Weather {
        let loss = self.dice.below(30) as u32;
        let doubled = self.dice.below(25) as u32;
        let delay = self.dice.below(150) as u64;
        Weather { loss, doubled, delay }
    }

    async fn storm(&mut self) {
        let (weather, time) = (self.weather(), self.dice.millis(500..=3000));
        self.hosts.world.trace.fault(format_args!("{weather:?} for {time:?}"));
        self.hosts.world.net.set_weather(weather);
        sleep(time).await;
        self.hosts.world.net.set_weather(Weather { delay: 2, ..Weather::default() });
    }

    /// Answers come late, and then not at all.
    async fn slow_then_cut(&mut self) {
        let all = self.hosts.all.len();
        let leader = self.leader().await;
        let place = (leader + 1 + self.dice.below(all.saturating_sub(1).max(1))) % all;
        let slow = Weather { delay: self.dice.millis(100..=400).as_millis() as u64, ..Weather::default() };
        self.hosts.world.trace.fault(format_args!("answers to n{place} are slow: {slow:?}"));
        for from in (0..all).filter(|from| *from != place) {
            self.hosts.world.net.set_path(from, place, Some(slow));
        }
        sleep(self.dice.millis(400..=2500)).await;
        let pairs = (0..all).filter(|from| *from != place).flat_map(|other| [(other, place), (place, other)]);
        self.cut(pairs.collect(), 1000..=3000).await;
        for from in 0..all {
            self.hosts.world.net.set_path(from, place, None);
        }
    }

    async fn slow_disk(&mut self, place: usize) {
        let Some(disk) = self.hosts.all.get(place).and_then(|host| host.disk.clone()) else { return };
        let delay =
            if self.dice.percent(20) { self.dice.millis(300..=2000) } else { self.dice.millis(1..=60) };
        let time = self.dice.millis(300..=2000);
        self.hosts.world.trace.fault(format_args!("the disk of n{place} takes {delay:?} for {time:?}"));
        disk.set_delay(delay);
        sleep(time).await;
        disk.set_delay(Duration::ZERO);
    }

    async fn full_disk(&mut self, place: usize) {
        let Some(disk) = self.hosts.all.get(place).and_then(|host| host.disk.clone()) else { return };
        let (late, time) = (self.dice.percent(30), self.dice.millis(100..=2000));
        self.hosts.world.trace.fault(format_args!("the disk of n{place} is full for {time:?}, late {late}"));
        if late {
            disk.set_full_at_sync(true);
        } else {
            disk.set_full(true);
        }
        sleep(time).await;
        disk.set_full(false);
        disk.set_full_at_sync(false);
    }

    /// Several stand for election on a slow network, while a voter restarts that may have voted.
    async fn contest(&mut self, one: usize, other: usize) {
        let delay = self.dice.millis(10..=150).as_millis() as u64;
        let loss = self.dice.below(20) as u32;
        self.hosts.world.net.set_weather(Weather { loss, doubled: 10, delay });
        self.hosts.contest(one).await;
        sleep(self.dice.millis(0..=120)).await;
        if self.dice.percent(70) {
            self.hosts.contest(other).await;
            sleep(self.dice.millis(0..=100)).await;
        }
        let third = (0..self.voters).find(|place| *place != one && *place != other).unwrap_or(other);
        let victim = if self.dice.percent(70) { third } else { other };
        let death = self.power();
        self.down(victim, death, 1..=60).await;
        if self.dice.percent(50) {
            self.hosts.contest(if self.dice.percent(50) { one } else { other }).await;
        }
        sleep(self.dice.millis(100..=800)).await;
        self.hosts.world.net.set_weather(Weather { delay: 2, ..Weather::default() });
    }

    /// Somebody sets a wall clock, which must not matter to anybody.
    async fn jump(&mut self, place: usize) {
        let seconds = if self.dice.percent(70) { JUMP } else { -JUMP };
        let place = if self.dice.percent(60) { self.leader().await } else { place };
        let world = &self.hosts.world;
        world.trace.fault(format_args!("the wall clock of n{place} jumps by {seconds} s"));
        if world.mutant == Some(Mutant::WallClockExpiry)
            && let Some(node) = self.hosts.node(place).await
        {
            node.ledger.set_clock(seconds);
        }
    }

    /// Something that operators do.
    pub(super) async fn operate(mut self, spare: usize) {
        let at = self.dice.below(self.voters);
        match self.dice.below(5) {
            0 => {
                for _ in 0..2 {
                    let to = self.hosts.id(self.dice.below(self.voters)).await;
                    self.order(at, Operation::TransferLeader { to }).await;
                    sleep(self.dice.millis(50..=1000)).await;
                }
            }
            1 => {
                if let Some(Operated::Added(node)) =
                    self.order(at, Operation::Add { peer: peer(spare) }).await
                {
                    sleep(self.dice.millis(0..=500)).await;
                    self.order(at, Operation::Promote { node }).await;
                }
            }
            2 => {
                let victim = (at + 1) % self.voters;
                if let Some(Operated::Added(node)) =
                    self.order(at, Operation::Add { peer: peer(spare) }).await
                    && self.order(at, Operation::Promote { node }).await.is_some()
                    && let Some(node) = self.hosts.id(victim).await
                    && self.order(at, Operation::Remove { node }).await.is_some()
                {
                    self.hosts.retire(victim).await;
                }
            }
            3 => {
                let victim = (at + 1) % self.voters;
                let Some(dead) = self.hosts.id(victim).await else { return };
                self.hosts.end(victim, Death::Power(0)).await;
                let replaced = self.order(at, Operation::Replace { dead, peer: peer(spare) }).await;
                match replaced {
                    Some(_) => self.hosts.retire(victim).await,
                    None => self.hosts.start(victim).await,
                }
            }
            _ => {
                if let Some(Operated::Backup(backup)) = self.order(at, Operation::Backup).await {
                    sleep(self.dice.millis(0..=1000)).await;
                    self.order(at, Operation::Restore { backup, floor: None }).await;
                }
            }
        }
    }

    async fn order(&self, at: usize, operation: Operation) -> Option<Operated> {
        let done = tokio::time::timeout(PATIENCE, self.hosts.operate(at, operation)).await;
        done.ok()?.ok()
    }
}
