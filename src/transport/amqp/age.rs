//! How long a message was on its way, though nobody's clocks are compared.
//!
//! A sender stamps what it sends with the time of a clock of its own. The difference between that and the time of arrival is
//! the time on the way and a constant that nobody knows; but the quickest message of late was hardly on its way at all, so
//! what others took longer than that is their age. A broker that takes nothing, a connection on which nothing moves, and a
//! queue make messages old; the time that their callers left them is over earlier by as much.
//!
//! Invariants: a message of a sender that is not known yet has no age; a clock that stood still (a virtual machine that was
//! suspended) costs no more than [`DOUBT`]: whose messages are all old for longer than that is learnt anew. What is
//! remembered is bounded.

use std::collections::HashMap;
use std::time::Duration;

use lapin::types::ShortString;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::topology::name;

/// The quickest message is looked for in this time, and in as much before it.
const SPAN: Duration = Duration::from_secs(600);
/// As long as this all messages of a sender may be old. What was held up comes in one go, and young ones follow it.
const DOUBT: Duration = Duration::from_secs(3);
/// Up to this an age is no reason for doubt, milliseconds.
const YOUNG: i64 = 500;
/// How many senders are remembered.
const SENDERS: usize = 4096;

/// The clock that one sender stamps with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamper {
    sender: u64,
    start: Instant,
}

impl Stamper {
    pub(super) fn new() -> Self {
        Self { sender: rand::random(), start: Instant::now() }
    }

    /// The stamp of a message that is written now.
    pub(super) fn stamp(&self) -> ShortString {
        name(format!("{:x}.{}", self.sender, self.start.elapsed().as_millis()))
    }
}

/// What is known of senders' clocks.
#[derive(Debug)]
pub(super) struct Ages {
    start: Instant,
    senders: Mutex<HashMap<u64, Quickest>>,
}

/// The least differences between arrival and stamp, in milliseconds.
#[derive(Debug)]
struct Quickest {
    since: Instant,
    lately: i64,
    before: i64,
    /// Since then all were old.
    doubt: Option<Instant>,
}

impl Ages {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), senders: Mutex::default() }
    }

    /// The age of a message with this stamp that arrives now.
    pub(super) fn of(&self, stamp: Option<&str>) -> Duration {
        let read = |stamp: &str| {
            let (sender, sent) = stamp.split_once('.')?;
            Some((u64::from_str_radix(sender, 16).ok()?, sent.parse::<i64>().ok()?))
        };
        let Some((sender, sent)) = stamp.and_then(read) else { return Duration::ZERO };
        let now = Instant::now();
        let arrived = i64::try_from(now.duration_since(self.start).as_millis()).unwrap_or(i64::MAX);
        let took = arrived.saturating_sub(sent);
        let mut senders = self.senders.lock();
        if senders.len() >= SENDERS && !senders.contains_key(&sender) {
            senders.clear();
        }
        let quickest = senders.entry(sender).or_insert(Quickest::starting(now, took));
        u64::try_from(quickest.age(now, took)).map_or(Duration::ZERO, Duration::from_millis)
    }
}

impl Quickest {
    const fn starting(since: Instant, took: i64) -> Self {
        Self { since, lately: took, before: took, doubt: None }
    }

    fn age(&mut self, now: Instant, took: i64) -> i64 {
        if now >= self.since + SPAN {
            let before = if now < self.since + SPAN * 2 { self.lately } else { took };
            *self = Self { since: now, lately: took, before, doubt: self.doubt };
        }
        self.lately = self.lately.min(took);
        let age = took.saturating_sub(self.lately.min(self.before));
        if age <= YOUNG {
            self.doubt = None;
        } else if now >= *self.doubt.get_or_insert(now) + DOUBT {
            *self = Self::starting(now, took);
            return 0;
        }
        age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn later(millis: u64) {
        tokio::time::advance(Duration::from_millis(millis)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_held_up_is_old_and_what_follows_is_not() {
        let sender = Stamper::new();
        later(70_000).await;
        let ages = Ages::new();
        let age = |stamp: &ShortString| ages.of(Some(stamp.as_str())).as_millis();
        let (first, held) = (sender.stamp(), sender.stamp());
        later(30).await;
        assert_eq!(age(&first), 0, "nobody knows the sender");
        let second = sender.stamp();
        later(10).await;
        assert_eq!(age(&second), 0);
        let third = sender.stamp();
        later(60_000).await;
        assert_eq!((age(&held), age(&third)), (60_030, 59_990));
        let young = sender.stamp();
        later(10).await;
        assert_eq!(age(&young), 0);
        assert_eq!(ages.of(None), Duration::ZERO);
        assert_eq!(ages.of(Some("no stamp")), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stood_still_is_learnt_anew() {
        let (sender, ages) = (Stamper::new(), Ages::new());
        let age = |stamp: &ShortString| ages.of(Some(stamp.as_str())).as_millis();
        assert_eq!(age(&sender.stamp()), 0);
        later(50_000).await;
        // It is still asleep by that much.
        let slept = Stamper { start: sender.start + Duration::from_secs(40), ..sender };
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(age(&slept.stamp()));
            later(1000).await;
        }
        assert_eq!(seen, [40_000, 40_000, 40_000, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_quickest_of_long_ago_does_not_count() {
        let (sender, ages) = (Stamper::new(), Ages::new());
        assert_eq!(ages.of(Some(sender.stamp().as_str())), Duration::ZERO);
        for (pause, expected) in [(SPAN, 400), (SPAN, 0), (SPAN * 2, 0)] {
            tokio::time::advance(pause).await;
            let drifted = Stamper { start: sender.start + Duration::from_millis(400), ..sender };
            assert_eq!(ages.of(Some(drifted.stamp().as_str())).as_millis(), expected);
        }
    }
}
