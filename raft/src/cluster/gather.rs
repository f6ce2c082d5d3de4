//! Gathers waiting commands, so that many are decided as one.
//!
//! **Invariants**: what waits goes together into the next batch, of which only [`UNDER_WAY`] are under way at a time. A command of
//! a session that is in one of those waits until that is over: what is closed is not opened again by a batch that was delayed.
//! Nobody waits longer than the limit: what is still open then is unknown. Renewals go past all that: they may be repeated, so
//! none waits for a leader that has fallen silent while another is there.
use std::{
    collections::HashSet,
    future::Future,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinSet, yield_now},
    time::{Instant, sleep, timeout_at},
};

use super::types::{Answer, Batch};
use crate::{
    Applied, CoordError, Index, Ledger, SessionId,
    command::{Command, Entry},
    machine::State,
};

/// Commands in one batch.
pub(crate) const BATCH: usize = 256;
/// Commands that may wait.
pub(crate) const QUEUE: usize = 16_384;
/// Batches under way: one is written while another is confirmed.
const UNDER_WAY: usize = 2;

/// How long a leader is given to decide a renewal before it is looked for anew; half as long again after each failure.
const PATIENCE: Duration = Duration::from_millis(500);
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(20);

/// Commands that wait to be decided, all by one caller.
#[derive(Debug)]
struct Waiting {
    commands: Vec<Entry>,
    deadline: Instant,
    done: oneshot::Sender<Result<Answer, CoordError>>,
}

/// Gets batches decided.
pub(crate) trait Decide: Send + Sync + 'static {
    /// Gets a batch decided by whoever leads.
    fn decide(
        &self,
        batch: Batch,
        deadline: Instant,
    ) -> impl Future<Output = Result<Answer, CoordError>> + Send;

    /// The copy in which it must be seen before anybody is told.
    fn copy(&self) -> &Ledger;

    /// Whether anything of this batch shows in the copy.
    fn shows(&self, _: &Batch) -> bool {
        true
    }
}

/// Gets one command decided: a renewal at once, as often as it takes, anything else together with what waits.
pub(crate) async fn submit<D: Decide>(
    decide: &D,
    gathering: &Gathering,
    command: Command,
    deadline: Instant,
) -> Result<Applied, CoordError> {
    let answer = match command {
        Command::Renew { .. } => repeatedly(decide, &Batch::from_iter([command.into()]), deadline).await,
        _ => gathering.submit(vec![command.into()], deadline).await,
    };
    answer?.try_into()
}

async fn repeatedly<D: Decide>(decide: &D, batch: &Batch, deadline: Instant) -> Result<Answer, CoordError> {
    let mut patience = PATIENCE;
    loop {
        let until = deadline.min(Instant::now() + patience);
        let answer = decide.decide(batch.clone(), until).await;
        if answer.is_ok() || Instant::now() + PAUSE >= deadline {
            return answer;
        }
        sleep(PAUSE).await;
        patience = patience * 3 / 2;
    }
}

/// Where commands are left to be decided.
#[derive(Debug)]
pub(crate) struct Gathering(mpsc::Sender<Waiting>);

/// The other end of it.
#[derive(Debug)]
pub(crate) struct Gathered(mpsc::Receiver<Waiting>);

/// A queue between those who ask and [`run`].
pub(crate) fn queue() -> (Gathering, Gathered) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Gathering(sender), Gathered(receiver))
}

impl Gathering {
    /// Gets commands decided together.
    pub(crate) async fn submit(&self, commands: Vec<Entry>, deadline: Instant) -> Result<Answer, CoordError> {
        let (done, answer) = oneshot::channel();
        if self.0.try_send(Waiting { commands, deadline, done }).is_err() {
            return Err(unavailable("too many commands wait"));
        }
        answer.await.unwrap_or_else(|_| Err(unknown("the node stopped")))
    }
}

/// The batches under way and whose commands are in them.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<u64>,
    sessions: Vec<(u64, HashSet<SessionId>)>,
    next: u64,
}

impl UnderWay {
    fn concerns(&self, waiting: &Waiting) -> bool {
        let in_one = |session| self.sessions.iter().any(|(_, sessions)| sessions.contains(session));
        waiting.commands.iter().flat_map(sessions).any(in_one)
    }

