//! The last commands, for processes that follow the cluster without a log.
//!
//! **Invariant**: what is kept ends with the last command that was applied and has no gap.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use super::{node::Node, peer::Response, types::Batch};
use crate::{
    Index,
    command::Entry,
    machine::{Snapshot, State},
};

/// Commands kept, at least.
const KEPT: usize = 4096;
/// Commands in one answer.
const AT_ONCE: usize = 1024;
/// How long an answer may be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Kept {
    /// Index of the next command.
    next: u64,
    /// Each with the index of its first command.
    batches: VecDeque<(u64, Batch)>,
}

/// What was applied last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<Kept>>);

impl Feed {
    /// Adds the commands from `first` on.
    pub(crate) fn add(&self, first: Index, batch: Batch) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { next, batches } = &mut *kept;
        if *next != first.0 {
            batches.clear();
        }
        *next = first.0 + batch.entries().len() as u64;
        if batch.entries().is_empty() {
            return;
        }
        batches.push_back((first.0, batch));
        let enough = next.saturating_sub(KEPT as u64);
        while batches.get(1).is_some_and(|(second, _)| *second <= enough) {
            batches.pop_front();
        }
    }

    /// The commands after an index; none if they are not kept any more.
    pub(crate) fn after(&self, index: Index) -> Option<Vec<Entry>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { next, batches } = &*kept;
        let wanted = index.0.saturating_add(1);
        if wanted >= *next || batches.front().is_none_or(|(first, _)| wanted < *first) {
            return None;
        }
        let behind = batches.partition_point(|(first, _)| *first <= wanted).saturating_sub(1);
        let skipped = batches.get(behind).map_or(0, |(first, _)| wanted - first);
        let commands = batches.iter().skip(behind).flat_map(|(_, batch)| batch.entries());
        Some(commands.skip(usize::try_from(skipped).ok()?).take(AT_ONCE).cloned().collect())
    }
}

impl Node {
    /// Tells what was decided after an index.
    pub(super) async fn follow(&self, after: Index, wait: Duration) -> Response {
        let first = Index(after.0.saturating_add(1));
        if timeout(wait.min(LONGEST_WAIT), self.ledger.reached(first)).await.is_err() {
            return Response::Commands { first, commands: Vec::new() };
        }
        match self.feed.after(after) {
            Some(commands) => Response::Commands { first, commands },
            None => Response::State(Box::new(Snapshot::from(self.ledger.look(State::clone)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    fn command(incarnation: u16) -> Entry {
        Command::Incarnate { incarnation }.into()
    }

    fn batch<const N: usize>(commands: [u16; N]) -> Batch {
        commands.into_iter().map(command).collect()
    }

    #[test]
    fn what_is_told_has_no_gap() {
        let feed = Feed::default();
        assert_eq!(feed.after(Index(0)), None);
        feed.add(Index(1), batch([1, 2]));
        feed.add(Index(3), batch([3]));
        assert_eq!(feed.after(Index(0)), Some(vec![command(1), command(2), command(3)]));
        assert_eq!(feed.after(Index(1)), Some(vec![command(2), command(3)]));
        assert_eq!(feed.after(Index(2)), Some(vec![command(3)]));
        assert_eq!(feed.after(Index(3)), None);
        feed.add(Index(10), batch([9]));
        assert_eq!(feed.after(Index(3)), None, "a snapshot came in between");
        assert_eq!(feed.after(Index(8)), None);
        assert_eq!(feed.after(Index(9)), Some(vec![command(9)]));
        for at in 11..11 + KEPT as u64 {
            feed.add(Index(at), batch([1]));
        }
        assert_eq!(feed.after(Index(9)), None);
        assert_eq!(feed.after(Index(10)).map(|commands| commands.len()), Some(AT_ONCE));
    }

    #[test]
    fn large_batches_are_kept_as_long_as_small_ones() {
        let feed = Feed::default();
        let large = || -> Batch { (0..1000).map(|_| command(1)).collect() };
        for at in 0..6 {
            feed.add(Index(1 + at * 1000), large());
        }
        assert_eq!(feed.after(Index(999)), None);
        assert_eq!(feed.after(Index(1000)).map(|commands| commands.len()), Some(AT_ONCE));
        assert_eq!(feed.after(Index(5990)).map(|commands| commands.len()), Some(10));
    }
}
