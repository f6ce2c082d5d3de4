//! The last commands, for processes that follow the cluster without a log.
//!
//! **Invariant**: what is kept ends with the last command that was applied and has no gap.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::timeout;

use super::{node::Node, peer::Response};
use crate::{
    Index,
    command::Entry,
    machine::{Snapshot, State},
};

/// Commands kept.
const KEPT: usize = 4096;
/// Commands in one answer.
const AT_ONCE: usize = 1024;
/// How long an answer may be waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What was applied last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed(Arc<Mutex<(u64, VecDeque<Entry>)>>);

impl Feed {
    /// Adds the commands from `first` on.
    pub(crate) fn add(&self, first: Index, commands: &[Entry]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, queue) = &mut *kept;
        if *next != first.0 {
            queue.clear();
        }
        *next = first.0 + commands.len() as u64;
        queue.extend(commands.iter().cloned());
        let surplus = queue.len().saturating_sub(KEPT);
        queue.drain(..surplus);
    }

    /// The commands after an index; none if they are not kept any more.
    fn after(&self, index: Index) -> Option<Vec<Entry>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, queue) = &*kept;
        let first = next.checked_sub(queue.len() as u64)?;
        let skip = usize::try_from((index.0 + 1).checked_sub(first)?).ok()?;
        (skip < queue.len()).then(|| queue.iter().skip(skip).take(AT_ONCE).cloned().collect())
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

    #[test]
    fn what_is_told_has_no_gap() {
        let feed = Feed::default();
        assert_eq!(feed.after(Index(0)), None);
        feed.add(Index(1), &[command(1), command(2)]);
        feed.add(Index(3), &[command(3)]);
        assert_eq!(feed.after(Index(0)), Some(vec![command(1), command(2), command(3)]));
        assert_eq!(feed.after(Index(2)), Some(vec![command(3)]));
        assert_eq!(feed.after(Index(3)), None);
        feed.add(Index(10), &[command(9)]);
        assert_eq!(feed.after(Index(3)), None, "a snapshot came in between");
        assert_eq!(feed.after(Index(9)), Some(vec![command(9)]));
        for at in 11..11 + KEPT as u64 {
            feed.add(Index(at), &[command(1)]);
        }
        assert_eq!(feed.after(Index(9)), None);
        assert_eq!(feed.after(Index(10)).map(|commands| commands.len()), Some(AT_ONCE));
    }
}
