//! Which messages a service's state handles, with the types taken away.
//!
//! Invariants: a row exists only for a message whose handler exists (the compiler checks it); opening a body, running
//! the handler and wrapping its reply happen in one future, so nothing that input decides runs on an actor's thread.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::context::Cx;
use super::fault::Fault;
use super::message::{Handle, Message, Service};
use super::payload::Payload;

pub(super) type Run<H> =
    Arc<dyn Fn(Arc<H>, Cx, Payload) -> BoxFuture<'static, Result<Payload, Fault>> + Send + Sync>;

/// Whether a message may be run a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// It does no harm.
    Always,
    /// Under the same key it is done once.
    UnderKey,
    Never,
}

impl Again {
    const fn of<M: Message>() -> Self {
        match (M::REPEATABLE, M::ONCE) {
            (true, _) => Self::Always,
            (false, true) => Self::UnderKey,
            (false, false) => Self::Never,
        }
    }
}

/// What a service does with one message.
pub(super) struct Route<H> {
    pub(super) name: &'static str,
    pub(super) again: Again,
    pub(super) together: bool,
    pub(super) run: Run<H>,
}

/// The table of messages that `H` handles, made by the `routes()` of [`rpcs!`](crate::rpcs) tables.
pub struct Routes<H> {
    service: &'static str,
    rows: BTreeMap<&'static str, Route<H>>,
}

impl<H> fmt::Debug for Routes<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.rows.keys()).finish()
    }
}

impl<H> Default for Routes<H> {
    fn default() -> Self {
        Self::new()
    }
}

impl<H> Routes<H> {
    /// A table without rows.
    #[must_use]
    pub const fn new() -> Self {
        Self { service: "", rows: BTreeMap::new() }
    }

    /// Adds all rows of another table. Names are unique within a service, which `tests/wire_shapes.rs` checks.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        self.service = if other.service.is_empty() { self.service } else { other.service };
        self
    }

    /// The name of the service that the messages belong to; empty without rows.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// The names of the messages.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.keys().copied()
    }

    /// Whether each message may be run twice.
    pub(super) fn again(&self) -> BTreeMap<&'static str, Again> {
        self.rows.values().map(|route| (route.name, route.again)).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Route<H>> {
        self.rows.get(name)
    }

    /// Adds a row by hand, for state that is no [`Handle`].
    pub(super) fn insert<M: Message>(&mut self, run: Run<H>) {
        self.service = M::To::NAME;
        self.rows
            .insert(M::NAME, Route { name: M::NAME, again: Again::of::<M>(), together: M::TOGETHER, run });
    }
}

impl<H: Send + Sync + 'static> Routes<H> {
    /// Adds the row of `M`.
    #[must_use]
    pub fn route<M: Message>(mut self) -> Self
    where
        H: Handle<M>,
    {
        self.insert::<M>(Arc::new(|state: Arc<H>, cx, body| {
            async move {
                let (message, schema) = body.into_message::<M>()?;
                let reply = state.handle(&cx, message).await?;
                Ok(Payload::reply::<M>(reply, schema))
            }
            .boxed()
        }));
        self
    }
}
