//! Whether what callers saw could have happened one step after the other: a checker of linearizability (Wing and Gong's
//! search, each lock by itself) for histories of a simulation or of real processes.
//!
//! ```text
//! let history = Recorder::default();
//! let begun = history.begin(Step::Take { lock, token: None });
//! if let Ok(lease) = coordinator.acquire(&lock, terms).await {
//!     history.end(begun, Step::Take { lock, token: Some(lease.token()) });
//! }
//! linear::check(&history.calls())?;
//! ```
//!
//! **Invariants**: a history that passes has an order in which each call takes effect between its beginning and its end; one
//! that does not pass has none. A call without an end may take effect at any later time, or never.
mod group;
mod lock;
mod search;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Epoch, GroupName, LockName, SessionId, Token};

/// One call as its caller saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// When it began, on any clock that all callers share.
    pub invoked: u64,
    /// When it ended; none if the caller never learned what came of it.
    pub returned: Option<u64>,
    /// What was asked, and what was answered.
    pub step: Step,
}

/// What was asked, and what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The lock was taken under a token; none if it is unknown whether it was. What was taken without a token may end by
    /// itself at any time.
    Take {
        /// Which.
        lock: LockName,
        /// By which token.
        token: Option<Token>,
    },
    /// The lock was not to be had.
    Busy {
        /// Which.
        lock: LockName,
    },
    /// The lock was given back. Without an end: the holder stopped trusting its lease or died, and it may expire from now on.
    GiveBack {
        /// Which.
        lock: LockName,
        /// By which token it was held.
        token: Token,
    },
    /// Somebody looked who holds the lock.
    See {
        /// Which.
        lock: LockName,
        /// By which token it is held; none if it is free.
        token: Option<Token>,
    },
    /// A seat was taken.
    Join {
        /// Where.
        group: GroupName,
        /// By whom.
        session: SessionId,
        /// The first epoch with the seat.
        epoch: Epoch,
    },
    /// A seat was given up. Without an end: its holder stopped trusting it or died, and it may expire from now on.
    Leave {
        /// Where.
        group: GroupName,
        /// By whom.
        session: SessionId,
    },
    /// Somebody read the group, not from a copy that may be behind.
    Read {
        /// Which.
        group: GroupName,
        /// Version of the view.
        epoch: Epoch,
        /// Who was in.
        members: BTreeSet<SessionId>,
    },
}

/// A history that no order explains.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no order of these calls explains what {subject} answered: {}", lines(.calls))]
pub struct NoOrder {
    /// The lock or group.
    pub subject: String,
    /// The calls to it that cannot all be true, by their beginning.
    pub calls: Vec<Call>,
}

fn lines(calls: &[Call]) -> String {
    calls.iter().map(|call| format!("\n  {call}")).collect()
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invoked, returned, step } = self;
        match returned {
            Some(returned) => write!(f, "{invoked}..{returned} {step:?}"),
            None => write!(f, "{invoked}.. {step:?}"),
        }
    }
}

/// Looks for an order.
///
/// # Errors
/// [`NoOrder`] if there is none.
pub fn check(calls: &[Call]) -> Result<(), NoOrder> {
    let (mut locks, mut groups) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
    for call in calls {
        match &call.step {
            Step::Take { lock, .. }
            | Step::Busy { lock }
            | Step::GiveBack { lock, .. }
            | Step::See { lock, .. } => locks.entry(lock).or_default().push(call),
            Step::Join { group, .. } | Step::Leave { group, .. } | Step::Read { group, .. } => {
                groups.entry(group).or_default().push(call);
            }
        }
    }
    let no_order = |subject: String, calls: Vec<&Call>| {
        let mut calls: Vec<Call> = calls.into_iter().cloned().collect();
        calls.sort_by_key(|call| call.invoked);
        NoOrder { subject, calls }
    };
    for (name, calls) in locks {
        lock::check(&calls).map_err(|calls| no_order(format!("lock {name}"), calls))?;
    }
    for (name, calls) in groups {
        group::check(&calls).map_err(|calls| no_order(format!("group {name}"), calls))?;
    }
    Ok(())
}

/// Takes down calls as they begin and end. Its clock counts beginnings and ends, so all callers must be of one process.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    clock: u64,
    ended: Vec<Call>,
    /// Calls that have not ended, by their beginning, and what is to be made of them if they never do.
    open: BTreeMap<u64, Step>,
}

impl Book {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Recorder {
    /// A call begins now that may have this effect, or none, until it is known what came of it. Says when it began.
    pub fn begin(&self, effect: impl Into<Option<Step>>) -> u64 {
        let mut book = self.lock();
        let now = book.tick();
        if let Some(effect) = effect.into() {
            book.open.insert(now, effect);
        }
        now
    }

    /// A call ends now, and this is what came of it.
    pub fn end(&self, invoked: u64, step: Step) {
        let mut book = self.lock();
        let returned = Some(book.tick());
        book.open.remove(&invoked);
        book.ended.push(Call { invoked, returned, step });
    }

    /// A call certainly had no effect.
    pub fn forget(&self, invoked: u64) {
        self.lock().open.remove(&invoked);
    }

    /// This may happen at any time after `since`, or never.
    pub fn perhaps(&self, since: u64, step: Step) {
        self.lock().ended.push(Call { invoked: since, returned: None, step });
    }

    /// What was taken down so far.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let book = self.lock();
        let open = book.open.iter();
        let open = open.map(|(&invoked, step)| Call { invoked, returned: None, step: step.clone() });
        book.ended.iter().cloned().chain(open).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
