//! Writes the log in the order it is told to.
//!
//! Entries that wait are written as one record: one sync serves them all.
//!
//! **Invariants**: a job is answered after it is durable. A full disk makes the writer wait, not fail: it tries again until
//! there is room, and meanwhile [`Health`] says so. Any other failure is final, nothing is written after it.
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openraft::storage::LogFlushed;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use super::{
    disk::Disk,
    journal::{Journal, JournalError, Record, Summary},
    types::{LogId, TypeConfig},
};

/// How long to wait for room.
const RETRY: Duration = Duration::from_millis(100);
/// Jobs in one record.
const TOGETHER: usize = 64;

/// What the disk allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// What is wrong with the disk, if anything.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, trouble: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// How much of the log is durable.
#[derive(Debug, Clone, Default)]
pub(crate) struct Durable(Arc<watch::Sender<Reached>>);

#[derive(Debug, Clone, Copy, Default)]
struct Reached {
    /// Index of the last durable entry.
    last: Option<u64>,
    /// Since when something is being written.
    busy: Option<Instant>,
    failed: bool,
}

impl Durable {
    /// Whether everything up to this index is.
    pub(crate) fn is(&self, index: u64) -> bool {
        self.0.borrow().last >= Some(index)
    }

    /// Returns once everything up to this index is.
    pub(crate) async fn reached(&self, index: u64) -> io::Result<()> {
        let mut reached = self.0.subscribe();
        // The sender is part of this, so waiting cannot fail.
        match reached.wait_for(|reached| reached.failed || reached.last >= Some(index)).await {
            Ok(reached) if !reached.failed => Ok(()),
            _ => Err(io::Error::other("the log cannot be written")),
        }
    }

    /// Whether nothing more will be.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.borrow().failed
    }

    /// For how long one write has been going on.
    pub(crate) fn busy_for(&self) -> Duration {
        self.0.borrow().busy.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn set(&self, last: Option<LogId>) {
        self.0.send_replace(Reached { last: last.map(|last| last.index), busy: None, failed: false });
    }

    fn begin(&self) {
        // Nobody waits for this.
        self.0.send_if_modified(|reached| {
            reached.busy = Some(Instant::now());
            false
        });
    }

    /// Something shorter than what was durable, and not yet durable itself.
    fn at_most(&self, last: Option<LogId>) {
        self.0.send_modify(|reached| {
            reached.last = reached.last.min(last.map(|last| last.index));
            reached.busy = None;
        });
    }

    fn fail(&self) {
        self.0.send_modify(|reached| reached.failed = true);
    }
}

/// Something to write.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) record: Record,
    /// What the log comes to with it.
    pub(crate) summary: Summary,
    pub(crate) done: Done,
}

/// Who waits for it.
pub(crate) enum Done {
    /// Nobody; it need not be durable yet.
    Nobody,
    /// Nobody waits here, but [`Durable`] tells when it is durable.
    Soon,
    /// The engine waits for entries.
    Flushed(LogFlushed<TypeConfig>),
    /// Somebody waits for anything else.
    Told(oneshot::Sender<io::Result<()>>),
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Soon => "Soon",
            Self::Flushed(_) => "Flushed",
            Self::Told(_) => "Told",
        })
    }
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Nobody | Self::Soon => {}
            Self::Flushed(callback) => callback.log_io_completed(result),
            // Whoever waited may have given up.
            Self::Told(waiter) => drop(waiter.send(result)),
        }
    }
}

/// Starts writing. The work ends when all senders are gone.
pub(crate) fn start(
    disk: &Arc<dyn Disk>,
    journal: Journal,
    health: Health,
    durable: Durable,
) -> io::Result<mpsc::UnboundedSender<Job>> {
    // As many jobs as the engine has outstanding: it waits for each of those that grow the log, or, where it leads, until
    // they are applied.
    let (sender, jobs) = mpsc::unbounded_channel();
    let writer = Writer { journal, health, durable, failed: None };
    if disk.simulated().is_some() {
        tokio::spawn(writer.run_inline(disk.clone(), jobs));
    } else {
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(jobs))?;
    }
    Ok(sender)
}