    async fn one_less(&mut self) {
        if let Some(Ok(number)) = self.tasks.join_next().await {
            self.sessions.retain(|(other, _)| *other != number);
        }
        if self.tasks.is_empty() {
            self.sessions.clear();
        }
    }

    fn begin<D: Decide>(&mut self, decide: Arc<D>, batch: Vec<Waiting>) {
        let number = self.next;
        self.next += 1;
        let all = batch.iter().flat_map(|one| &one.commands).flat_map(sessions);
        self.sessions.push((number, all.copied().collect()));
        self.tasks.spawn(async move {
            decide_all(decide, batch).await;
            number
        });
    }
}

/// The sessions that must not be opened after a later command; renewing opens none.
fn sessions(entry: &Entry) -> Option<&SessionId> {
    match &entry.command {
        Command::Join { opening, .. } | Command::Acquire { opening, .. } => Some(&opening.session),
        Command::Close { session } => Some(session),
        Command::HandOver { .. }
        | Command::Renew { .. }
        | Command::Expire { .. }
        | Command::Incarnate { .. } => None,
    }
}

/// Decides what waits until whoever decides is gone.
pub(crate) async fn run<D: Decide>(decide: Weak<D>, Gathered(mut queue): Gathered) {
    let mut under_way = UnderWay::default();
    let mut held = None;
    loop {
        let first = match held.take() {
            Some(held) => held,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        // Those who were told at the same time as the first ask at the same time.
        yield_now().await;
        while under_way.tasks.len() >= UNDER_WAY || under_way.concerns(&first) {
            under_way.one_less().await;
        }
        let mut size = first.commands.len();
        let mut batch = vec![first];
        while size < BATCH
            && let Ok(next) = queue.try_recv()
        {
            if under_way.concerns(&next) {
                held = Some(next);
                break;
            }
            size += next.commands.len();
            batch.push(next);
        }
        let Some(decide) = decide.upgrade() else { return };
        under_way.begin(decide, batch);
    }
}

async fn decide_all<D: Decide>(decide: Arc<D>, waiting: Vec<Waiting>) {
    let now = Instant::now();
    let waiting: Vec<Waiting> = waiting.into_iter().filter(|one| !one.done.is_closed()).collect();
    let (live, late): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| one.deadline > now);
    for one in late {
        drop(one.done.send(Err(unavailable("nobody decided in time"))));
    }
    let Some(deadline) = live.iter().map(|one| one.deadline).min() else { return };
    let batch: Batch = live.iter().flat_map(|one| one.commands.iter().cloned()).collect();
    let shows = decide.shows(&batch);
    match decide.decide(batch, deadline).await {
        // What was decided elsewhere reaches this copy a little later, which is no reason to keep the next batch waiting.
        Ok(answer) if shows && decide.copy().look(State::applied) < last(&answer) => {
            let copy = decide.copy().clone();
            tokio::spawn(async move {
                match timeout_at(deadline, copy.reached(last(&answer))).await {
                    Ok(()) => hand_out(live, answer),
                    Err(_) => fail(live, || unknown("decided, but not seen here in time")),
                }
            });
        }
        Ok(answer) => hand_out(live, answer),
        Err(CoordError::Unknown { reason }) => fail(live, || unknown(reason.clone())),
        Err(error) => fail(live, || unavailable(error.to_string())),
    }
}

/// Index of the last command.
fn last(answer: &Answer) -> Index {
    Index((answer.first.0 + answer.replies.len() as u64).saturating_sub(1))
}

fn hand_out(waiting: Vec<Waiting>, answer: Answer) {
    let mut replies = answer.replies.into_iter();
    let mut first = answer.first;
    for one in waiting {
        let count = one.commands.len();
        let part = Answer { first, replies: replies.by_ref().take(count).collect() };
        first = Index(first.0 + count as u64);
        let complete = part.replies.len() == count;
        // Whoever waited may have given up.
        drop(one.done.send(if complete { Ok(part) } else { Err(unknown("replies are missing")) }));
    }
}

