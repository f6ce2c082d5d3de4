//! The last commands that a node applied: for processes of the version before, which follow those, and for whoever judges.
//!
//! **Invariant**: what is kept ends with the last command that was applied and has no gap.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use super::types::Batch;
use crate::{Index, command::Entry};

/// Batches kept.
const KEPT: usize = 512;
/// Commands in one answer.
const AT_ONCE: usize = 1024;

#[derive(Debug, Default)]
struct Kept {
    /// Index of the next command.
    next: u64,
    /// Each with the index of its first command.
    batches: VecDeque<(u64, Batch)>,
}

/// What was applied last; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commands(Arc<Mutex<Kept>>);

impl Commands {
    /// Adds the commands from `first` on.
    pub(crate) fn add(&self, first: Index, batch: Batch) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { next, batches } = &mut *kept;
        if *next != first.0 {
            batches.clear();
        }
        *next = first.0 + batch.entries().len() as u64;
        batches.push_back((first.0, batch));
        if batches.len() > KEPT {
            batches.pop_front();
        }
    }

    /// The commands after an index; none if they are not kept any more.
    pub(crate) fn after(&self, index: Index) -> Option<Vec<Entry>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { next, batches } = &*kept;
        let wanted = index.0.saturating_add(1);
        if wanted >= *next || batches.front().is_none_or(|(first, _)| wanted < *first) {
            return None;
        }
        let behind = batches.partition_point(|(first, _)| *first <= wanted).saturating_sub(1);
        let skipped = batches.get(behind).map_or(0, |(first, _)| wanted - first);
        let commands = batches.iter().skip(behind).flat_map(|(_, batch)| batch.entries());
        Some(commands.skip(usize::try_from(skipped).ok()?).take(AT_ONCE).cloned().collect())
    }
}