/// Jobs written as one record.
struct Group {
    record: Record,
    summary: Summary,
    done: Vec<Done>,
}

impl Group {
    fn syncs(&self) -> bool {
        !self.done.iter().all(|done| matches!(done, Done::Nobody))
    }

    /// Takes in what comes next if it belongs into the same record; otherwise gives it back.
    fn add(&mut self, job: Job) -> Option<Job> {
        let (Record::Entries { committed, entries }, Record::Entries { .. }) =
            (&mut self.record, &job.record)
        else {
            return Some(job);
        };
        if self.done.len() >= TOGETHER {
            return Some(job);
        }
        if let Record::Entries { committed: later, entries: more } = job.record {
            *committed = (*committed).max(later);
            entries.extend(more);
        }
        self.summary = job.summary;
        self.done.push(job.done);
        None
    }
}

impl From<Job> for Group {
    fn from(Job { record, summary, done }: Job) -> Self {
        Self { record, summary, done: vec![done] }
    }
}

/// What waits to be written.
struct Jobs {
    queue: mpsc::UnboundedReceiver<Job>,
    /// Taken from the queue, but not part of the group before it.
    held: Option<Job>,
}

impl Jobs {
    /// The first and what belongs to it.
    fn group(&mut self, first: Job) -> Group {
        let mut group = Group::from(first);
        while let Ok(next) = self.queue.try_recv() {
            self.held = group.add(next);
            if self.held.is_some() {
                break;
            }
        }
        group
    }
}

struct Writer {
    journal: Journal,
    health: Health,
    durable: Durable,
    failed: Option<String>,
}

impl Writer {
    fn run(mut self, queue: mpsc::UnboundedReceiver<Job>) {
        let mut jobs = Jobs { queue, held: None };
        while let Some(first) = jobs.held.take().or_else(|| jobs.queue.blocking_recv()) {
            let group = jobs.group(first);
            self.durable.begin();
            while !self.attempt(&group) {
                if jobs.queue.is_closed() {
                    return;
                }
                std::thread::sleep(RETRY);
            }
            self.finish(group);
        }
    }

    async fn run_inline(mut self, disk: Arc<dyn Disk>, queue: mpsc::UnboundedReceiver<Job>) {
        let mut jobs = Jobs { queue, held: None };
        loop {
            let first = match jobs.held.take() {
                Some(held) => held,
                None => match jobs.queue.recv().await {
                    Some(first) => first,
                    None => return,
                },
            };
            let group = jobs.group(first);
            self.durable.begin();
            if let Some(time) = disk.simulated().filter(|time| !time.is_zero()) {
                tokio::time::sleep(time).await;
            }
            while !self.attempt(&group) {
                if jobs.queue.is_closed() {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
            self.finish(group);
        }
    }

    /// Tries to write. Says whether there is nothing left to try.
    fn attempt(&mut self, group: &Group) -> bool {
        if self.failed.is_some() {
            return true;
        }
        match self.journal.append(&group.record, &group.summary, group.syncs()) {
            Ok(()) => {
                if self.health.trouble().is_some() {
                    tracing::info!("the log can be written again");
                    self.health.set(None);
                }
                true
            }
            Err(error) if error.is_full() => {
                if self.health.trouble().is_none() {
                    tracing::error!("the disk is full: nothing can be decided here until there is room");
                    self.health.set(Some("the disk is full".to_owned()));
                }
                false
            }
            Err(error) => {
                tracing::error!(error = %describe(&error), "the log cannot be written");
                self.health.set(Some(describe(&error)));
                self.failed = Some(describe(&error));
                true
            }
        }
    }

    fn finish(&self, group: Group) {
        match &self.failed {
            Some(_) => self.durable.fail(),
            None if group.syncs() => self.durable.set(group.summary.last),
            None => self.durable.at_most(group.summary.last),
        }
        for done in group.done {
            done.tell(match &self.failed {
                None => Ok(()),
                Some(reason) => Err(io::Error::other(reason.clone())),
            });
        }
    }
}

fn describe(error: &JournalError) -> String {
    match error {
        JournalError::Io { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}
