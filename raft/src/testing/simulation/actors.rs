//! Those who use the coordinator: they take locks, sit in a group, read, and write to the database.
//!
//! **Invariants**: an actor does what its documentation asks of a holder, and no more: it begins a write only while it is safe,
//! under its token, and stops when asked. A write that was begun may arrive much later.
use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, sleep_until};

use super::{GROUP, LOCKS, TTLS, dice::Dice, mutants::Mutant, truth::short, world::World};
use crate::{
    Client, CoordError, Coordinator as _, Epoch, Lease, LockName, Member, MemberId, Membership, Terms, Token,
    testing::linear::Step,
};

/// What an actor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Takes locks.
    Locker,
    /// Sits in the group.
    Member,
    /// Looks at both.
    Reader,
}

/// Somebody in a process.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) world: Arc<World>,
    pub(super) place: usize,
    pub(super) client: Arc<Client>,
    pub(super) dice: Dice,
}

/// What is over, with or without its holder's doing, as soon as this is dropped.
struct Over<'a> {
    world: &'a World,
    /// If it may have been over before it was heard of: since when.
    since: Option<u64>,
    step: Option<Step>,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if let Some(step) = self.step.take() {
            let since = self.since.unwrap_or_else(|| self.world.history.begin(None));
            self.world.history.perhaps(since, step);
        }
    }
}

impl Actor {
    /// Acts until the process ends, or the simulation.
    pub(super) async fn act(mut self, role: Role) {
        while !self.world.is_closing() || role == Role::Member {
            match role {
                Role::Locker => self.lock().await,
                Role::Member => self.sit().await,
                Role::Reader => self.look().await,
            }
        }
    }

    async fn lock(&mut self) {
        sleep(self.dice.millis(5..=250)).await;
        let lock = self.dice.pick(&LOCKS, LockName::literal("x"));
        let wait = if self.dice.percent(50) { Duration::ZERO } else { self.dice.millis(100..=1500) };
        let terms = Terms::waiting(wait).with_ttl(self.dice.pick(&TTLS, Duration::from_secs(1)));
        let world = self.world.clone();
        let begun = world.history.begin(Step::Take { lock: lock.clone(), token: None });
        let place = self.place;
        world.trace.operation(format_args!("n{place} wants {lock} for {wait:?}"));
        match self.client.acquire(&lock, terms).await {
            Ok(lease) => {
                let (session, token) = (lease.session(), lease.token());
                world.history.end(begun, Step::Take { lock: lock.clone(), token: Some(token) });
                world.trace.operation(format_args!("n{place} has {lock} {token} as {}", short(session)));
                world.was_granted(&lock, session, token);
                self.hold(&world, lease, begun).await;
            }
            Err(CoordError::NotGranted { .. }) if wait.is_zero() => {
                world.history.end(begun, Step::Busy { lock });
            }
            Err(CoordError::Refused { .. }) => world.history.forget(begun),
            Err(error) => world.trace.note(format_args!("n{place} does not get {lock}: {error}")),
        }
    }

    async fn hold(&mut self, world: &World, lease: Lease, begun: u64) {
        let (lock, token) = (lease.lock().clone(), lease.token());
        let lease = Arc::new(lease);
        world.beliefs.add_lease(self.place, &lease);
        let step = Step::GiveBack { lock: lock.clone(), token };
        let since = (!lease.is_safe(Instant::now())).then_some(begun);
        let mut over = Over { world, since, step: Some(step.clone()) };
        let until = Instant::now() + self.dice.millis(10..=900);
        if self.dice.percent(15) {
            // As if cut off from the coordinator.
            lease.silence();
        }
        while Instant::now() < until && lease.is_safe(Instant::now()) {
            self.write(lock.to_string(), token);
            let pause = self.dice.millis(10..=300);
            tokio::select! {
                biased;
                lost = lease.lost() => {
                    drop(over);
                    return world.trace.note(format_args!("n{} loses {lock} {token}: {lost}", self.place));
                }
                () = sleep(pause) => {}
            }
        }
        let Some(lease) = Arc::into_inner(lease) else { return };
        if self.dice.percent(20) || !lease.is_safe(Instant::now()) {
            world.trace.note(format_args!("n{} drops {lock} {token}", self.place));
            drop(over);
            drop(lease);
            return;
        }
        let begun = world.history.begin(step.clone());
        over.step = None;
        world.trace.operation(format_args!("n{} gives {lock} {token} back", self.place));
        if lease.release().await.is_ok() {
            world.history.end(begun, step);
        }
    }

