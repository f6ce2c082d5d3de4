//! A session from its holder's side: how long it may be trusted, and how it ends.
//!
//! **Invariants**
//! - It is trusted until `ttl·(1 − ρ) − margin` after the *sending* of the last renewal that was acknowledged, so always
//!   less long than the log keeps it, provided clock rates differ by no more than ρ.
//! - Once it was given up it is never trusted again. Dropping it closes it in the background.
use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    CoordError, Lost, Pace, Replica, SessionId, chance,
    command::{Command, Opening},
    hub::Fate,
    keeper::Keeper,
};

/// Two clocks may drift apart by this part of the time that passes, in percent.
const RATE_PERCENT: u32 = 5;
const MAX_MARGIN: Duration = Duration::from_secs(1);

/// How long after the sending of a renewal a session may be trusted.
pub(crate) fn trusted_for(ttl: Duration) -> Duration {
    let margin = (ttl / 9).min(MAX_MARGIN);
    (ttl / 100 * (100 - RATE_PERCENT)).saturating_sub(margin)
}

/// How long a session is trusted; shared between its holder and the keeper.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) ttl: Duration,
    pub(crate) pace: Pace,
    until: watch::Sender<Until>,
}

#[derive(Debug, Clone, Copy)]
struct Until {
    safe: Instant,
    given_up: Option<Lost>,
}

impl Trust {
    fn new(ttl: Duration, pace: Pace, sent: Instant) -> Self {
        let until = Until { safe: sent + pace.lasts(trusted_for(ttl)), given_up: None };
        Self { ttl, pace, until: watch::Sender::new(until) }
    }

    /// A renewal sent at `sent` was acknowledged.
    pub(crate) fn extend(&self, sent: Instant) {
        self.until.send_if_modified(|until| {
            let safe = sent + self.pace.lasts(trusted_for(self.ttl));
            let later = safe > until.safe;
            if later {
                until.safe = safe;
            }
            later
        });
    }

    /// It is over; the first reason stays.
    pub(crate) fn give_up(&self, lost: Lost) {
        self.until.send_if_modified(|until| {
            let first = until.given_up.is_none();
            until.given_up.get_or_insert(lost);
            first
        });
    }

    pub(crate) fn safe_until(&self) -> Instant {
        self.until.borrow().safe
    }

    /// When the last renewal that was acknowledged was sent, or the opening.
    pub(crate) fn renewed(&self) -> Instant {
        let safe = self.safe_until();
        safe.checked_sub(self.pace.lasts(trusted_for(self.ttl))).unwrap_or(safe)
    }
}

/// An open session; closed when dropped.
#[derive(Debug)]
pub(crate) struct Session {
    id: SessionId,
    trust: Arc<Trust>,
    fate: watch::Receiver<Fate>,
    replica: Arc<dyn Replica>,
    keeper: Arc<Keeper>,
    closes: bool,
}

impl Session {
    /// A session whose opening command is about to be sent. It is not renewed before [`Self::keep`].
    pub(crate) fn new(ttl: Duration, replica: Arc<dyn Replica>, keeper: Arc<Keeper>) -> Self {
        let id = SessionId(chance::uuid());
        let fate = replica.ledger().follow(id);
        let trust = Arc::new(Trust::new(ttl, replica.ledger().pace(), Instant::now()));
        Self { id, trust, fate, replica, keeper, closes: true }
    }

    pub(crate) const fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn opening(&self) -> Opening {
        Opening { session: self.id, ttl: self.trust.ttl }
    }

    pub(crate) const fn replica(&self) -> &Arc<dyn Replica> {
        &self.replica
    }

    /// Has it renewed from now on.
    pub(crate) fn keep(&self) {
        self.keeper.keep(self.id, &self.trust);
    }

    pub(crate) fn is_safe(&self, now: Instant) -> bool {
        let until = *self.trust.until.borrow();
        until.given_up.is_none() && now < until.safe && !matches!(*self.fate.borrow(), Fate::Ended(_))
    }

    /// Resolves when the session is over, or can no longer be trusted.
    pub(crate) async fn lost(&self) -> Lost {
        let mut until = self.trust.until.subscribe();
        let mut fate = self.fate.clone();
        loop {
            let Until { safe, given_up } = *until.borrow_and_update();
            if let Fate::Ended(lost) = *fate.borrow_and_update() {
                return lost;
            }
            if let Some(lost) = given_up {
                return lost;
            }
            if Instant::now() >= safe {
                self.trust.give_up(Lost::Lapsed);
                return Lost::Lapsed;
            }
            tokio::select! {
                biased;
                _ = until.changed() => {}
                changed = fate.changed() => if changed.is_err() { return Lost::Closed },
                () = sleep_until(safe) => {}
            }
        }
    }

    /// Waits for the lock that this session is queued for.
    pub(crate) async fn granted(&self) -> Result<crate::Token, Lost> {
        let mut fate = self.fate.clone();
        let granted = async {
            loop {
                match *fate.borrow_and_update() {
                    Fate::Granted(token) => return Ok(token),
                    Fate::Ended(lost) => return Err(lost),
                    Fate::Unborn | Fate::Open => {}
                }
                if fate.changed().await.is_err() {
                    return Err(Lost::Closed);
                }
            }
        };
        tokio::select! {
            biased;
            granted = granted => granted,
            lost = self.lost() => Err(lost),
        }
    }

    /// Closes it and waits until that is decided.
    pub(crate) async fn close(mut self) -> Result<(), CoordError> {
        self.replica.submit(Command::Close { session: self.id }).await?;
        self.closes = false;
        Ok(())
    }

    /// Forgets a session that was never opened.
    pub(crate) fn abandon(mut self) {
        self.closes = false;
    }

    /// Stops renewing.
    #[cfg(feature = "testing")]
    pub(crate) fn silence(&self) {
        self.keeper.forget(self.id, false);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.trust.give_up(Lost::Closed);
        self.replica.ledger().unfollow(self.id);
        self.keeper.forget(self.id, self.closes);
    }
}
