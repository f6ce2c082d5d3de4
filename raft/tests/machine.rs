//! Properties of the state machine under arbitrary commands, judged after each by a model that is too simple to be wrong.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use coordinator::{
    Epoch, Group, GroupName, Index, LockName, Member, MemberId, SessionId, Token, View,
    command::{Command, Opening, Reply},
    machine::{Snapshot, State, apply},
};
use proptest::{collection::vec, prelude::*};
use uuid::Uuid;

const SHARDS: u16 = 64;
const LOCKS: [LockName; 2] = [LockName::literal("one"), LockName::literal("two")];
const GROUPS: [Group; 2] = [
    Group::sharded(GroupName::literal("some"), SHARDS),
    Group::sharded(GroupName::literal("others"), SHARDS),
];

fn session(n: u8) -> SessionId {
    SessionId(Uuid::from_u128(u128::from(n) * 0x9e37_79b9_7f4a_7c15))
}

fn opening(n: u8, ttl: u64) -> Opening {
    Opening { session: session(n), ttl: Duration::from_millis(ttl) }
}

/// A command, with epochs and renewals given as how far they lie back.
fn command() -> impl Strategy<Value = (Command, u64)> {
    let who = 0..12_u8;
    let ttl = prop_oneof![9 => Just(9000_u64), 1 => Just(5)];
    let member = Member::new(MemberId::literal("me"), "here");
    let command = prop_oneof![
        4 => (who.clone(), ttl.clone(), 0..2_usize).prop_map(move |(n, ttl, group)| Command::Join {
            opening: opening(n, ttl),
            group: GROUPS[group].clone(),
            member: member.clone(),
        }),
        4 => (who.clone(), 0..2_usize).prop_map(|(n, group)| Command::HandOver {
            session: session(n),
            group: GROUPS[group].name().clone(),
            epoch: Epoch::ZERO,
        }),
        6 => (who.clone(), ttl, 0..2_usize, any::<bool>()).prop_map(|(n, ttl, lock, queue)| Command::Acquire {
            opening: opening(n, ttl),
            lock: LOCKS[lock].clone(),
            queue,
        }),
        2 => vec(who.clone(), 0..4)
            .prop_map(|ids| Command::Renew { sessions: ids.into_iter().map(session).collect() }),
        2 => who.clone().prop_map(|n| Command::Close { session: session(n) }),
        3 => who.prop_map(|n| Command::Expire { session: session(n), seen_renewal: Index(0) }),
        1 => (0..3_u16).prop_map(|incarnation| Command::Incarnate { incarnation }),
    ];
    (command, 0..12_u64)
}

/// Fills in what depends on where the log stands.
fn dated(command: Command, state: &State, back: u64) -> Command {
    let index = Index(state.applied().0.saturating_sub(back));
    match command {
        Command::HandOver { session, group, .. } => {
            Command::HandOver { session, group, epoch: Epoch::new(state.incarnation(), index) }
        }
        Command::Expire { session, .. } => Command::Expire { session, seen_renewal: index },
        other => other,
    }
}

/// Sessions and queues as a child would write them down.
#[derive(Debug, Default)]
struct Model {
    incarnation: u16,
    /// When the last incarnation began: what was renewed before cannot be any more.
    fenced: Index,
    renewed: BTreeMap<SessionId, Index>,
    queues: BTreeMap<LockName, Vec<SessionId>>,
    seats: BTreeMap<GroupName, Vec<SessionId>>,
}

impl Model {
    fn apply(&mut self, index: Index, command: &Command, reply: &Reply) {
        match command {
            _ if matches!(reply, Reply::Refused(_) | Reply::Busy) => {}
            Command::Join { opening, group, .. } => {
                self.renewed.entry(opening.session).or_insert(index);
                push_new(self.seats.entry(group.name().clone()).or_default(), opening.session);
            }
            Command::Acquire { opening, lock, .. } => {
                self.renewed.entry(opening.session).or_insert(index);
                push_new(self.queues.entry(lock.clone()).or_default(), opening.session);
            }
            Command::Renew { sessions } => {
                for renewed in sessions.iter().collect::<BTreeSet<_>>() {
                    if let Some(renewed) = self.renewed.get_mut(renewed).filter(|at| **at > self.fenced) {
                        *renewed = index;
                    }
                }
            }
            Command::Expire { session, seen_renewal } if self.renewed.get(session) > Some(seen_renewal) => {}
            Command::Close { session } | Command::Expire { session, .. } => {
                self.renewed.remove(session);
                self.queues
                    .values_mut()
                    .chain(self.seats.values_mut())
                    .for_each(|ids| ids.retain(|id| id != session));
            }
            Command::Incarnate { incarnation } if *incarnation > self.incarnation => {
                (self.incarnation, self.fenced) = (*incarnation, index);
            }
            Command::HandOver { .. } | Command::Incarnate { .. } => {}
        }
    }

