//! Work that one process of a deployment does at a time: making the pools what they should be, changing the schema.
//!
//! It is done under a lock of the coordinator, whose token goes into each transaction, so that the database refuses whoever
//! was overtaken.
//!
//! Invariants: a lock that is lost ends the work, which begins anew under the next. Where no coordinator is, or none answers, the database alone keeps two
//! from doing it at once: it has to be possible without a quorum, and before there is one.

use std::sync::Arc;
use std::time::Duration;

use coordinator::cluster::Remote;
use coordinator::{Client, CoordError, Coordinator, Lease, LockName, Terms};

use tokio::time::Instant;

use super::{StartError, cluster};
use crate::config::{Config, CoordinatorKind};
use crate::store::Store;

/// The lock of whoever changes the schema.
pub static SCHEMA: LockName = LockName::literal("schema");
/// The lock of whoever changes pools.
pub static POOLS: LockName = LockName::literal("pools");
/// How long others may take with theirs before it is tried anew.
const WAIT: Duration = Duration::from_secs(60);
/// How long a coordinator that does not answer is waited for.
const SILENCE: Duration = Duration::from_secs(15);
/// How often the work is begun: a lock may be lost to an election that takes long.
const ATTEMPTS: usize = 5;
/// The pause before it is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// Who gives out locks to a program that is started for one task: the cluster, if one is configured.
///
/// A coordinator of the kind `solo` belongs to the process that serves.
///
/// # Errors
/// If the cluster's certificates cannot be used.
pub async fn arbiter(config: &Config) -> Result<Option<Arc<dyn Coordinator>>, StartError> {
    if config.coordinator.kind != CoordinatorKind::Raft {
        return Ok(None);
    }
    let network = cluster::network(config).await?;
    let remote = Remote::start(Arc::new(network), cluster::peers(&config.coordinator.raft));
    Ok(Some(Arc::new(Client::new(remote))))
}

/// Does the work while nobody else does, given the token of the lock if there is one.
///
/// The work may be begun several times, and each but the last be ended anywhere.
///
/// # Errors
/// What the work says; [`StartError::Occupied`] if somebody else has the lock for long, or took it over again and again.
pub async fn alone<T, E: From<StartError>, W: Future<Output = Result<T, E>>>(
    arbiter: Option<&dyn Coordinator>,
    lock: &LockName,
    ttl: Duration,
    work: impl Fn(Option<u64>) -> W,
) -> Result<T, E> {
    let Some(arbiter) = arbiter else { return work(None).await };
    let mut attempt = 1;
    loop {
        let Some(lease) = lease(arbiter, lock, ttl).await? else { return work(None).await };
        let token = lease.token().as_i64().unsigned_abs();
        tokio::select! {
            biased;
            done = work(Some(token)) => {
                if let Err(error) = lease.release().await {
                    tracing::debug!(%lock, %error, "the lock will expire by itself");
                }
                return done;
            }
            lost = lease.lost() => {
                if attempt == ATTEMPTS {
                    return Err(occupied(lock, &lost).into());
                }
                tracing::warn!(%lock, %lost, "the lock was lost: the work begins anew");
                attempt += 1;
            }
        }
    }
}

/// Brings the schema to this program's version, under the token of [`SCHEMA`] if there is one.
///
/// # Errors
/// If the database refuses.
pub async fn migrate(store: &Store, token: Option<u64>) -> Result<(), StartError> {
    match token {
        Some(token) => store.migrate_under(token).await?,
        None => store.migrate().await?,
    };
    Ok(())
}

/// The lock; none if no coordinator answers.
async fn lease(
    arbiter: &dyn Coordinator,
    lock: &LockName,
    ttl: Duration,
) -> Result<Option<Lease>, StartError> {
    let since = Instant::now();
    loop {
        match arbiter.acquire(lock, Terms::waiting(WAIT).with_ttl(ttl)).await {
            Ok(lease) => return Ok(Some(lease)),
            Err(CoordError::NotGranted { .. }) => return Err(occupied(lock, &"others have it")),
            Err(_) if since.elapsed() < SILENCE => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::warn!(%lock, %error, "no lock can be had: the database alone keeps others out");
                return Ok(None);
            }
        }
    }
}

