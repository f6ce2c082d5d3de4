//! Writes the log in the order it is told to.
//!
//! **Invariants**: a job is answered after it is durable. A full disk makes the writer wait, not fail: it tries again until
//! there is room, and meanwhile [`Health`] says so. Any other failure is final, nothing is written after it.
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use openraft::storage::LogFlushed;
use tokio::sync::{mpsc, oneshot};

use super::{
    disk::Disk,
    journal::{Journal, JournalError, Record, Summary},
    types::TypeConfig,
};

/// How long to wait for room.
const RETRY: Duration = Duration::from_millis(100);

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
    /// The engine waits for entries.
    Flushed(LogFlushed<TypeConfig>),
    /// Somebody waits for anything else.
    Told(oneshot::Sender<io::Result<()>>),
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Flushed(_) => "Flushed",
            Self::Told(_) => "Told",
        })
    }
}

impl Done {
    fn tell(self, result: io::Result<()>) {
        match self {
            Self::Nobody => {}
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
) -> io::Result<mpsc::UnboundedSender<Job>> {
    // As many jobs as the engine has outstanding: it waits for each of those that grow the log.
    let (sender, jobs) = mpsc::unbounded_channel();
    let writer = Writer { journal, health, failed: None };
    if disk.simulated().is_some() {
        tokio::spawn(writer.run_inline(disk.clone(), jobs));
    } else {
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(jobs))?;
    }
    Ok(sender)
}

struct Writer {
    journal: Journal,
    health: Health,
    failed: Option<String>,
}

impl Writer {
    fn run(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.blocking_recv() {
            while !self.attempt(&job) {
                if jobs.is_closed() {
                    return;
                }
                std::thread::sleep(RETRY);
            }
            self.finish(job);
        }
    }

    async fn run_inline(mut self, disk: Arc<dyn Disk>, mut jobs: mpsc::UnboundedReceiver<Job>) {
        while let Some(job) = jobs.recv().await {
            if let Some(time) = disk.simulated().filter(|time| !time.is_zero()) {
                tokio::time::sleep(time).await;
            }
            while !self.attempt(&job) {
                if jobs.is_closed() {
                    return;
                }
                tokio::time::sleep(RETRY).await;
            }
            self.finish(job);
        }
    }

    /// Tries to write. Says whether there is nothing left to try.
    fn attempt(&mut self, job: &Job) -> bool {
        if self.failed.is_some() {
            return true;
        }
        let sync = !matches!(job.done, Done::Nobody);
        match self.journal.append(&job.record, &job.summary, sync) {
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

    fn finish(&self, job: Job) {
        job.done.tell(match &self.failed {
            None => Ok(()),
            Some(reason) => Err(io::Error::other(reason.clone())),
        });
    }
}

fn describe(error: &JournalError) -> String {
    match error {
        JournalError::Io { source, .. } => format!("{error}: {source}"),
        other => other.to_string(),
    }
}
