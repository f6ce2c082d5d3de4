//! A disk in memory that can be full, slow, lie about syncing, and lose power.
//!
//! **Invariants**: what was not synced is gone after [`MemoryDisk::crash`], but for as much of it as the caller keeps. Whoever
//! had files open before the crash can do nothing to them after it.
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::cluster::{Disk, DiskFile};

/// The disk itself; clones share it, and [`MemoryDisk::attach`] gives it to a node.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    life: u64,
    full: bool,
    full_at_sync: bool,
    broken: bool,
    lies: bool,
    delay: Duration,
    ahead: u64,
    syncs: u64,
}

#[derive(Debug, Default)]
struct File {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Both are the same up to here.
    same: usize,
}

impl File {
    /// Something was written, or cut off, at this place.
    fn touch(&mut self, at: usize) {
        self.same = self.same.min(at);
    }

    fn sync(&mut self) {
        self.durable.truncate(self.same);
        self.durable.extend_from_slice(self.now.get(self.same..).unwrap_or_default());
        self.same = self.now.len();
    }
}

/// What a node does to the disk between two crashes.
#[derive(Debug)]
pub struct Attached {
    disk: MemoryDisk,
    life: u64,
}

#[derive(Debug)]
struct OpenFile {
    disk: MemoryDisk,
    life: u64,
    id: usize,
}

impl MemoryDisk {
    /// The disk for a node that starts now.
    #[must_use]
    pub fn attach(&self) -> Arc<dyn Disk> {
        Arc::new(Attached { disk: self.clone(), life: self.lock().life })
    }

    /// Cuts the power: what was not synced is lost, but for the first `keep` bytes of what was appended to each file.
    pub fn crash(&self, keep: usize) {
        let mut content = self.lock();
        content.life += 1;
        for file in &mut content.files {
            let appended = file.now.get(file.durable.len()..).unwrap_or_default();
            let kept = appended.get(..keep).unwrap_or(appended).to_vec();
            file.durable.extend(kept);
            file.now = file.durable.clone();
            file.same = file.now.len();
        }
        content.names = content.durable_names.clone();
    }

    /// Kills the process, not the machine: what was written stays.
    pub fn kill(&self) {
        self.lock().life += 1;
    }

    /// Whether there is no room left.
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Whether there turns out to be no room when something is synced.
    pub fn set_full_at_sync(&self, full: bool) {
        self.lock().full_at_sync = full;
    }

    /// Whether there is no room at present.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let content = self.lock();
        content.full || content.full_at_sync
    }

    /// Whether every write fails.
    pub fn set_broken(&self, broken: bool) {
        self.lock().broken = broken;
    }

    /// Whether syncing does nothing and says it did.
    pub fn set_lies(&self, lies: bool) {
        self.lock().lies = lies;
    }

    /// How long a write takes.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// How far ahead files are filled with zeros.
    pub fn set_ahead(&self, bytes: u64) {
        self.lock().ahead = bytes;
    }

    /// How often something was synced.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Names of the files.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// The content of a file; empty if there is none.
    #[must_use]
    pub fn content(&self, name: &str) -> Vec<u8> {
        let content = self.lock();
        let file = content.names.get(name).and_then(|id| content.files.get(*id));
        file.map(|file| file.now.clone()).unwrap_or_default()
    }

    /// Puts something else into a file, durably.
    pub fn overwrite(&self, name: &str, bytes: Vec<u8>) {
        let mut content = self.lock();
        let id = content.create(name);
        if let Some(file) = content.files.get_mut(id) {
            *file = File { same: bytes.len(), now: bytes.clone(), durable: bytes };
        }
        content.durable_names.insert(name.to_owned(), id);
    }

    /// Removes a file, durably.
    pub fn delete(&self, name: &str) {
        let mut content = self.lock();
        content.names.remove(name);
        content.durable_names.remove(name);
    }

    /// A disk with the same content and no memory of what happened to this one.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::default();
        for name in self.names() {
            copy.overwrite(&name, self.content(&name));
        }
        copy
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_life(&self, life: u64) -> io::Result<MutexGuard<'_, Content>> {
        let content = self.lock();
        if content.life == life { Ok(content) } else { Err(io::Error::other("the process is gone")) }
    }

    fn writable(&self, life: u64) -> io::Result<MutexGuard<'_, Content>> {
        let content = self.in_life(life)?;
        match (content.broken, content.full) {
            (true, _) => Err(io::Error::other("the disk is broken")),
            (_, true) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(content),
        }
    }
}

impl Content {
    fn create(&mut self, name: &str) -> usize {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        self.files.push(File::default());
        let id = self.files.len() - 1;
        self.names.insert(name.to_owned(), id);
        id
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for Attached {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.disk.in_life(self.life)?.names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let content = self.disk.in_life(self.life)?;
        let file = content.names.get(name).and_then(|id| content.files.get(*id));
        Ok(file.map(|file| file.now.clone()))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut content = self.disk.in_life(self.life)?;
        let id = content.create(name);
        Ok(Box::new(OpenFile { disk: self.disk.clone(), life: self.life, id }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut content = self.disk.writable(self.life)?;
        let id = content.names.remove(from).ok_or_else(missing)?;
        content.names.insert(to.to_owned(), id);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.in_life(self.life)?.names.remove(name).map(|_| ()).ok_or_else(missing)
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.disk.writable(self.life)?;
        content.syncs += 1;
        if !content.lies {
            content.durable_names = content.names.clone();
        }
        Ok(())
    }

    fn ahead(&self) -> u64 {
        self.disk.lock().ahead
    }

    fn simulated(&self) -> Option<Duration> {
        Some(self.disk.lock().delay)
    }
}

impl DiskFile for OpenFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut content = self.disk.writable(self.life)?;
        let file = content.files.get_mut(self.id).ok_or_else(missing)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        file.touch(start.min(file.now.len()));
        if file.now.len() < end {
            file.now.resize(end, 0);
        }
        if let Some(place) = file.now.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        let mut content = self.disk.in_life(self.life)?;
        let file = content.files.get_mut(self.id).ok_or_else(missing)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        file.touch(length.min(file.now.len()));
        file.now.resize(length, 0);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut content = self.disk.writable(self.life)?;
        if content.full_at_sync {
            // Some systems forget what they could not write.
            let file = content.files.get_mut(self.id).ok_or_else(missing)?;
            let durable = file.durable.len();
            file.now.iter_mut().skip(durable).for_each(|byte| *byte = 0);
            file.touch(durable);
            return Err(io::ErrorKind::StorageFull.into());
        }
        content.syncs += 1;
        if !content.lies
            && let Some(file) = content.files.get_mut(self.id)
        {
            file.sync();
        }
        Ok(())
    }
}
