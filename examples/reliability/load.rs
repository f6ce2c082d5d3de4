//! A steady stream of changes, whatever the deployment does.
//!
//! Invariants: changes begin at their rate, not when the one before is answered; an answer that is neither an
//! acknowledgement nor a failure of the service is kept as wrong; what is under way at once is bounded.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http::{Answer, Client};
use crate::oracle::{Change, Oracle, Verdict};

/// Changes under way at once: more than ten seconds without an answer make up.
const UNDER_WAY: usize = 2000;
/// One change in so many is looked at until it is ACTIVE.
const WATCHED: usize = 3;
/// Longest that a change is looked at.
const WATCH: Duration = Duration::from_secs(180);

/// What one change met with.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it was sent, since the run began.
    pub(crate) at: Duration,
    /// How long its answer took.
    pub(crate) took: Duration,
    /// What kind of failure the client saw, if any.
    pub(crate) trouble: Option<String>,
    /// How long it took from its POST until it was ACTIVE; `None` if nobody looked.
    pub(crate) active: Option<Duration>,
}

/// What the clients share.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) client: Client,
    pub(crate) oracle: Mutex<Oracle>,
    pub(crate) samples: Mutex<Vec<Sample>>,
    /// Answers that no fault excuses.
    pub(crate) wrong: Mutex<Vec<String>>,
    begun: Instant,
    tasks: TaskTracker,
    room: Arc<Semaphore>,
}

impl Load {
    pub(crate) fn new(client: Client, oracle: Oracle) -> Arc<Self> {
        Arc::new(Self {
            client,
            oracle: Mutex::new(oracle),
            samples: Mutex::default(),
            wrong: Mutex::default(),
            begun: Instant::now(),
            tasks: TaskTracker::new(),
            room: Arc::new(Semaphore::new(UNDER_WAY)),
        })
    }

    /// Time since the run began.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Creates the lasting zones, some at a time.
    pub(crate) async fn prepare(self: &Arc<Self>) -> anyhow::Result<()> {
        loop {
            let batch: Vec<_> = (0..16).map_while(|_| self.oracle.lock().first()).collect();
            if batch.is_empty() {
                return Ok(());
            }
            let sent = batch.into_iter().map(|change| Arc::clone(self).perform(change, false));
            futures::future::join_all(sent).await;
            let failed = self.samples.lock().iter().find_map(|sample| sample.trouble.clone());
            anyhow::ensure!(failed.is_none(), "without any fault a zone was not created: {failed:?}");
        }
    }

    /// Changes something so many times a second until told to stop; then waits for the answers.
    pub(crate) async fn run(self: Arc<Self>, rate: u32, stop: CancellationToken) {
        let mut tick = interval(Duration::from_secs(1) / rate);
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut count = 0;
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = stop.cancelled() => break,
            }
            let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
                self.wrong.lock().push(format!("more than {UNDER_WAY} changes are without an answer"));
                continue;
            };
            let Some(change) = self.oracle.lock().next() else { continue };
            count += 1;
            let (this, watched) = (Arc::clone(&self), count % WATCHED == 0);
            self.tasks.spawn(async move {
                this.perform(change, watched).await;
                drop(room);
            });
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn perform(self: Arc<Self>, change: Change, watched: bool) {
        let (method, path, body) = request(&change);
        let (at, sent) = (self.now(), Instant::now());
        let answer = self.client.send(method, &path, body.as_ref()).await;
        let took = sent.elapsed();
        let (verdict, trouble, look) = self.judge(&change, &path, answer);
        self.oracle.lock().settle(&change, &verdict);
        let active = match look.filter(|_| watched) {
            Some(path) => Some(self.until_active(&path, sent).await),
            None => None,
        };
        self.oracle.lock().release(&change);
        self.samples.lock().push(Sample { at, took, trouble, active });
    }

    /// What an answer means, what the client calls it, and where to look for the change's status.
    fn judge(
        &self,
        change: &Change,
        path: &str,
        answer: Answer,
    ) -> (Verdict, Option<String>, Option<String>) {
        match answer {
            Answer::Told { status: 202, body, .. } => {
                let id = body["id"].as_str().map(str::to_owned);
                let look = match change {
                    Change::CreateZone { .. } => id.as_ref().map(|id| format!("/v2/zones/{id}")),
                    Change::Create { .. } => id.as_ref().map(|id| format!("{path}/{id}")),
                    Change::Update { .. } => Some(path.to_owned()),
                    Change::DeleteZone { .. } | Change::Delete { .. } => None,
                };
                (Verdict::Done(id), None, look)
            }
            Answer::Told { status, retry_after, body } if status >= 500 => {
                // HAProxy's own pages are no JSON.
                if status == 503 && !retry_after && !body.is_null() {
                    self.wrong.lock().push(format!("a 503 without Retry-After: {body}"));
                }
                let kind = body["type"].as_str().unwrap_or("HAProxy");
                (Verdict::Unclear, Some(format!("{status} {kind}")), None)
            }
            Answer::Told { status, body, .. } => {
                self.wrong.lock().push(format!("{status} for {change:?}: {body}"));
                (Verdict::Unclear, Some(status.to_string()), None)
            }
            Answer::Lost => (Verdict::Unclear, Some(String::from("connection lost")), None),
            Answer::Hung => {
                self.wrong.lock().push(format!("no answer at all for {change:?}"));
                (Verdict::Unclear, Some(String::from("no answer")), None)
            }
        }
    }

    async fn until_active(&self, path: &str, since: Instant) -> Duration {
        let mut pause = Duration::from_millis(10);
        while since.elapsed() < WATCH {
            if let Answer::Told { status: 200, body, .. } = self.client.send("GET", path, None).await
                && body["status"] == "ACTIVE"
            {
                break;
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_millis(500));
        }
        since.elapsed()
    }
}

fn request(change: &Change) -> (&'static str, String, Option<Value>) {
    match change {
        Change::CreateZone { name, .. } => {
            ("POST", String::from("/v2/zones"), Some(json!({"name": name, "email": "admin@example.org"})))
        }
        Change::DeleteZone { id, .. } => ("DELETE", format!("/v2/zones/{id}"), None),
        Change::Create { zone_id, name, kind, records, .. } => {
            let body = json!({"name": name, "type": kind, "records": records});
            ("POST", format!("/v2/zones/{zone_id}/recordsets"), Some(body))
        }
        Change::Update { zone_id, id, records, .. } => {
            ("PUT", format!("/v2/zones/{zone_id}/recordsets/{id}"), Some(json!({"records": records})))
        }
        Change::Delete { zone_id, id, .. } => {
            ("DELETE", format!("/v2/zones/{zone_id}/recordsets/{id}"), None)
        }
    }
}
