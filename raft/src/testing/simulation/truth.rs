//! What the log says: the first copy of every command that any node has applied, and what must hold of it at every index.
//!
//! **Invariants**: it only grows. Whatever a node applies later, also after a restart, must be the same (S8). It counts tokens,
//! queues and views by itself and compares them with the machine's (S1, S2, S4, S9, L4).
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{RATES, SHARDS};
use crate::{
    Epoch, GroupName, Index, LockName, Pace, SessionId, Token, View,
    command::{Command, Ending, Entry, Event, Reply},
    machine::{self, State},
};

/// The log and what follows from it.
#[derive(Debug, Default)]
pub(super) struct Truth {
    state: State,
    log: Vec<Entry>,
    /// The last token of each lock.
    tokens: BTreeMap<LockName, Token>,
    queues: BTreeMap<LockName, VecDeque<SessionId>>,
    grants: BTreeSet<(LockName, SessionId, Token)>,
    /// When each session was last renewed, and its ttl.
    renewed: BTreeMap<SessionId, (Instant, Duration)>,
    views: BTreeMap<(GroupName, Epoch), Arc<View>>,
    shards: BTreeMap<(GroupName, u16), Token>,
}

/// What one command has led to.
#[derive(Debug)]
pub(super) enum News {
    /// Something that must not be.
    Wrong(&'static str, String),
    /// A command is decided.
    Applied(String),
    /// A session expired.
    Expired(SessionId),
    /// A group has a new view.
    Changed(Arc<View>),
}

/// The first letters of an id, enough to tell it from others.
pub(super) fn short(session: SessionId) -> String {
    session.to_string().chars().take(6).collect()
}

impl Truth {
    /// How much is decided, as far as known.
    pub(super) const fn applied(&self) -> Index {
        self.state.applied()
    }

    /// A node applied these.
    pub(super) fn take_in(
        &mut self,
        place: usize,
        first: Index,
        entries: &[Entry],
        now: Instant,
    ) -> Vec<News> {
        let mut news = Vec::new();
        for (entry, index) in entries.iter().zip(first.0..) {
            let known = usize::try_from(index).ok().and_then(|at| self.log.get(at.checked_sub(1)?));
            match known {
                Some(known) if known == entry => {}
                Some(known) => news.push(News::Wrong(
                    "S8",
                    format!(
                        "node {place} has {:?} at {index}, where {:?} was decided",
                        entry.command, known.command
                    ),
                )),
                None if index == self.applied().0 + 1 => self.apply(Index(index), entry, now, &mut news),
                None => {
                    let applied = self.applied();
                    news.push(News::Wrong("S8", format!("node {place} is at {index}, others at {applied}")));
                    break;
                }
            }
        }
        news
    }

    /// A node stands here after a snapshot or a restart.
    pub(super) fn compare(&self, place: usize, state: &State) -> Option<News> {
        let index = state.applied().0;
        let known = self.log.get(..usize::try_from(index).unwrap_or(usize::MAX))?;
        let mut replayed = State::default();
        for (entry, at) in known.iter().zip(1..) {
            machine::apply(&mut replayed, Index(at), &entry.command);
        }
        (replayed != *state)
            .then(|| News::Wrong("S2", format!("node {place} has another state at {index} than was decided")))
    }

    fn apply(&mut self, index: Index, entry: &Entry, now: Instant, news: &mut Vec<News>) {
        self.log.push(entry.clone());
        let outcome = machine::apply(&mut self.state, index, &entry.command);
        news.push(News::Applied(format!("{index} {}", describe(&entry.command))));
        if let (Command::Acquire { opening, lock, .. }, Reply::Waiting(_)) = (&entry.command, &outcome.reply)
        {
            let queue = self.queues.entry(lock.clone()).or_default();
            if !queue.contains(&opening.session) {
                queue.push_back(opening.session);
            }
        }
        for event in outcome.events {
            match event {
                Event::Renewed(session, ttl) => {
                    self.renewed.insert(session, (now, ttl));
                }
                Event::Ended(session, ending) => self.ended(session, ending, now, news),
                Event::Granted(session, token) => self.granted(session, token, news),
                Event::GroupChanged(group) => self.changed(&group, news),
            }
        }
    }

