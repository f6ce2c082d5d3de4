//! Renews the sessions of this process and closes those that were dropped.
//!
//! **Invariants**: one task for all sessions of a [`Client`](crate::Client); what is due is renewed by one command. A
//! session is due a third of its ttl after it was last renewed. A session whose trust ran out is given up before anything
//! is renewed. The task ends when the client and all its sessions are gone.
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Lost, Replica, SessionId,
    command::{Command, Reply},
    session::Trust,
};

/// Sessions renewed by one command.
const BATCH: usize = 1024;
/// How long to wait for a renewal or a close to be decided.
const LIMIT: Duration = Duration::from_secs(5);

/// Where sessions are signed on and off.
#[derive(Debug)]
pub(crate) struct Keeper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    roll: Mutex<Roll>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Roll {
    kept: BTreeMap<SessionId, Kept>,
    dropped: Vec<SessionId>,
    over: bool,
}

#[derive(Debug)]
struct Kept {
    trust: Arc<Trust>,
    due: Instant,
}

/// What the task has to do now.
#[derive(Debug, Default)]
struct Plan {
    close: Vec<SessionId>,
    renew: Vec<(SessionId, Arc<Trust>)>,
    over: bool,
}

impl Keeper {
    /// Starts the task; must be called within a tokio runtime.
    pub(crate) fn start(replica: Arc<dyn Replica>) -> Self {
        let shared = Arc::new(Shared::default());
        tokio::spawn(run(shared.clone(), replica));
        Self(shared)
    }

    pub(crate) fn keep(&self, session: SessionId, trust: &Arc<Trust>) {
        // What was granted late is due at once.
        let due = trust.renewed() + trust.pace.lasts(trust.ttl / 3);
        self.0.roll().kept.insert(session, Kept { trust: trust.clone(), due });
        self.0.changed.notify_one();
    }

    /// Trusts sessions as if their last renewal had been sent now.
    #[cfg(feature = "testing")]
    pub(crate) fn trust_anew(&self, sessions: &[SessionId]) {
        let roll = self.0.roll();
        for kept in sessions.iter().filter_map(|session| roll.kept.get(session)) {
            kept.trust.extend(Instant::now());
        }
    }

    pub(crate) fn forget(&self, session: SessionId, close: bool) {
        let mut roll = self.0.roll();
        roll.kept.remove(&session);
        if close {
            roll.dropped.push(session);
            drop(roll);
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.roll().over = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn roll(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Roll {
    fn plan(&mut self, now: Instant) -> Plan {
        let mut plan = Plan { close: std::mem::take(&mut self.dropped), over: self.over, ..Plan::default() };
        self.kept.retain(|session, kept| {
            let trusted = now < kept.trust.safe_until();
            if !trusted {
                kept.trust.give_up(Lost::Lapsed);
                plan.close.push(*session);
            } else if kept.due <= now + kept.trust.ttl / 12 && plan.renew.len() < BATCH {
                plan.renew.push((*session, kept.trust.clone()));
            }
            trusted
        });
        // Waking up for a session that is nearly due is what gathers renewals; waking up for nobody would be waste.
        if !self.is_due(now) {
            plan.renew.clear();
        }
        plan
    }

    fn is_due(&self, now: Instant) -> bool {
        self.kept.values().any(|kept| kept.due <= now)
    }

    fn next(&self) -> Option<Instant> {
        self.kept.values().map(|kept| kept.due.min(kept.trust.safe_until())).min()
    }

    fn postpone(&mut self, session: SessionId, due: Instant) {
        if let Some(kept) = self.kept.get_mut(&session) {
            kept.due = due;
        }
    }
}

async fn run(shared: Arc<Shared>, replica: Arc<dyn Replica>) {
    loop {
        let plan = shared.roll().plan(Instant::now());
        for session in plan.close {
            tokio::spawn(close(replica.clone(), session));
        }
        renew(&shared, &*replica, &plan.renew).await;
        if plan.over {
            return;
        }
        let next = shared.roll().next();
        match next {
            Some(at) => tokio::select! {
                biased;
                () = sleep_until(at) => {}
                () = shared.changed.notified() => {}
            },
            None => shared.changed.notified().await,
        }
    }
}

async fn close(replica: Arc<dyn Replica>, session: SessionId) {
    match timeout(LIMIT, replica.submit(Command::Close { session })).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%session, %error, "cannot close a session, it will expire"),
        Err(_) => tracing::warn!(%session, "cannot close a session in time, it will expire"),
    }
}

async fn renew(shared: &Shared, replica: &dyn Replica, due: &[(SessionId, Arc<Trust>)]) {
    let Some(shortest) = due.iter().map(|(_, trust)| trust.ttl).min() else { return };
    let sessions = due.iter().map(|(session, _)| *session).collect();
    let sent = Instant::now();
    let answer = timeout(LIMIT.min(shortest / 4), replica.submit(Command::Renew { sessions })).await;
    match answer.map(|answer| answer.map(|applied| applied.reply)) {
        Ok(Ok(Reply::Renewed { unknown })) => {
            for (session, trust) in due {
                if unknown.contains(session) {
                    trust.give_up(Lost::Expired);
                    shared.roll().kept.remove(session);
                } else {
                    trust.extend(sent);
                    shared.roll().postpone(*session, sent + trust.pace.lasts(trust.ttl / 3));
                }
            }
            return;
        }
        Ok(Ok(reply)) => tracing::error!(?reply, "a renewal was answered with something else"),
        Ok(Err(error)) => tracing::warn!(%error, sessions = due.len(), "cannot renew"),
        Err(_) => tracing::warn!(sessions = due.len(), "cannot renew in time"),
    }
    for (session, trust) in due {
        shared.roll().postpone(*session, Instant::now() + trust.ttl / 12);
    }
}