    fn judge(&self, state: &State) {
        let sessions: BTreeMap<_, _> = state.sessions().map(|(id, _, renewed)| (id, renewed)).collect();
        assert_eq!(sessions, self.renewed);
        for lock in &LOCKS {
            let status = state.lock(lock);
            let queue = self.queues.get(lock).cloned().unwrap_or_default();
            assert_eq!(
                status.holder.map(|(holder, _)| holder),
                queue.first().copied(),
                "first come, first served"
            );
            assert_eq!(status.waiting, queue.len().saturating_sub(1));
        }
        for group in &GROUPS {
            let view = state.view(group.name());
            let members: Vec<_> = view.members.iter().map(|seat| seat.session).collect();
            assert_eq!(members, self.seats.get(group.name()).cloned().unwrap_or_default());
            judge_shards(&view, SHARDS);
        }
    }
}

/// Applies the next log entry.
fn step(state: &mut State, command: &Command) -> Reply {
    let next = Index(state.applied().0 + 1);
    apply(state, next, command).reply
}

fn push_new(ids: &mut Vec<SessionId>, id: SessionId) {
    if !ids.contains(&id) {
        ids.push(id);
    }
}

/// Every shard has one owner, promises are made to members, and the promised shares are fair (S4).
fn judge_shards(view: &View, shards: u16) {
    let mut heirs: BTreeMap<SessionId, usize> = view.members.iter().map(|seat| (seat.session, 0)).collect();
    let mut next = 0;
    for span in &view.spans {
        assert!(span.first == next && span.last >= span.first && view.has(span.owner), "{span:?}");
        assert!(span.releasing.is_none_or(|(to, _)| to != span.owner), "{span:?}");
        let heir = span.releasing.map_or(span.owner, |(to, _)| to);
        *heirs.get_mut(&heir).unwrap() += usize::from(span.last - span.first) + 1;
        next = span.last + 1;
    }
    if let (Some(least), Some(most)) = (heirs.values().min(), heirs.values().max()) {
        assert!(next == shards && most - least <= 1, "{heirs:?}");
    } else {
        assert_eq!(next, 0);
    }
}

/// What one command may change: tokens grow with the holder and only then (S2); a live owner gives shards away only itself.
fn judge_step(before: &State, command: &Command, after: &State, given: &mut BTreeMap<(usize, u16), Token>) {
    for (n, lock) in LOCKS.iter().enumerate() {
        let (old, new) = (before.lock(lock).holder, after.lock(lock).holder);
        if let Some((_, token)) = new.filter(|_| old != new) {
            assert!(given.insert((n, 0), token) < Some(token), "a token did not grow");
        }
    }
    for (n, group) in GROUPS.iter().enumerate() {
        let (old, new) = (before.view(group.name()), after.view(group.name()));
        assert!(old == new || old.epoch < new.epoch);
        for shard in 0..SHARDS {
            let Some(now) = new.span_of(shard) else { continue };
            let was = old.span_of(shard);
            if was.map(|was| was.owner) == Some(now.owner) {
                assert_eq!(was.map(|was| was.token), Some(now.token));
                continue;
            }
            assert!(
                given.insert((n + LOCKS.len(), shard), now.token) < Some(now.token),
                "a token did not grow"
            );
            if let Some(was) = was.filter(|was| new.has(was.owner)) {
                let Command::HandOver { session, epoch, .. } = command else {
                    panic!("{command:?} took {was:?}")
                };
                assert!(*session == was.owner && was.releasing.is_some_and(|(_, asked)| asked <= *epoch));
            }
        }
    }
}

fn stored_and_loaded(state: &State) -> State {
    let stored = serde_json::to_vec(&Snapshot::from(state.clone())).unwrap();
    serde_json::from_slice::<Snapshot>(&stored).unwrap().state
}

