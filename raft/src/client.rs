//! [`Coordinator`] on top of any [`Replica`].
//!
//! **Invariants**: each seat and each lock has a session of its own, so that losing one leaves the others alone. A session
//! that was not decided in time is closed in the background. Must be made within a tokio runtime.
use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    CoordError, Coordinator, Group, Lease, LockName, LockStatus, Member, Membership, Read, Replica, Terms,
    View,
    command::{Command, Reply},
    keeper::Keeper,
    session::Session,
};

/// How long to wait for a decision.
const DECISION_LIMIT: Duration = Duration::from_secs(10);

/// A coordinator over a replica.
#[derive(Debug)]
pub struct Client {
    replica: Arc<dyn Replica>,
    keeper: Arc<Keeper>,
}

impl Client {
    /// Starts keeping sessions on a replica.
    #[must_use]
    pub fn new(replica: Arc<dyn Replica>) -> Self {
        let keeper = Arc::new(Keeper::start(replica.clone()));
        Self { replica, keeper }
    }

    fn session(&self, ttl: Duration) -> Session {
        Session::new(ttl, self.replica.clone(), self.keeper.clone())
    }

    /// Trusts sessions as if their last renewal had been sent now.
    #[cfg(feature = "testing")]
    pub(crate) fn trust_anew(&self, sessions: &[crate::SessionId]) {
        self.keeper.trust_anew(sessions);
    }
}

/// Reads, within a limit.
async fn in_time<T>(read: impl Future<Output = Result<T, CoordError>>) -> Result<T, CoordError> {
    timeout(DECISION_LIMIT, read)
        .await
        .unwrap_or_else(|_| Err(CoordError::Unavailable { reason: "no answer in time".to_owned() }))
}

/// Gets a command decided, within a limit.
pub(crate) async fn submit(replica: &dyn Replica, command: Command) -> Result<Reply, CoordError> {
    let name = command.name();
    match timeout(DECISION_LIMIT, replica.submit(command)).await {
        Ok(applied) => Ok(applied?.reply),
        Err(_) => Err(CoordError::Unknown { reason: format!("{name} was not decided in time") }),
    }
}

#[async_trait]
impl Coordinator for Client {
    async fn join(&self, group: &Group, me: Member) -> Result<Membership, CoordError> {
        let session = self.session(me.ttl);
        let join = Command::Join { opening: session.opening(), group: group.clone(), member: me.clone() };
        match submit(&*self.replica, join).await? {
            Reply::Joined(since) => Ok(Membership::new(session, group, me, since)),
            Reply::Refused(refusal) => {
                session.abandon();
                Err(refusal.into())
            }
            _ => Err(CoordError::Mismatch { command: "join" }),
        }
    }

    fn watch(&self, group: &Group) -> watch::Receiver<Arc<View>> {
        self.replica.ledger().watch(group.name())
    }

    fn cached(&self, group: &Group) -> Read {
        self.replica.ledger().read(group.name())
    }

    async fn read(&self, group: &Group) -> Result<Read, CoordError> {
        in_time(self.replica.catch_up()).await?;
        Ok(self.cached(group))
    }

    async fn acquire(&self, lock: &LockName, terms: Terms) -> Result<Lease, CoordError> {
        let asked = Instant::now();
        let session = self.session(terms.ttl);
        let (opening, queue) = (session.opening(), !terms.wait.is_zero());
        match submit(&*self.replica, Command::Acquire { opening, lock: lock.clone(), queue }).await? {
            Reply::Granted(token) => Ok(Lease::new(session, lock, token)),
            Reply::Waiting(_) => {
                session.keep();
                match timeout(terms.wait.saturating_sub(asked.elapsed()), session.granted()).await {
                    Ok(token) => Ok(Lease::new(session, lock, token?)),
                    Err(_) => {
                        session.close().await?;
                        Err(CoordError::NotGranted { lock: lock.clone() })
                    }
                }
            }
            Reply::Busy => {
                session.abandon();
                Err(CoordError::NotGranted { lock: lock.clone() })
            }
            Reply::Refused(refusal) => {
                session.abandon();
                Err(refusal.into())
            }
            _ => Err(CoordError::Mismatch { command: "acquire" }),
        }
    }

    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        in_time(self.replica.inspect(lock)).await
    }
}
