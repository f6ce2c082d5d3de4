//! What the name servers of a zone are to show, and since when that is waited for.
//!
//! A zone that is changed faster than it propagates has several published versions under way at once; each counts as
//! soon as enough servers show it or a later one.
//!
//! Invariants: ordered by generation; at least one is wanted from the beginning; the number is bounded, the newest is
//! never dropped.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::domain::consensus::{Answer, Consensus, Wanted, weigh};
use crate::domain::generation::Generation;

/// Most versions that are waited for; of more, the oldest are not reported on.
const MOST: usize = 1024;

/// One version that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) generation: Generation,
    pub(super) wanted: Wanted,
    pub(super) deadline: Instant,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Wants(VecDeque<Want>);

impl Wants {
    pub(super) fn new(first: Want) -> Self {
        Self(VecDeque::from([first]))
    }

    /// One more version. What is known already, or was overtaken, is ignored; true if it is news.
    pub(super) fn add(&mut self, want: Want) -> bool {
        if self.0.back().is_some_and(|newest| want.generation <= newest.generation) {
            return false;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(want);
        true
    }

    pub(super) fn newest(&self) -> Option<&Want> {
        self.0.back()
    }

    /// When the oldest is given up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.front().map(|want| want.deadline)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the server that gave this answer has nothing more to catch up with.
    pub(super) fn satisfied_by(&self, answer: Answer) -> bool {
        self.newest().is_none_or(|want| weigh(want.wanted, &[answer], 100) == Consensus::Reached)
    }

    /// Takes out the newest version that enough servers show, and every older one.
    pub(super) fn take_reached(&mut self, answers: &[Answer], threshold: u8) -> Option<Want> {
        let reached = |want: &Want| {
            want.wanted == Wanted::Absence && answers.is_empty()
                || weigh(want.wanted, answers, threshold) == Consensus::Reached
        };
        let at = self.0.iter().rposition(reached)?;
        self.0.drain(..=at).next_back()
    }

    /// Takes out the newest version whose time is over, and every older one.
    pub(super) fn take_expired(&mut self, now: Instant) -> Option<Want> {
        let at = self.0.iter().rposition(|want| want.deadline <= now)?;
        self.0.drain(..=at).next_back()
    }

    /// Takes out all; the newest is returned.
    pub(super) fn take_all(&mut self) -> Option<Want> {
        self.0.drain(..).next_back()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::serial::Serial;

    fn want(generation: u64, serial: u32) -> Want {
        let deadline = Instant::now() + Duration::from_secs(generation);
        Want {
            generation: Generation::new(generation),
            wanted: Wanted::Serial(Serial::new(serial)),
            deadline,
        }
    }

    fn serial(number: u32) -> Answer {
        Answer::Serial(Serial::new(number))
    }

    #[tokio::test(start_paused = true)]
    async fn versions_are_reached_from_the_newest_down() {
        let mut wants = Wants::new(want(1, 10));
        assert!(wants.add(want(2, 20)) && wants.add(want(3, 30)) && !wants.add(want(3, 30)));
        assert_eq!(wants.take_reached(&[serial(9), serial(30)], 100), None);
        let reached = wants.take_reached(&[serial(20), serial(30)], 100).unwrap();
        assert_eq!(reached.generation, Generation::new(2));
        assert!(!wants.satisfied_by(serial(20)) && wants.satisfied_by(serial(30)));
        assert_eq!(
            wants.take_reached(&[serial(31), serial(30)], 100).unwrap().generation,
            Generation::new(3)
        );
        assert!(wants.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn each_version_has_its_own_time() {
        let mut wants = Wants::new(want(1, 10));
        wants.add(want(2, 20));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(wants.take_expired(Instant::now()).unwrap().generation, Generation::new(1));
        assert_eq!(wants.take_expired(Instant::now()), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(wants.take_expired(Instant::now()).unwrap().generation, Generation::new(2));
    }

    #[tokio::test(start_paused = true)]
    async fn absence_from_no_server_is_given_a_serial_on_none_is_not() {
        let mut wants = Wants::new(want(1, 10));
        assert_eq!(wants.take_reached(&[], 0), None);
        let mut wants = Wants::new(Want { wanted: Wanted::Absence, ..want(2, 0) });
        assert_eq!(wants.take_reached(&[Answer::Unknown], 100), None);
        assert!(wants.take_reached(&[], 100).is_some());
    }
}