/// What is known of locks and groups, without when.
fn decided(state: &State) -> impl PartialEq + std::fmt::Debug {
    let holders: Vec<_> =
        LOCKS.iter().map(|lock| (state.lock(lock).holder, state.lock(lock).waiting)).collect();
    (holders, GROUPS.iter().map(|group| state.view(group.name())).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_commanded_the_promises_hold(commands in vec(command(), 1..120)) {
        let (mut state, mut model) = (State::default(), Model::default());
        let (mut copy, mut given) = (State::default(), BTreeMap::new());
        for (at, (command, back)) in commands.into_iter().enumerate() {
            let command = dated(command, &state, back);
            let (before, index) = (state.clone(), Index(at as u64 + 1));
            let outcome = apply(&mut state, index, &command);
            // A copy that goes through a snapshot before every command decides the same.
            copy = stored_and_loaded(&copy);
            prop_assert_eq!(&apply(&mut copy, index, &command), &outcome);
            prop_assert_eq!(&copy, &state);

            model.apply(index, &command, &outcome.reply);
            model.judge(&state);
            judge_step(&before, &command, &state, &mut given);
            if matches!(outcome.reply, Reply::Refused(_) | Reply::Busy) {
                prop_assert_eq!(decided(&before), decided(&state));
                prop_assert!(outcome.events.is_empty());
            }
        }
    }

    #[test]
    fn a_command_that_arrives_twice_is_done_once(commands in vec(command(), 1..80)) {
        let mut state = State::default();
        for (command, back) in commands {
            let command = dated(command, &state, back);
            step(&mut state, &command);
            let once = state.clone();
            step(&mut state, &command);
            prop_assert_eq!(decided(&once), decided(&state));
        }
    }
}

#[test]
fn a_newer_incarnation_outranks_every_token() {
    let mut state = State::after(Token::new(0, Index(70)));
    let acquire = |n| Command::Acquire { opening: opening(n, 9000), lock: LOCKS[0].clone(), queue: true };
    let Reply::Granted(old) = apply(&mut state, Index(71), &acquire(1)).reply else { panic!("not granted") };
    assert_eq!(old, Token::new(0, Index(71)));

    // Restored from a backup: the log is shorter than it once was.
    let mut restored = State::after(Token::new(0, Index(5)));
    apply(&mut restored, Index(6), &Command::Incarnate { incarnation: 1 });
    let Reply::Granted(new) = apply(&mut restored, Index(7), &acquire(2)).reply else {
        panic!("not granted")
    };
    assert!(new > old);
}

#[test]
fn a_session_of_an_older_incarnation_lives_until_it_expires_but_no_longer() {
    let mut state = State::default();
    let acquire = |n| Command::Acquire { opening: opening(n, 9000), lock: LOCKS[0].clone(), queue: true };
    let renew = |n| Command::Renew { sessions: vec![session(n)] };
    step(&mut state, &acquire(1));
    step(&mut state, &Command::Incarnate { incarnation: 1 });
    assert_eq!(step(&mut state, &renew(1)), Reply::Renewed { unknown: vec![session(1)] });
    assert_eq!(step(&mut state, &acquire(2)), Reply::Waiting(0));
    assert_eq!(step(&mut state, &renew(2)), Reply::Renewed { unknown: Vec::new() });
    step(&mut state, &Command::Expire { session: session(1), seen_renewal: Index(1) });
    assert_eq!(state.lock(&LOCKS[0]).holder.map(|(holder, _)| holder), Some(session(2)));
}

#[test]
fn a_log_entry_is_never_applied_twice() {
    let mut state = State::default();
    let close = Command::Close { session: session(1) };
    assert_eq!(apply(&mut state, Index(3), &close).reply, Reply::Done);
    let before = state.clone();
    assert!(matches!(apply(&mut state, Index(3), &close).reply, Reply::Refused(_)));
    assert_eq!(state, before);
}

/// Everybody hands over what was asked of them. How many shards changed hands.
fn hand_over_all(state: &mut State, group: &Group) -> usize {
    let view = state.view(group.name());
    let owed: BTreeSet<SessionId> =
        view.spans.iter().filter(|span| span.releasing.is_some()).map(|span| span.owner).collect();
    for session in owed {
        let epoch = state.view(group.name()).epoch;
        step(state, &Command::HandOver { session, group: group.name().clone(), epoch });
    }
    let after = state.view(group.name());
    (0..group.shards())
        .filter(|&shard| view.span_of(shard).map(|s| s.owner) != after.span_of(shard).map(|s| s.owner))
        .count()
}

#[test]
fn a_join_or_a_leave_moves_one_share_however_many_there_are() {
    const ALL: u16 = 4096;
    let group = Group::sharded(GroupName::literal("many"), ALL);
    let id = |n: u64| SessionId(Uuid::from_u128(u128::from(n + 1) * 0x9e37_79b9_7f4a_7c15_f39c));
    let join = |n: u64| Command::Join {
        opening: Opening { session: id(n), ttl: Duration::from_secs(9) },
        group: group.clone(),
        member: Member::new(MemberId::literal("me"), "here"),
    };
    let share = |members: u64| usize::from(ALL).div_ceil(usize::try_from(members).unwrap());
    // Five thousand are dealt with beside the code, where they need not join one by one.
    let checked = [1, 2, 3, 64, 65, 100];
    let (mut state, mut members) = (State::default(), 0);
    for count in checked {
        while members + 1 < count {
            step(&mut state, &join(members));
            members += 1;
        }
        hand_over_all(&mut state, &group);
        // One more.
        step(&mut state, &join(members));
        members += 1;
        let view = state.view(group.name());
        assert_eq!(view.members.len() as u64, count);
        judge_shards(&view, ALL);
        let moved = hand_over_all(&mut state, &group);
        assert!(moved <= share(count) || count == 1, "{count} members: a join moved {moved}");
        let settled = state.view(group.name());
        judge_shards(&settled, ALL);
        assert!(settled.spans.iter().all(|span| span.releasing.is_none()));

        // One dies and comes back as another: what it had moves, and as much again.
        let mut without = state.clone();
        step(&mut without, &Command::Close { session: id(count / 2) });
        let view = without.view(group.name());
        judge_shards(&view, ALL);
        let moved = (0..ALL)
            .filter(|&shard| settled.span_of(shard).map(|s| s.owner) != view.span_of(shard).map(|s| s.owner))
            .count();
        let owned = settled.spans.iter().filter(|span| span.owner == id(count / 2));
        let owned: usize = owned.map(|span| usize::from(span.last - span.first) + 1).sum();
        assert!(moved == owned && moved <= share(count), "{count} members: a leave moved {moved}");
    }
}
