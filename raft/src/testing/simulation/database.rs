//! The database that guarded writes go to.
//!
//! **Invariant**: it accepts a write only if no greater token was accepted for the same thing before; unless it was told not to
//! look, to see whether that is noticed.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::trace::Trace;
use crate::Token;

/// The greatest token that was accepted for each thing.
#[derive(Debug, Default)]
pub(super) struct Database(Mutex<BTreeMap<String, Token>>);

impl Database {
    /// A write arrives.
    pub(super) fn write(&self, thing: &str, token: Token, fenced: bool, trace: &Trace) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let greatest = rows.get(thing).copied().unwrap_or_default();
        if fenced && token < greatest {
            trace.note(format_args!("database: {thing} refuses {token}, it has seen {greatest}"));
            return;
        }
        if token < greatest {
            trace.wrong("S6", format_args!("{thing} accepted {token} after {greatest}"));
        }
        rows.insert(thing.to_owned(), token.max(greatest));
        drop(rows);
        trace.operation(format_args!("database: {thing} written under {token}"));
    }
}
