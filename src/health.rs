//! What a process needs and whether it has it: told in the log when it changes, and to whoever asks at any time.
//!
//! Invariants: a condition is told when it changes and then rarely, however often it is looked at; nothing here waits;
//! a text never holds a secret, since it is shown to everybody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How often something that lasts is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// How many different reasons are remembered as told.
const REASONS: usize = 16;

/// The conditions of one process; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    parts: Mutex<BTreeMap<&'static str, Part>>,
    withdrawn: AtomicBool,
    draining: AtomicBool,
}

#[derive(Debug, Default)]
struct Part {
    wants: Option<String>,
    complaint: Complaint,
}

/// How things stand at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Every condition in the order of its name; `None` if it is as it should be, otherwise what it wants.
    pub parts: Vec<(&'static str, Option<String>)>,
    /// Whoever has a choice should go elsewhere: an operator says so, or the process is about to end.
    pub withdrawn: bool,
}

impl Report {
    /// True if nothing is wanting and nobody should go elsewhere.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.withdrawn && self.parts.iter().all(|(_, wants)| wants.is_none())
    }
}

impl Health {
    /// Everything is as it should be, there being nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A condition that this process depends on; it wants to begin.
    #[must_use]
    pub fn condition(&self, name: &'static str) -> Condition {
        let begin = Part { wants: Some(String::from("starting")), complaint: Complaint::default() };
        self.0.parts.lock().entry(name).or_insert(begin);
        Condition { health: self.clone(), name }
    }

    /// From here on the process is about to end.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    /// Asks whoever has a choice to go elsewhere, or takes that back.
    pub fn withdraw(&self, withdrawn: bool) {
        self.0.withdrawn.store(withdrawn, Ordering::Release);
    }

    /// True if whoever has a choice should go elsewhere.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.0.withdrawn.load(Ordering::Acquire) || self.0.draining.load(Ordering::Acquire)
    }

    /// True if this condition is known and wants something.
    #[must_use]
    pub fn is_missing(&self, name: &str) -> bool {
        self.0.parts.lock().get(name).is_some_and(|part| part.wants.is_some())
    }

    /// How things stand.
    #[must_use]
    pub fn report(&self) -> Report {
        let parts = self.0.parts.lock();
        let parts = parts.iter().map(|(name, part)| (*name, part.wants.clone())).collect();
        Report { parts, withdrawn: self.is_withdrawn() }
    }
}

/// One thing that a process depends on; cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition {
    health: Health,
    name: &'static str,
}

impl Condition {
    /// One that nobody asks for; it is told in the log alone.
    #[must_use]
    pub fn alone(name: &'static str) -> Self {
        Health::new().condition(name)
    }

    /// It is as it should be.
    pub fn fine(&self) {
        self.update(|part| {
            part.wants = None;
            if let Some(lasted) = part.complaint.settled() {
                tracing::info!(part = self.name, after = ?lasted, "is there again");
            }
        });
    }

    /// It is not as it should be, for this reason.
    pub fn wants(&self, reason: impl Into<String>) {
        let reason = reason.into();
        self.update(|part| {
            match part.complaint.about(&reason) {
                Some(Duration::ZERO) => tracing::warn!(part = self.name, reason, "is missing"),
                Some(lasted) => tracing::warn!(part = self.name, reason, since = ?lasted, "is still missing"),
                None => {}
            }
            part.wants = Some(reason);
        });
    }

    /// It is out of use, and nobody depends on it any more.
    pub fn over(&self) {
        self.health.0.parts.lock().remove(self.name);
    }

    fn update(&self, change: impl FnOnce(&mut Part)) {
        change(self.health.0.parts.lock().entry(self.name).or_default());
    }
}

/// Something that goes wrong again and again, and when it should be told.
#[derive(Debug, Default)]
pub struct Complaint {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    since: Instant,
    /// What was told, and when last.
    told: Vec<(String, Instant)>,
}

impl Complaint {
    /// It went wrong for this reason. If that should be told: for how long it has gone wrong already, zero if this
    /// reason is news. Reasons may take turns.
    pub fn about(&mut self, reason: &str) -> Option<Duration> {
        let now = Instant::now();
        let current = self.current.get_or_insert_with(|| Current { since: now, told: Vec::new() });
        if let Some((_, last)) = current.told.iter_mut().find(|(told, _)| told == reason) {
            let due = now.saturating_duration_since(*last) >= AGAIN;
            *last = if due { now } else { *last };
            return due.then(|| now.saturating_duration_since(current.since));
        }
        if current.told.len() == REASONS {
            current.told.remove(0);
        }
        current.told.push((reason.to_owned(), now));
        Some(Duration::ZERO)
    }

    /// It went well. If it had gone wrong before: for how long.
    pub fn settled(&mut self) -> Option<Duration> {
        self.current.take().map(|current| current.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_complaint_is_told_when_it_changes_and_then_rarely() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.settled(), None);
        assert_eq!(complaint.about("refused"), Some(Duration::ZERO));
        let mut told = 0;
        for _ in 0..600 {
            tokio::time::advance(Duration::from_secs(1)).await;
            told += usize::from(complaint.about("refused").is_some());
        }
        assert_eq!(told, 10);
        assert_eq!(complaint.about("wrong password"), Some(Duration::ZERO));
        assert_eq!(complaint.about("wrong password"), None);
        assert_eq!(complaint.about("refused"), None, "reasons may take turns");
        assert_eq!(complaint.settled(), Some(Duration::from_secs(600)));
        assert_eq!(complaint.settled(), None);
    }

    #[test]
    fn ready_means_that_nothing_is_wanting_and_the_end_is_not_near() {
        let health = Health::new();
        assert!(health.report().is_ready());
        let (database, broker) = (health.condition("database"), health.condition("broker"));
        broker.fine();
        assert_eq!(health.report().parts, [("broker", None), ("database", Some(String::from("starting")))]);
        database.wants("refused");
        assert!(!health.report().is_ready());
        assert!(health.is_missing("database") && !health.is_missing("broker") && !health.is_missing("other"));
        database.fine();
        assert!(health.report().is_ready());
        database.wants("refused");
        database.over();
        assert!(health.report().is_ready());
        health.withdraw(true);
        assert!(!health.report().is_ready());
        health.withdraw(false);
        assert!(health.report().is_ready());
        health.drain();
        health.withdraw(false);
        assert!(!health.report().is_ready() && health.is_withdrawn());
    }
}
