//! What was decided last, for processes that follow the cluster without a log.
//!
//! **Invariants**: what is kept ends with the last command that was applied and has no gap. Whoever is told how far news go
//! has been told all news up to there.
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use super::{
    commands::Commands,
    node::Node,
    peer::{Refusal, Response},
};
use crate::{
    Index, News,
    command::Outcome,
    machine::{Snapshot, State},
    milestones::Milestones,
    news::{self, Kept},
};

/// News kept.
const KEPT: usize = 4096;
/// How long an answer may be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Recent {
    /// Everything that was news after this index is kept.
    since: u64,
    /// Index of the last command.
    upto: u64,
    /// Each with the index of its command.
    news: VecDeque<(u64, Kept)>,
}

/// What was applied last; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed {
    pub(crate) commands: Commands,
    recent: Arc<Mutex<Recent>>,
    /// Index of the last command that was news.
    told: Milestones,
    /// Index of the last command.
    covered: Milestones,
}

/// What is told to somebody who knows everything up to an index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    upto: Index,
    news: Vec<Kept>,
}

impl Feed {
    /// Adds what commands from `first` on came to.
    pub(crate) fn add(&self, first: Index, outcomes: &[Outcome]) {
        let mut recent = self.lock();
        if recent.upto + 1 != first.0 {
            recent.news.clear();
            recent.since = first.0.saturating_sub(1);
        }
        for (at, outcome) in (first.0..).zip(outcomes) {
            recent.upto = at;
            recent.news.extend(news::of(outcome).map(|one| (at, one)));
        }
        while recent.news.len() > KEPT {
            // The news of a command are told together or not at all.
            recent.since = recent.news.pop_front().map_or(recent.since, |(at, _)| at);
        }
        let (upto, last) = (recent.upto, recent.news.back().map(|(at, _)| *at));
        drop(recent);
        self.covered.set(Index(upto));
        if let Some(last) = last {
            self.told.set(Index(last));
        }
    }

    /// What is news after an index; none if not all of it is kept any more.
    pub(crate) fn after(&self, index: Index) -> Option<Told> {
        let recent = self.lock();
        if index.0 < recent.since {
            return None;
        }
        let from = recent.news.partition_point(|(at, _)| *at <= index.0);
        let (mut news, mut groups) = (Vec::new(), BTreeSet::new());
        for (_, one) in recent.news.iter().skip(from) {
            // However often a group changed, it is shown as it is.
            if !matches!(one, Kept::Changed(group) if !groups.insert(group.clone())) {
                news.push(one.clone());
            }
        }
        Some(Told { upto: Index(recent.upto.max(index.0)), news })
    }

    /// Resolves once something after an index is news.
    async fn news_after(&self, index: Index) {
        self.told.reached(Index(index.0.saturating_add(1))).await;
    }

