//! How far a zone has come on its way to the name servers: action × status, decided by generations.
//!
//! ```text
//!            change                 report Propagated, nothing newer
//!   CREATE/PENDING ──────────────────────────────────────────► NONE/ACTIVE
//!     │  ▲ report Failed │ ▲                                      │ change
//!     ▼  └── change ─────┘ └──────────── (still CREATE until ◄────┤
//!   CREATE/ERROR                          the first success)      ▼
//!                                                       UPDATE/PENDING ◄──► UPDATE/ERROR
//!   any ── delete ──► DELETE/PENDING ◄──► DELETE/ERROR ── report Propagated ──► gone
//! ```
//!
//! Invariants: a zone is ACTIVE only when what was propagated is its newest generation, never on the word of a late
//! report; a zone being deleted leaves that state only by being gone; every step of `generation` is forward.

use serde::{Deserialize, Serialize};

use super::generation::Generation;

/// What is under way for a zone or a recordset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Not on the name servers yet.
    Create,
    /// Changed since it was last propagated.
    Update,
    /// To be removed.
    Delete,
    /// Nothing.
    None,
}

/// How that is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Under way.
    Pending,
    /// Done.
    Active,
    /// The last attempt failed; recovery will try again.
    Error,
    /// Removed everywhere.
    Deleted,
}

impl Action {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::None => "NONE",
        }
    }

    /// Reads [`Self::as_str`]'s text back.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Create, Self::Update, Self::Delete, Self::None].into_iter().find(|a| a.as_str() == text)
    }
}

impl Status {
    /// The API's and the database's text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Error => "ERROR",
            Self::Deleted => "DELETED",
        }
    }

    /// Reads [`Self::as_str`]'s text back.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Pending, Self::Active, Self::Error, Self::Deleted].into_iter().find(|s| s.as_str() == text)
    }
}

/// How far a zone has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is under way.
    pub action: Action,
    /// How it is going.
    pub status: Status,
    /// The newest accepted change.
    pub generation: Generation,
    /// The newest change that has a serial, so that transfers show it.
    pub published: Generation,
    /// The newest change that the name servers confirmed.
    pub propagated: Generation,
    /// The newest change whose propagation failed.
    pub failed: Generation,
}

/// What became of an attempt to bring one generation to the name servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Enough servers show it (or, for a deletion, show it no more).
    Propagated,
    /// Not enough did within the time allowed.
    Failed,
    /// Too many servers do not know the zone at all.
    NoZone,
}

/// What a report does to a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: the report is old news.
    Unchanged,
    /// The zone stands thus now.
    Stands(Progress),
    /// The deletion is complete.
    Gone(Progress),
}

impl Progress {
    /// A zone just created: its first generation carries the serial it was created with.
    #[must_use]
    pub const fn created() -> Self {
        Self {
            action: Action::Create,
            status: Status::Pending,
            generation: Generation::FIRST,
            published: Generation::FIRST,
            propagated: Generation::NEVER,
            failed: Generation::NEVER,
        }
    }

    /// True while the zone is being deleted.
    #[must_use]
    pub fn is_deleting(&self) -> bool {
        self.action == Action::Delete
    }

    /// True if a change has no serial yet.
    #[must_use]
    pub fn is_unpublished(&self) -> bool {
        self.published < self.generation
    }

    /// After one more accepted change. That a zone never reached the servers is known by what was propagated, not by the action.
    #[must_use]
    pub fn changed(self) -> Self {
        let action = match self.action {
            Action::Delete => Action::Delete,
            _ => Action::Update,
        };
        Self { action, status: Status::Pending, generation: self.generation.next(), ..self }
    }

    /// After the deletion was asked for; asking again changes nothing but the status.
    #[must_use]
    pub fn deleting(self) -> Self {
        let generation = if self.is_deleting() { self.generation } else { self.generation.next() };
        Self { action: Action::Delete, status: Status::Pending, generation, ..self }
    }

    /// After everything accepted so far was given a serial.
    #[must_use]
    pub fn published(self) -> Self {
        Self { published: self.generation, ..self }
    }

    /// After a report about `generation`.
    #[must_use]
    pub fn reported(self, generation: Generation, outcome: Outcome) -> Verdict {
        if self.status == Status::Deleted || generation > self.generation {
            return Verdict::Unchanged;
        }
        if self.is_deleting() {
            return self.deletion_reported(generation, outcome);
        }
        let next = match outcome {
            Outcome::Propagated => {
                let propagated = self.propagated.max(generation);
                if propagated == self.generation {
                    Self { action: Action::None, status: Status::Active, propagated, ..self }
                } else {
                    Self { propagated, ..self }
                }
            }
            Outcome::Failed | Outcome::NoZone
                if generation <= self.propagated && outcome == Outcome::Failed =>
            {
                self
            }
            Outcome::Failed => {
                let failed = self.failed.max(generation);
                let status = if failed == self.generation { Status::Error } else { self.status };
                Self { status, failed, ..self }
            }
            Outcome::NoZone if generation < self.generation => self,
            // The servers lost the zone: recovery must create it again, whatever was propagated before.
            Outcome::NoZone => Self {
                action: Action::Create,
                status: Status::Error,
                propagated: Generation::NEVER,
                failed: generation,
                ..self
            },
        };
        if next == self { Verdict::Unchanged } else { Verdict::Stands(next) }
    }