fn fail(waiting: Vec<Waiting>, error: impl Fn() -> CoordError) {
    for one in waiting {
        drop(one.done.send(Err(error())));
    }
}

pub(super) fn unavailable(reason: impl Into<String>) -> CoordError {
    CoordError::Unavailable { reason: reason.into() }
}

pub(super) fn unknown(reason: impl Into<String>) -> CoordError {
    CoordError::Unknown { reason: reason.into() }
}

impl TryFrom<Answer> for Applied {
    type Error = CoordError;

    fn try_from(answer: Answer) -> Result<Self, CoordError> {
        let reply = answer.replies.into_iter().next().ok_or_else(|| unknown("the reply is missing"))?;
        Ok(Self { index: answer.first, reply })
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::command::{Opening, Reply};

    /// Decides when it is allowed to.
    struct Slow {
        allowed: Semaphore,
        batches: Mutex<Vec<usize>>,
        ledger: Ledger,
    }

    impl Decide for Slow {
        async fn decide(&self, batch: Batch, _: Instant) -> Result<Answer, CoordError> {
            self.batches.lock().unwrap().push(batch.entries().len());
            self.allowed.acquire().await.unwrap().forget();
            let (first, outcomes) = self.ledger.apply_next(batch.entries());
            Ok(Answer { first, replies: outcomes.into_iter().map(|outcome| outcome.reply).collect() })
        }

        fn copy(&self) -> &Ledger {
            &self.ledger
        }
    }

    fn slow() -> (Arc<Slow>, Arc<Gathering>) {
        let ledger = Ledger::new(State::default());
        let slow = Arc::new(Slow { allowed: Semaphore::new(0), batches: Mutex::default(), ledger });
        let (gathering, gathered) = queue();
        tokio::spawn(run(Arc::downgrade(&slow), gathered));
        (slow, Arc::new(gathering))
    }

    fn opening(session: u128) -> Opening {
        Opening { session: SessionId(uuid::Uuid::from_u128(session)), ttl: Duration::from_secs(9) }
    }

    fn ask(gathering: &Arc<Gathering>, command: Command) -> tokio::task::JoinHandle<Reply> {
        let (gathering, deadline) = (gathering.clone(), Instant::now() + Duration::from_secs(60));
        tokio::spawn(async move {
            gathering.submit(vec![command.into()], deadline).await.unwrap().replies.remove(0)
        })
    }

    fn acquire(session: u128) -> Command {
        let lock = crate::LockName::new(format!("lock-{session}")).unwrap();
        Command::Acquire { opening: opening(session), lock, queue: false }
    }

    async fn settle() {
        for _ in 0..100 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_waits_is_decided_together() {
        let (slow, gathering) = slow();
        let mut asked = vec![ask(&gathering, acquire(0))];
        settle().await;
        asked.extend((1..=5).map(|session| ask(&gathering, acquire(session))));
        settle().await;
        asked.extend((6..=105).map(|session| ask(&gathering, acquire(session))));
        settle().await;
        assert_eq!(*slow.batches.lock().unwrap(), [1, 5], "no more than two are under way");
        slow.allowed.add_permits(3);
        for one in asked {
            assert!(matches!(one.await.unwrap(), Reply::Granted(_)));
        }
        assert_eq!(*slow.batches.lock().unwrap(), [1, 5, 100]);
    }

    #[tokio::test]
    async fn nothing_overtakes_a_command_of_its_own_session() {
        let (slow, gathering) = slow();
        let opened = ask(&gathering, acquire(1));
        settle().await;
        let session = opening(1).session;
        let closed = ask(&gathering, Command::Close { session });
        let other = ask(&gathering, acquire(2));
        settle().await;
        assert_eq!(*slow.batches.lock().unwrap(), [1], "the rest waits behind it");
        slow.allowed.add_permits(2);
        assert!(matches!(opened.await.unwrap(), Reply::Granted(_)));
        assert_eq!(closed.await.unwrap(), Reply::Done);
        assert!(matches!(other.await.unwrap(), Reply::Granted(_)));
        assert!(!slow.ledger.look(|state| state.is_open(session)));
        assert_eq!(*slow.batches.lock().unwrap(), [1, 2]);
    }
}