    /// Begins a write, which now and then takes longer than a lease.
    fn write(&mut self, thing: String, token: Token) {
        let late = match self.dice.below(20) {
            0 => self.dice.millis(500..=4000),
            1..6 => self.dice.millis(1..=200),
            _ => Duration::ZERO,
        };
        let (world, fenced) = (self.world.clone(), self.world.mutant != Some(Mutant::NoFence));
        if late.is_zero() {
            return world.database.write(&thing, token, fenced, &world.trace);
        }
        tokio::spawn(async move {
            sleep(late).await;
            world.database.write(&thing, token, fenced, &world.trace);
        });
    }

    async fn sit(&mut self) {
        let (world, place) = (self.world.clone(), self.place);
        let ttl = self.dice.pick(&TTLS, Duration::from_secs(1));
        let id = MemberId::new(format!("m{place}")).unwrap_or(MemberId::literal("m"));
        let begun = world.history.begin(None);
        let seat = match self.client.join(&GROUP, Member::new(id, "sim").with_ttl(ttl)).await {
            Ok(seat) => Arc::new(seat),
            Err(error) => {
                world.trace.note(format_args!("n{place} cannot join: {error}"));
                return sleep(Duration::from_millis(100)).await;
            }
        };
        let (group, session, epoch) = (GROUP.name().clone(), seat.session(), seat.since());
        world.history.end(begun, Step::Join { group: group.clone(), session, epoch });
        world.trace.operation(format_args!("n{place} sits at {epoch} as {}", short(session)));
        world.beliefs.add_seat(place, &seat);
        let step = Step::Leave { group, session };
        let since = (!seat.is_safe(Instant::now())).then_some(begun);
        let mut over = Over { world: &world, since, step: Some(step.clone()) };
        tokio::select! {
            biased;
            lost = seat.lost() => {
                drop(over);
                return world.trace.note(format_args!("n{place} loses its seat {}: {lost}", short(session)));
            }
            () = self.work(&world, &seat) => {}
        }
        let Some(seat) = Arc::into_inner(seat) else { return };
        world.trace.operation(format_args!("n{place} leaves {}", short(session)));
        if self.dice.percent(30) {
            return;
        }
        let begun = world.history.begin(step.clone());
        over.step = None;
        if seat.leave().await.is_ok() {
            world.history.end(begun, step);
        }
    }

    /// Works on what it owns, until it is to leave.
    async fn work(&mut self, world: &World, seat: &Membership) {
        let mut watch = seat.watch();
        let (mut last, mut next) = (Epoch::ZERO, Instant::now());
        let leave = Instant::now() + self.dice.millis(1500..=8000);
        loop {
            let view = watch.borrow_and_update().clone();
            world.was_told(self.place, &view, &mut last);
            // A failed attempt is repeated when something else happens, or with the next write.
            let asked = view.must_hand_over(seat.session());
            if asked && let Err(error) = seat.hand_over(view.epoch).await {
                world.trace.note(format_args!("n{} cannot hand over: {error}", self.place));
            }
            tokio::select! {
                biased;
                changed = watch.changed() => if changed.is_err() { return },
                () = sleep_until(leave), if !world.is_closing() => return,
                () = sleep_until(next) => {
                    let held = seat.holdings(Instant::now());
                    if let Some(held) = held.get(self.dice.below(held.len().max(1))) {
                        self.write(format!("shard {}", held.first), held.token);
                    }
                    next = Instant::now() + self.dice.millis(50..=500);
                }
            }
        }
    }

    async fn look(&mut self) {
        sleep(self.dice.millis(20..=300)).await;
        let world = self.world.clone();
        if self.dice.percent(60) {
            let lock = self.dice.pick(&LOCKS, LockName::literal("x"));
            let begun = world.history.begin(None);
            if let Ok(status) = self.client.inspect(&lock).await {
                let token = status.holder.map(|(_, token)| token);
                world.trace.operation(format_args!("n{} sees {lock} held by {token:?}", self.place));
                world.history.end(begun, Step::See { lock, token });
            }
            return;
        }
        let begun = world.history.begin(None);
        if let Ok(read) = self.client.read(&GROUP).await {
            let members = read.view.members.iter().map(|seat| seat.session).collect();
            let (group, epoch) = (GROUP.name().clone(), read.view.epoch);
            world.trace.operation(format_args!("n{} reads the group at {epoch}", self.place));
            world.history.end(begun, Step::Read { group, epoch, members });
        }
    }
}