    /// Resolves once everything up to an index is covered.
    async fn covers(&self, index: Index) {
        self.covered.reached(index).await;
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Node {
    /// Tells what was decided after an index.
    pub(super) async fn follow(&self, after: Index, wait: Duration) -> Response {
        let first = Index(after.0.saturating_add(1));
        if timeout(wait.min(LONGEST_WAIT), self.ledger.reached(first)).await.is_err() {
            return Response::Commands { first, commands: Vec::new() };
        }
        match self.feed.commands.after(after) {
            Some(commands) => Response::Commands { first, commands },
            None => self.everything(),
        }
    }

    /// Tells what is news after an index.
    pub(super) async fn tell(&self, after: Index, wait: Duration) -> Response {
        // Without news it is told in the end how far there were none.
        let _ = timeout(wait.min(LONGEST_WAIT), self.feed.news_after(after)).await;
        self.news(after)
    }

    /// Tells at once what is news after an index, up to at least what was decided before the question; by the leader alone.
    pub(super) async fn read(&self, after: Index) -> Response {
        let index = match self.read_index().await {
            Ok(index) => index,
            Err(refusal) => return Response::Refused(refusal),
        };
        // Whoever applies adds to the feed right afterwards. What came with a snapshot is not in it.
        if timeout(self.timing.limit, self.feed.covers(index)).await.is_err() {
            return self.everything();
        }
        self.news(after)
    }

    /// A lock at some moment between question and answer; by the leader alone.
    pub(super) async fn inspected(&self, lock: &crate::LockName) -> Result<crate::LockStatus, Refusal> {
        self.read_index().await?;
        Ok(self.ledger.look(|state| state.lock(lock)))
    }

    fn news(&self, after: Index) -> Response {
        let Some(Told { upto, news }) = self.feed.after(after) else { return self.everything() };
        self.ledger.look(|state| {
            let news = news.into_iter().map(|one| match one {
                Kept::Granted(session, token) => News::Granted(session, token),
                Kept::Expired(session) => News::Expired(session),
                Kept::Changed(group) => News::Changed(Box::new(state.view(&group))),
            });
            Response::News { upto, incarnation: state.incarnation(), news: news.collect() }
        })
    }

    fn everything(&self) -> Response {
        Response::State(Box::new(Snapshot::from(self.ledger.look(State::clone))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SessionId, Token,
        command::{Ending, Event, Reply},
    };

    fn nothing() -> Outcome {
        Outcome { reply: Reply::Done, events: Vec::new() }
    }

    fn session(number: u128) -> SessionId {
        SessionId(uuid::Uuid::from_u128(number))
    }

    fn expired(number: u128) -> Outcome {
        Outcome { events: vec![Event::Ended(session(number), Ending::Expired)], ..nothing() }
    }

    fn changed() -> Outcome {
        Outcome { events: vec![Event::GroupChanged(crate::GroupName::literal("group"))], ..nothing() }
    }

    fn granted(number: u128, reply: Reply) -> Outcome {
        Outcome { reply, events: vec![Event::Granted(session(number), Token::ZERO)] }
    }

    fn told(upto: u64, news: &[Kept]) -> Option<Told> {
        Some(Told { upto: Index(upto), news: news.to_vec() })
    }

    #[test]
    fn what_is_told_has_no_gap() {
        let (feed, group) = (Feed::default(), Kept::Changed(crate::GroupName::literal("group")));
        assert_eq!(feed.after(Index(0)), told(0, &[]));
        feed.add(Index(1), &[nothing(), expired(1)]);
        feed.add(Index(3), &[changed(), changed()]);
        assert_eq!(feed.after(Index(0)), told(4, &[Kept::Expired(session(1)), group.clone()]));
        assert_eq!(feed.after(Index(2)), told(4, &[group]));
        assert_eq!(feed.after(Index(4)), told(4, &[]));
        assert_eq!(feed.after(Index(9)), told(9, &[]), "this copy is behind");
        feed.add(Index(10), &[expired(2)]);
        assert_eq!(feed.after(Index(4)), None, "a snapshot came in between");
        assert_eq!(feed.after(Index(9)), told(10, &[Kept::Expired(session(2))]));
        for at in 11..11 + KEPT as u64 {
            feed.add(Index(at), &[expired(3)]);
        }
        assert_eq!(feed.after(Index(9)), None);
        assert_eq!(feed.after(Index(10)).map(|told| told.news.len()), Some(KEPT));
    }

    #[test]
    fn who_was_answered_is_not_told() {
        let feed = Feed::default();
        feed.add(Index(1), &[granted(1, Reply::Granted(Token::ZERO)), granted(2, Reply::Done)]);
        assert_eq!(feed.after(Index(0)), told(2, &[Kept::Granted(session(2), Token::ZERO)]));
        let quiet: Vec<Outcome> = (0..10_000).map(|_| nothing()).collect();
        feed.add(Index(3), &quiet);
        assert_eq!(feed.after(Index(2)), told(10_002, &[]), "nothing happened, however much was decided");
    }
}
