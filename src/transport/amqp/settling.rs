//! What a consumer has done and its broker has not heard of yet: answers on their way, and acknowledgements after them.
//!
//! Invariants: a delivery is acknowledged once, and after its answer was written to the connection: several at a time where
//! all before them are acknowledged, each by itself elsewhere. That happens when a part of the prefetch is used up by them,
//! or a moment later; at the end everything is waited for.

use std::collections::{BTreeSet, VecDeque};
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use lapin::options::BasicAckOptions;
use lapin::{Channel, PublisherConfirm};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The pause before what was written is looked for, if nobody came by.
const PAUSE: Duration = Duration::from_millis(2);
/// After so many pauses without anything to tell it is waited for.
const QUIET: u32 = 10;
/// This part of the prefetch may wait to be acknowledged.
const PART: usize = 4;

/// An answer being written to the connection.
pub(super) type Writing = BoxFuture<'static, lapin::Result<PublisherConfirm>>;

/// What is not settled yet on one channel.
#[derive(Debug)]
pub(super) struct Settling {
    channel: Channel,
    /// How many answers may wait.
    enough: usize,
    answers: Mutex<Answers>,
    /// Held while the broker is told, so that no acknowledgement of several follows one of a part of them.
    told: Mutex<Told>,
    due: Notify,
    broken: CancellationToken,
}

struct Answers {
    /// In the order in which they are written, each with the delivery to be acknowledged then.
    waiting: VecDeque<(Writing, Option<u64>)>,
    /// Answers need not be waited for by whoever gave them.
    at_leisure: bool,
    /// [`Settling::keep`] waits until there is something.
    idle: bool,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Settling {
    /// For the deliveries of `channel`, of which there are `permits` at a time. Cancels `broken` when something could not
    /// be told.
    pub(super) fn new(channel: &Channel, permits: usize, broken: CancellationToken) -> Self {
        let enough = permits / PART;
        Self {
            channel: channel.clone(),
            enough,
            answers: Mutex::new(Answers { waiting: VecDeque::new(), at_leisure: enough > 1, idle: true }),
            told: Mutex::default(),
            due: Notify::new(),
            broken,
        }
    }

    /// Acknowledges a delivery.
    pub(super) fn acknowledge(&self, tag: u64) {
        self.tell(&mut self.told.lock(), &[tag]);
    }

    /// Counts a delivery that was given back instead of being acknowledged, as the broker knows by now.
    pub(super) fn given_back(&self, tag: u64) {
        self.told.lock().also(tag);
    }

    /// Begins to write an answer, and sees to the acknowledgement that follows it.
    pub(super) async fn answer(&self, mut writing: Writing, tag: Option<u64>) -> lapin::Result<()> {
        let written = (&mut writing).now_or_never();
        let written = match written {
            Some(written) => written.map(drop),
            None => match self.leave(writing, tag) {
                Some(writing) => writing.await.map(drop),
                None => return Ok(()),
            },
        };
        if let (Ok(()), Some(tag)) = (&written, tag) {
            self.acknowledge(tag);
        }
        written
    }

    /// Leaves an answer to [`Settling::keep`], unless nobody does that.
    fn leave(&self, writing: Writing, tag: Option<u64>) -> Option<Writing> {
        let (enough, first) = {
            let mut answers = self.answers.lock();
            if !answers.at_leisure {
                return Some(writing);
            }
            answers.waiting.push_back((writing, tag));
            (answers.waiting.len() >= self.enough, std::mem::take(&mut answers.idle))
        };
        if first {
            self.due.notify_one();
        }
        // Somebody else who tells does it for all.
        if enough && let Some(mut told) = self.told.try_lock() {
            self.look(&mut told);
        }
        None
    }

    /// Tells what was written after the last one that came by. Never ends.
    pub(super) async fn keep(&self) {
        loop {
            self.due.notified().await;
            let mut quiet = 0;
            while quiet < QUIET {
                tokio::time::sleep(PAUSE).await;
                self.look(&mut self.told.lock());
                let mut answers = self.answers.lock();
                quiet = if answers.waiting.is_empty() { quiet + 1 } else { 0 };
                answers.idle = quiet == QUIET;
            }
        }
    }

    /// From here on everybody waits for his own answer; waits for those that nobody waits for.
    pub(super) async fn finish(&self) {
        self.answers.lock().at_leisure = false;
        loop {
            let Some((writing, tag)) = self.answers.lock().waiting.pop_front() else { return };
            match writing.await {
                Ok(_) => {
                    if let Some(tag) = tag {
                        self.acknowledge(tag);
                    }
                }
                Err(_) => return self.broken.cancel(),
            }
        }
    }

    /// Acknowledges whatever was written meanwhile.
    fn look(&self, told: &mut Told) {
        let mut tags = Vec::new();
        {
            let waiting = &mut self.answers.lock().waiting;
            while let Some((writing, tag)) = waiting.front_mut() {
                match writing.now_or_never() {
                    None => break,
                    Some(Ok(_)) => tags.extend(*tag),
                    Some(Err(_)) => {
                        self.broken.cancel();
                        waiting.clear();
                        break;
                    }
                }
                waiting.pop_front();
            }
        }
        if !tags.is_empty() {
            self.tell(told, &tags);
        }
    }

    /// Acknowledges deliveries.
    fn tell(&self, told: &mut Told, tags: &[u64]) {
        let (several, single) = told.also_all(tags);
        let several = several.map(|tag| (tag, true));
        for (tag, multiple) in several.into_iter().chain(single.into_iter().map(|tag| (tag, false))) {
            let telling = pin!(self.channel.basic_ack(tag, BasicAckOptions { multiple }));
            // It is on its way now; what becomes of it shows on the channel.
            if let Some(Err(_)) = telling.now_or_never() {
                self.broken.cancel();
            }
        }
    }
}

/// Which deliveries of a channel are settled. They are numbered from one.
#[derive(Debug, Default)]
struct Told {
    /// All up to this one are.
    up_to: u64,
    /// So are these.
    beyond: BTreeSet<u64>,
}

impl Told {
    fn also(&mut self, tag: u64) {
        self.beyond.insert(tag);
        while self.beyond.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
    }

    /// What to acknowledge for these: one delivery with all before it, and some by themselves.
    fn also_all(&mut self, tags: &[u64]) -> (Option<u64>, Vec<u64>) {
        for tag in tags {
            self.also(*tag);
        }
        // The broker must know the delivery that is named: it is one of the new ones.
        let several = tags.iter().copied().filter(|tag| *tag <= self.up_to).max();
        (several, tags.iter().copied().filter(|tag| *tag > self.up_to).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_acknowledged_together_only_if_nothing_before_them_is_missing() {
        let mut told = Told::default();
        assert_eq!(told.also_all(&[1]), (Some(1), vec![]));
        assert_eq!(told.also_all(&[3, 5]), (None, vec![3, 5]));
        assert_eq!(told.also_all(&[6, 2]), (Some(2), vec![6]));
        assert_eq!(told.also_all(&[7, 4, 9]), (Some(7), vec![9]));
        told.also(8);
        assert_eq!(told.also_all(&[10, 11, 12]), (Some(12), vec![]));
        assert!(told.beyond.is_empty());
    }
}
