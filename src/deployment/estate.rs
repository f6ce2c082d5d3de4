//! What a process that was killed has left: seats that nobody sits on, which would hold their shards until they expire.
//!
//! The seats of a process are written to a file in its folder, which one process at a time has locked. Whoever opens the
//! folder next knows that those in the file are nobody's, and ends them.
//!
//! Invariants: only sessions of this folder's own former processes are ended. The file is a hint: without it, or with part of
//! it, they expire.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use coordinator::command::Command;
use coordinator::machine::State;
use coordinator::{
    Client, CoordError, Coordinator, Group, Lease, LockName, LockStatus, Member, Membership, Read, Replica,
    SessionId, Terms, Token, View,
};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// The file's name in the folder.
const FILE: &str = "seats";
/// The pause before ending a seat is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// A coordinator that writes down which seats are taken through it.
#[derive(Debug)]
pub(super) struct Heir {
    client: Client,
    file: PathBuf,
}

impl Heir {
    /// A coordinator over `replica` for the process that has `folder`, and the sessions that former processes left.
    pub(super) async fn of(folder: PathBuf, replica: Arc<dyn Replica>) -> (Self, Vec<SessionId>) {
        let file = folder.join(FILE);
        let read = tokio::fs::read_to_string(&file).await.unwrap_or_default();
        let left = read.lines().filter_map(|line| Some(SessionId(line.parse().ok()?))).collect();
        (Self { client: Client::new(replica), file }, left)
    }

    fn note(&self, session: SessionId) {
        let file = self.file.clone();
        drop(spawn_blocking(move || {
            let written = || -> io::Result<()> {
                let mut file = File::options().create(true).append(true).open(&file)?;
                file.write_all(format!("{session}\n").as_bytes())
            };
            if let Err(error) = written() {
                tracing::debug!(%error, "a seat was not written down");
            }
        }));
    }
}

/// Has the cluster give out greater tokens than this process did when it decided alone. Whoever founds the cluster does so from its
/// first entry on; this is for a founder that died meanwhile, and for those who join.
pub(super) async fn outrank(replica: &dyn Replica, before: Token) {
    while replica.ledger().look(State::last_token) < before {
        let incarnation = before.incarnation().saturating_add(1);
        if replica.submit(Command::Incarnate { incarnation }).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Ends what former processes of this folder have left, then forgets it.
pub(super) async fn settle(replica: Arc<dyn Replica>, folder: PathBuf, left: Vec<SessionId>) {
    for &session in &left {
        while replica.submit(Command::Close { session }).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
    if !left.is_empty() {
        tracing::info!(seats = left.len(), "what a former process had left is given back");
    }
    let forgotten = spawn_blocking(move || {
        let file = folder.join(FILE);
        let read = std::fs::read_to_string(&file)?;
        let ended = |line: &&str| !left.iter().any(|session| session.to_string() == *line);
        let kept: Vec<&str> = read.lines().filter(ended).collect();
        std::fs::write(&file, kept.iter().map(|line| format!("{line}\n")).collect::<String>())
    });
    if let Ok(Err(error)) = forgotten.await
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!(%error, "former seats stay written down");
    }
}

#[async_trait]
impl Coordinator for Heir {
    async fn join(&self, group: &Group, me: Member) -> Result<Membership, CoordError> {
        let seat = self.client.join(group, me).await?;
        self.note(seat.session());
        Ok(seat)
    }

    fn watch(&self, group: &Group) -> watch::Receiver<Arc<View>> {
        self.client.watch(group)
    }

    fn cached(&self, group: &Group) -> Read {
        self.client.cached(group)
    }

    async fn read(&self, group: &Group) -> Result<Read, CoordError> {
        self.client.read(group).await
    }

    async fn acquire(&self, lock: &LockName, terms: Terms) -> Result<Lease, CoordError> {
        self.client.acquire(lock, terms).await
    }

    async fn inspect(&self, lock: &LockName) -> Result<LockStatus, CoordError> {
        self.client.inspect(lock).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use coordinator::machine::State;
    use coordinator::{Applied, GroupName, Index, Ledger, MemberId};

    use super::*;

    /// A log in memory that outlives its processes.
    #[derive(Debug)]
    struct Log(Ledger, Mutex<u64>);

    #[async_trait]
    impl Replica for Log {
        async fn submit(&self, command: Command) -> Result<Applied, CoordError> {
            let mut last = self.1.lock().unwrap();
            *last += 1;
            let index = Index(*last);
            Ok(Applied { index, reply: self.0.apply(index, &command) })
        }

        async fn catch_up(&self) -> Result<(), CoordError> {
            Ok(())
        }

        fn ledger(&self) -> &Ledger {
            &self.0
        }
    }

    #[tokio::test]
    async fn the_next_process_ends_the_seats_of_a_killed_one_and_no_others() {
        const GROUP: Group = Group::sharded(GroupName::literal("g"), 8);
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let log: Arc<dyn Replica> = Arc::new(Log(Ledger::new(State::default()), Mutex::new(0)));
        let member = |name: &str| Member::new(MemberId::new(name).unwrap(), "here");
        let [mine, other] = folders.each_ref().map(|folder| folder.path().to_owned());
        let (first, left) = Heir::of(mine.clone(), log.clone()).await;
        assert!(left.is_empty());
        let killed = first.join(&GROUP, member("killed")).await.unwrap();
        let (second, _) = Heir::of(other, log.clone()).await;
        let stays = second.join(&GROUP, member("stays")).await.unwrap();
        let written = async |sessions: usize| {
            loop {
                let text = std::fs::read_to_string(mine.join(FILE)).unwrap_or_default();
                if text.lines().count() == sessions {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), written(1)).await.unwrap();

        let (again, left) = Heir::of(mine.clone(), log.clone()).await;
        assert_eq!(left, [killed.session()]);
        settle(log.clone(), mine.clone(), left).await;
        let view = again.read(&GROUP).await.unwrap().view;
        assert!(view.has(stays.session()) && !view.has(killed.session()));
        written(0).await;
        assert!(Heir::of(mine, log).await.1.is_empty());
    }
}