    fn deletion_reported(self, generation: Generation, outcome: Outcome) -> Verdict {
        if generation < self.generation {
            return Verdict::Unchanged;
        }
        match outcome {
            Outcome::Propagated | Outcome::NoZone => Verdict::Gone(Self {
                action: Action::None,
                status: Status::Deleted,
                propagated: generation,
                ..self
            }),
            Outcome::Failed if self.status == Status::Error => Verdict::Unchanged,
            Outcome::Failed => Verdict::Stands(Self { status: Status::Error, failed: generation, ..self }),
        }
    }

    /// After the masters of a secondary zone were not heard of for so long that it is not served any more.
    #[must_use]
    pub fn expired(self) -> Self {
        if self.is_deleting() { self } else { Self { status: Status::Error, ..self } }
    }

    /// After they were heard of again, and have nothing newer.
    #[must_use]
    pub fn heard_of_again(self) -> Self {
        if self.is_deleting() || self.status != Status::Error || self.failed == self.generation {
            self
        } else if self.propagated == self.generation {
            Self { action: Action::None, status: Status::Active, ..self }
        } else {
            Self { status: Status::Pending, ..self }
        }
    }

    /// What a recordset shows whose last change, of kind `change`, was the zone's `generation`.
    #[must_use]
    pub fn of_recordset(
        &self,
        generation: Generation,
        change: Action,
        has_records: bool,
    ) -> (Action, Status) {
        if !has_records || generation <= self.propagated {
            (Action::None, Status::Active)
        } else if generation <= self.failed {
            (change, Status::Error)
        } else {
            (change, Status::Pending)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> Progress {
        match Progress::created().reported(Generation::FIRST, Outcome::Propagated) {
            Verdict::Stands(p) => p,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_created_zone_becomes_active_when_its_first_generation_is_propagated() {
        assert_eq!((active().action, active().status), (Action::None, Status::Active));
    }

    #[test]
    fn a_late_report_does_not_make_a_changed_zone_active() {
        let changed = active().changed().changed();
        let Verdict::Stands(p) = changed.reported(Generation::new(2), Outcome::Propagated) else { panic!() };
        assert_eq!((p.action, p.status, p.propagated), (Action::Update, Status::Pending, Generation::new(2)));
        assert_eq!(changed.reported(Generation::FIRST, Outcome::Failed), Verdict::Unchanged);
    }

    #[test]
    fn a_change_is_an_update_even_before_the_zone_is_anywhere() {
        assert_eq!(Progress::created().changed().action, Action::Update);
        assert_eq!(active().changed().action, Action::Update);
    }

    #[test]
    fn a_failed_attempt_at_the_newest_generation_is_an_error_and_a_success_mends_it() {
        let Verdict::Stands(failed) = active().changed().reported(Generation::new(2), Outcome::Failed) else {
            panic!()
        };
        assert_eq!((failed.action, failed.status), (Action::Update, Status::Error));
        let Verdict::Stands(mended) = failed.reported(Generation::new(2), Outcome::Propagated) else {
            panic!()
        };
        assert_eq!((mended.action, mended.status), (Action::None, Status::Active));
    }

    #[test]
    fn a_failure_of_an_older_generation_leaves_the_newer_one_pending() {
        let Verdict::Stands(p) = active().changed().changed().reported(Generation::new(2), Outcome::Failed)
        else {
            panic!()
        };
        assert_eq!(p.status, Status::Pending);
        assert_eq!(p.of_recordset(Generation::new(2), Action::Update, true), (Action::Update, Status::Error));
        assert_eq!(
            p.of_recordset(Generation::new(3), Action::Create, true),
            (Action::Create, Status::Pending)
        );
        assert_eq!(p.of_recordset(Generation::FIRST, Action::Create, true), (Action::None, Status::Active));
    }

    #[test]
    fn a_lost_zone_is_created_again() {
        let Verdict::Stands(p) = active().reported(Generation::FIRST, Outcome::NoZone) else { panic!() };
        assert_eq!((p.action, p.status, p.propagated), (Action::Create, Status::Error, Generation::NEVER));
    }

    #[test]
    fn a_failed_deletion_stays_a_deletion_until_the_servers_confirm() {
        let deleting = active().deleting();
        assert_eq!(deleting.reported(Generation::FIRST, Outcome::Propagated), Verdict::Unchanged);
        let Verdict::Stands(p) = deleting.reported(Generation::new(2), Outcome::Failed) else { panic!() };
        assert_eq!((p.action, p.status), (Action::Delete, Status::Error));
        assert_eq!(p.deleting().status, Status::Pending);
        assert_eq!(p.changed().action, Action::Delete);
        let Verdict::Gone(gone) = p.reported(Generation::new(2), Outcome::Propagated) else { panic!() };
        assert_eq!(gone.status, Status::Deleted);
        assert_eq!(gone.reported(Generation::new(2), Outcome::Failed), Verdict::Unchanged);
    }

    #[test]
    fn a_zone_that_expired_is_what_it_was_once_its_masters_are_heard_of() {
        let expired = active().expired();
        assert_eq!((expired.action, expired.status), (Action::None, Status::Error));
        assert_eq!(expired.heard_of_again(), active());
        let changed = active().changed();
        assert_eq!(changed.expired().heard_of_again(), changed);
        let Verdict::Stands(failed) = changed.reported(Generation::new(2), Outcome::Failed) else { panic!() };
        assert_eq!(failed.expired().heard_of_again().status, Status::Error, "for a reason of its own");
        let deleting = active().deleting();
        assert_eq!((deleting.expired(), deleting.heard_of_again()), (deleting, deleting));
    }

    #[test]
    fn a_report_from_the_future_is_ignored() {
        assert_eq!(active().reported(Generation::new(9), Outcome::Propagated), Verdict::Unchanged);
    }
}