fn occupied(lock: &LockName, reason: &dyn ToString) -> StartError {
    StartError::Occupied { lock: lock.clone(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use coordinator::command::Command;
    use coordinator::machine::State;
    use coordinator::{Applied, Index, Ledger, Replica, Solo};

    use super::*;

    const TTL: Duration = Duration::from_secs(9);

    #[tokio::test(start_paused = true)]
    async fn one_after_the_other_under_growing_tokens() {
        let solo = Solo::ephemeral();
        let under_way = Mutex::new(0);
        let work = async |token: Option<u64>| {
            *under_way.lock().unwrap() += 1;
            assert_eq!(*under_way.lock().unwrap(), 1, "two at once");
            tokio::time::sleep(Duration::from_secs(30)).await;
            *under_way.lock().unwrap() -= 1;
            Ok::<_, StartError>(token)
        };
        let (one, other) =
            tokio::join!(alone(Some(&solo), &POOLS, TTL, work), alone(Some(&solo), &POOLS, TTL, work));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.is_some() && other > one, "{one:?} {other:?}");
        let third = alone(Some(&solo), &POOLS, TTL, async |token| Ok::<_, StartError>(token)).await;
        assert!(third.unwrap() > other, "it was released");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_too_long_says_so_and_may_try_again() {
        let solo = Solo::ephemeral();
        let held = solo.acquire(&POOLS, Terms::at_once()).await.unwrap();
        let refused = alone(Some(&solo), &POOLS, TTL, async |token| Ok::<_, StartError>(token)).await;
        assert!(refused.unwrap_err().may_pass());
        drop(held);
    }

    /// Nobody decides after so many commands.
    #[derive(Debug)]
    struct Silent(Ledger, Mutex<(u64, u64)>);

    #[async_trait]
    impl Replica for Silent {
        async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
            let mut count = self.1.lock().unwrap();
            if count.0 == count.1 {
                return Err(CoordError::Unavailable { reason: "silence".to_owned() });
            }
            count.0 += 1;
            let index = Index(count.0);
            Ok(Applied { index, reply: self.0.apply(index, &command) })
        }

        async fn catch_up(&self) -> Result<(), CoordError> {
            Ok(())
        }

        fn ledger(&self) -> &Ledger {
            &self.0
        }
    }

    fn replica(commands: u64) -> Arc<Silent> {
        Arc::new(Silent(Ledger::new(State::default()), Mutex::new((0, commands))))
    }

    fn silent_after(commands: u64) -> Client {
        Client::new(replica(commands))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_cannot_be_kept_ends_the_work_which_begins_anew() {
        let begun = Instant::now();
        let tokens = Mutex::new(Vec::new());
        let work = async |token: Option<u64>| {
            tokens.lock().unwrap().push((token, begun.elapsed()));
            if token.is_some() {
                tokio::time::sleep(TTL).await;
            }
            Ok::<_, StartError>(())
        };
        alone(Some(&silent_after(1)), &POOLS, TTL, work).await.unwrap();
        let tokens = tokens.into_inner().unwrap();
        assert!(matches!(tokens[..], [(Some(_), _), (None, _)]), "{tokens:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lock_that_is_lost_is_taken_again() {
        let replica = replica(u64::MAX);
        let client = Client::new(replica.clone());
        let tokens = Mutex::new(Vec::new());
        let work = async |token: Option<u64>| {
            tokens.lock().unwrap().push(token);
            if tokens.lock().unwrap().len() == 1 {
                let (session, _) = client.inspect(&POOLS).await.unwrap().holder.unwrap();
                let seen_renewal = replica.ledger().look(State::applied);
                replica.submit(Command::Expire { session, seen_renewal }).await.unwrap();
                std::future::pending::<()>().await;
            }
            Ok::<_, StartError>(())
        };
        alone(Some(&client), &POOLS, TTL, work).await.unwrap();
        let tokens = tokens.into_inner().unwrap();
        assert!(matches!(tokens[..], [Some(first), Some(second)] if first < second), "{tokens:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_quorum_the_database_alone_decides() {
        let done = alone(Some(&silent_after(0)), &POOLS, TTL, async |token| Ok::<_, StartError>(token)).await;
        assert_eq!(done.unwrap(), None);
        assert_eq!(alone(None, &POOLS, TTL, async |token| Ok::<_, StartError>(token)).await.unwrap(), None);
    }
}