    fn ended(&mut self, session: SessionId, ending: Ending, now: Instant, news: &mut Vec<News>) {
        for queue in self.queues.values_mut() {
            queue.retain(|waiting| *waiting != session);
        }
        if let (Some((renewed, ttl)), Ending::Expired) = (self.renewed.remove(&session), ending) {
            let shortest = Pace::millis_in_a_second(*RATES.end()).lasts(ttl);
            // A timer may be early by what it rounds.
            if now + Duration::from_millis(2) < renewed + shortest {
                let after = now - renewed;
                news.push(News::Wrong(
                    "S9",
                    format!("{} expired after {after:?} of {ttl:?}", short(session)),
                ));
            }
            news.push(News::Expired(session));
        }
    }

    fn granted(&mut self, session: SessionId, token: Token, news: &mut Vec<News>) {
        let mut wrong = |property, what| news.push(News::Wrong(property, what));
        let holds = |lock: &&LockName| self.state.lock(lock).holder == Some((session, token));
        let Some(lock) = self.state.locks().find(holds).cloned() else {
            return wrong("S1", format!("{} was granted a lock that it does not hold", short(session)));
        };
        if !self.state.is_open(session) {
            wrong("S1", format!("{lock} is held by {}, which is over", short(session)));
        }
        let last = self.tokens.insert(lock.clone(), token).unwrap_or_default();
        if token <= last {
            wrong("S2", format!("{lock} was granted under {token} after {last}"));
        }
        if let Some(first) = self.queues.entry(lock.clone()).or_default().pop_front()
            && first != session
        {
            wrong("L4", format!("{lock} was granted to {}, before it was {}", short(session), short(first)));
        }
        self.grants.insert((lock, session, token));
    }

    fn changed(&mut self, group: &GroupName, news: &mut Vec<News>) {
        let view = Arc::new(self.state.view(group));
        let mut next = 0;
        for span in &view.spans {
            if span.first != next || !view.has(span.owner) {
                news.push(News::Wrong("S4", format!("{} {}: {:?}", group, view.epoch, view.spans)));
            }
            for shard in span.first..=span.last {
                let last = self.shards.insert((group.clone(), shard), span.token).unwrap_or_default();
                if span.token < last {
                    let token = span.token;
                    news.push(News::Wrong("S2", format!("{group}/{shard} went from {last} back to {token}")));
                }
            }
            next = span.last + 1;
        }
        if next != if view.members.is_empty() { 0 } else { SHARDS } {
            news.push(News::Wrong("S4", format!("{} {} covers {next} shards", group, view.epoch)));
        }
        self.views.insert((group.clone(), view.epoch), view.clone());
        news.push(News::Changed(view));
    }

    /// Whether a lock was granted to a session under a token.
    pub(super) fn has_granted(&self, lock: &LockName, session: SessionId, token: Token) -> bool {
        self.grants.contains(&(lock.clone(), session, token))
    }

    /// A group as it was at an epoch.
    pub(super) fn view_at(&self, group: &GroupName, epoch: Epoch) -> Option<&Arc<View>> {
        self.views.get(&(group.clone(), epoch))
    }

    /// A group as it is.
    pub(super) fn view(&self, group: &GroupName) -> View {
        self.state.view(group)
    }

    /// Everything.
    pub(super) const fn state(&self) -> &State {
        &self.state
    }
}

fn describe(command: &Command) -> String {
    match command {
        Command::Join { opening, .. } => format!("join {}", short(opening.session)),
        Command::HandOver { session, epoch, .. } => format!("hand over {} up to {epoch}", short(*session)),
        Command::Acquire { opening, lock, queue } => {
            format!("acquire {lock} {}{}", short(opening.session), if *queue { ", or wait" } else { "" })
        }
        Command::Renew { sessions } => {
            let all: Vec<_> = sessions.iter().map(|session| short(*session)).collect();
            format!("renew {}", all.join(" "))
        }
        Command::Close { session } => format!("close {}", short(*session)),
        Command::Expire { session, seen_renewal } => {
            format!("expire {} unless after {seen_renewal}", short(*session))
        }
        Command::Incarnate { incarnation } => format!("incarnation {incarnation}"),
    }
}
