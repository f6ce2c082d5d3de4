//! A seat in a group.
//!
//! **Invariants**: it is renewed as long as it exists. A member works only on what [`Membership::holdings`] names, and
//! claims each holding's token in the transaction of every guarded write. When asked to release shards it first stops
//! working on them and then says so with [`Membership::hand_over`]. A lost seat stays lost: the member joins anew.
use std::sync::Arc;

use tokio::{sync::watch, time::Instant};

use crate::{
    CoordError, Epoch, Group, Holding, Lost, Member, SessionId, View,
    client::submit,
    command::{Command, Reply},
    session::Session,
};

/// A seat held until it is left, dropped or lost.
#[derive(Debug)]
#[must_use = "a membership ends when it is dropped"]
pub struct Membership {
    session: Session,
    group: Group,
    member: Member,
    since: Epoch,
    view: watch::Receiver<Arc<View>>,
}

impl Membership {
    pub(crate) fn new(session: Session, group: &Group, member: Member, since: Epoch) -> Self {
        session.keep();
        let view = session.replica().ledger().watch(group.name());
        Self { session, group: group.clone(), member, since, view }
    }

    /// The group.
    #[must_use]
    pub const fn group(&self) -> &Group {
        &self.group
    }

    /// Who sits here.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// The session of the seat, by which views name this member.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session.id()
    }

    /// The first epoch with this seat.
    #[must_use]
    pub const fn since(&self) -> Epoch {
        self.since
    }

    /// Follows the group.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// The newest view known here.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// The shards that this member may begin to work on at `now`: none unless the seat is safe.
    #[must_use]
    pub fn holdings(&self, now: Instant) -> Vec<Holding> {
        if self.is_safe(now) { self.view.borrow().holdings(self.session()) } else { Vec::new() }
    }

    /// Says that this member does no more work on what views up to `epoch` asked it to release.
    ///
    /// # Errors
    /// [`CoordError::Refused`] if the session is over; others if it could not be decided, and then it may be repeated.
    pub async fn hand_over(&self, epoch: Epoch) -> Result<(), CoordError> {
        let (session, group) = (self.session(), self.group.name().clone());
        let command = Command::HandOver { session, group, epoch };
        match submit(&**self.session.replica(), command).await? {
            Reply::Done => Ok(()),
            Reply::Refused(refusal) => Err(refusal.into()),
            _ => Err(CoordError::Mismatch { command: "hand_over" }),
        }
    }

    /// Whether nobody else can have this member's shards at `now`.
    #[must_use]
    pub fn is_safe(&self, now: Instant) -> bool {
        self.session.is_safe(now)
    }

    /// Resolves once the seat is, or may be, gone.
    pub async fn lost(&self) -> Lost {
        self.session.lost().await
    }

    /// Leaves; on return the shards belong to the other members. All work on them must have stopped.
    ///
    /// # Errors
    /// If it could not be decided; it is then retried in the background, or the seat expires.
    pub async fn leave(self) -> Result<(), CoordError> {
        self.session.close().await
    }

    /// Stops renewing, as if the member were cut off from the coordinator.
    #[cfg(feature = "testing")]
    pub fn silence(&self) {
        self.session.silence();
    }
}
