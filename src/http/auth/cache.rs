//! Tokens that were asked about lately.
//!
//! Invariants: a token is a key only as a salted hash; a good token counts for `ttl`, never past its own end, a bad one for
//! `negative_ttl`; many who bring the same token make one question; memory, questions and waiting are bounded. While nobody
//! can be asked, a good token goes on to count for `grace`, never past its own end; no failure makes another token good.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::bounded::Bounded;
use crate::clock::Clock;
use crate::domain::credentials::{Revocation, Verified};
use crate::domain::time::Timestamp;

/// How long a token that could not be asked about counts before that is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// Who knows tokens.
#[async_trait]
pub(in crate::http) trait TokenSource: fmt::Debug + Send + Sync + 'static {
    /// What the token is good for; `None` if it is not good. Bounded in time.
    async fn ask(&self, token: &str, even_expired: bool) -> Result<Option<Verified>, NobodyKnows>;
}

/// Nobody can say whether a token is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct NobodyKnows;

/// What is known of a token: good for something, or not good.
pub(in crate::http) type Outcome = Result<Option<Arc<Verified>>, NobodyKnows>;

/// How much is remembered, and how long.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Limits {
    pub(in crate::http) ttl: Duration,
    pub(in crate::http) negative_ttl: Duration,
    pub(in crate::http) grace: Duration,
    pub(in crate::http) capacity: usize,
    /// Questions under way at once.
    pub(in crate::http) questions: usize,
    /// How long a question may wait for its turn.
    pub(in crate::http) patience: Duration,
}

/// The hash of a token, and of whether it may have ended.
type Key = [u8; 32];

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::http) struct TokenCache(Arc<Shelf>);

struct Shelf {
    source: Arc<dyn TokenSource>,
    limits: Limits,
    clock: Clock,
    runtime: Handle,
    salt: [u8; 32],
    turns: Semaphore,
    state: Mutex<State>,
}

struct State {
    good: Bounded<Key, Good>,
    bad: Bounded<Key, Instant>,
    questions: HashMap<Key, Shared<BoxFuture<'static, Outcome>>>,
    /// Grows when tokens are forgotten: answers to older questions are not remembered.
    forgettings: u64,
}

struct Good {
    verified: Arc<Verified>,
    fresh_until: Instant,
    asked_at: Timestamp,
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("source", &self.source).finish_non_exhaustive()
    }
}

impl TokenCache {
    /// An empty one; questions run on `runtime`.
    pub(in crate::http) fn new(
        source: Arc<dyn TokenSource>,
        limits: Limits,
        clock: Clock,
        runtime: Handle,
    ) -> Self {
        let state = State {
            good: Bounded::new(limits.capacity),
            bad: Bounded::new(limits.capacity),
            questions: HashMap::new(),
            forgettings: 0,
        };
        let (salt, turns) = (rand::random(), Semaphore::new(limits.questions.max(1)));
        Self(Arc::new(Shelf { source, limits, clock, runtime, salt, turns, state: Mutex::new(state) }))
    }

    /// What is known of the token, from memory or by asking.
    pub(in crate::http) async fn look_up(&self, token: &str, even_expired: bool) -> Outcome {
        let key = self.0.key(token, even_expired);
        let question = {
            let mut state = self.0.state.lock();
            if let Some(known) = self.0.recall(&mut state, &key, even_expired) {
                return Ok(known);
            }
            let asked = state.questions.get(&key).cloned();
            asked.unwrap_or_else(|| {
                let question = self.question(key, token.to_owned(), even_expired, state.forgettings);
                state.questions.insert(key, question.clone());
                question
            })
        };
        question.await
    }

    /// Forgets the tokens that a revocation may concern.
    pub(in crate::http) fn forget(&self, revocations: &[Revocation]) {
        if revocations.is_empty() {
            return;
        }
        let mut state = self.0.state.lock();
        state.forgettings += 1;
        state.good.retain(|good| !revocations.iter().any(|one| one.concerns(&good.verified)));
    }

    /// Asks in a task of its own, so that no caller who goes away takes the answer from the others.
    fn question(
        &self,
        key: Key,
        token: String,
        even_expired: bool,
        forgettings: u64,
    ) -> Shared<BoxFuture<'static, Outcome>> {
        let shelf = Arc::clone(&self.0);
        let task = self.0.runtime.spawn(async move {
            let answer = match timeout(shelf.limits.patience, shelf.turns.acquire()).await {
                // A question may have parts, each as long as a whole one is expected to take.
                Ok(Ok(_turn)) => {
                    let asked = shelf.source.ask(&token, even_expired);
                    timeout(shelf.limits.patience * 3, asked).await.unwrap_or(Err(NobodyKnows))
                }
                _ => Err(NobodyKnows),
            };
            shelf.settle(key, answer, even_expired, forgettings)
        });
        let shelf = Arc::clone(&self.0);
        task.map(move |ended| {
            ended.unwrap_or_else(|_| {
                shelf.state.lock().questions.remove(&key);
                Err(NobodyKnows)
            })
        })
        .boxed()
        .shared()
    }
}

impl Shelf {
    fn key(&self, token: &str, even_expired: bool) -> Key {
        let hash = Sha256::new().chain_update(self.salt).chain_update([u8::from(even_expired)]);
        hash.chain_update(token).finalize().into()
    }

    /// What is remembered and still counts.
    fn recall(&self, state: &mut State, key: &Key, even_expired: bool) -> Option<Option<Arc<Verified>>> {
        let now = Instant::now();
        if let Some(good) = state.good.get_mut(key) {
            if !even_expired && good.verified.is_over(self.clock.now()) {
                state.good.remove(key);
                return Some(None);
            }
            return (now < good.fresh_until).then(|| Some(Arc::clone(&good.verified)));
        }
        match state.bad.get_mut(key) {
            Some(until) if now < *until => Some(None),
            _ => None,
        }
    }

    /// Remembers an answer, and says what it comes to.
    fn settle(
        &self,
        key: Key,
        answer: Result<Option<Verified>, NobodyKnows>,
        even_expired: bool,
        forgettings: u64,
    ) -> Outcome {
        let (now, wall) = (Instant::now(), self.clock.now());
        let mut state = self.state.lock();
        state.questions.remove(&key);
        match answer {
            Ok(Some(verified)) if even_expired || !verified.is_over(wall) => {
                let verified = Arc::new(verified);
                state.bad.remove(&key);
                if state.forgettings == forgettings {
                    let fresh_until = now + self.limits.ttl;
                    state
                        .good
                        .put(key, Good { verified: Arc::clone(&verified), fresh_until, asked_at: wall });
                }
                Ok(Some(verified))
            }
            Ok(_) => {
                state.good.remove(&key);
                state.bad.put(key, now + self.limits.negative_ttl);
                Ok(None)
            }
            Err(NobodyKnows) => match state.good.get_mut(&key) {
                Some(good)
                    if !good.verified.is_over(wall) && wall.since(good.asked_at) < self.limits.grace =>
                {
                    good.fresh_until = now + PAUSE;
                    Ok(Some(Arc::clone(&good.verified)))
                }
                _ => Err(NobodyKnows),
            },
        }
    }
}
