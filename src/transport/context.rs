//! The context of a request: who asked, until when, under which id. It travels in every parcel's header.
//!
//! Invariants: a nested call never gets more time than is left of its cause; request id, caller and trace id are the
//! same in every call that one request leads to, in process or over a wire.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::identity::Identity;
use crate::domain::ids::RequestId;

/// The context of one request; cheap to clone.
#[derive(Debug, Clone)]
pub struct Cx {
    /// The id of the request that this work belongs to.
    pub request: RequestId,
    /// On whose behalf.
    pub caller: Arc<Identity>,
    /// When the answer stops being of use.
    pub deadline: Instant,
    /// The position in the distributed trace.
    pub trace: TraceParent,
    /// Set if the work must not be repeated: a handler claims it in the transaction that does the work.
    pub once: Option<OnceKey>,
}

impl Cx {
    /// The context of a new request that has `budget` of time.
    #[must_use]
    pub fn new(caller: impl Into<Arc<Identity>>, budget: Duration) -> Self {
        Self {
            request: RequestId::random(),
            caller: caller.into(),
            deadline: after(budget),
            trace: TraceParent::new_root(),
            once: None,
        }
    }

    /// The context of work that a service starts by itself.
    #[must_use]
    pub fn system(budget: Duration) -> Self {
        Self::new(Identity::system(), budget)
    }

    /// The time left; zero once the deadline has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// True once the deadline has passed.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// The same request with at most `budget` left.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        Self { deadline: self.deadline.min(after(budget)), ..self.clone() }
    }

    /// The same request, some of whose time was spent on the way.
    #[must_use]
    pub fn older_by(self, age: Duration) -> Self {
        Self { deadline: self.deadline.checked_sub(age).unwrap_or_else(Instant::now), ..self }
    }

    /// The same request, caller and trace for work that goes on after the caller has its answer.
    ///
    /// The idempotency key stays behind: it belongs to the original message.
    #[must_use]
    pub fn detached(&self, budget: Duration) -> Self {
        Self { deadline: after(budget), once: None, ..self.clone() }
    }

    /// The same request, acting as the service itself (no ownership filter, every rule passes).
    #[must_use]
    pub fn as_system(&self) -> Self {
        Self { caller: Arc::new(Identity::system()), ..self.clone() }
    }

    /// The same request carrying an idempotency key.
    #[must_use]
    pub fn with_once(&self, key: OnceKey) -> Self {
        Self { once: Some(key), ..self.clone() }
    }

    /// The same request with this id instead of a generated one.
    #[must_use]
    pub fn with_request(self, request: RequestId) -> Self {
        Self { request, ..self }
    }

    /// The same request as a part of this trace instead of a new one.
    #[must_use]
    pub fn with_trace(self, trace: TraceParent) -> Self {
        Self { trace, ..self }
    }

    /// The context that a nested call carries: all of this one, one span deeper.
    #[must_use]
    pub(crate) fn nested(&self) -> Self {
        Self { trace: self.trace.child(), ..self.clone() }
    }
}

/// `budget` from now; a budget beyond what the clock can express counts as thirty years.
fn after(budget: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);
    let now = Instant::now();
    now.checked_add(budget.min(FAR)).unwrap_or(now)
}

/// An idempotency key: two messages that carry the same key are the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OnceKey(Uuid);

impl OnceKey {
    /// A new random key.
    #[must_use]
    pub fn random() -> Self {
        OnceKeys::default().next()
    }

    /// The UUID inside.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for OnceKey {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

/// Keys of one origin. Each is greater than the one before, so that a database keeps what is done under them side by side.
#[derive(Debug)]
pub(crate) struct OnceKeys {
    origin: u64,
    last: AtomicU64,
}

impl Default for OnceKeys {
    fn default() -> Self {
        // Half of the range is left: nobody counts that far.
        Self { origin: rand::random(), last: AtomicU64::new(rand::random::<u64>() >> 1) }
    }
}

impl OnceKeys {
    /// A key that no other origin has, and this one never had.
    pub(crate) fn next(&self) -> OnceKey {
        OnceKey(Uuid::from_u64_pair(self.origin, self.last.fetch_add(1, Ordering::Relaxed)))
    }
}

/// A W3C trace context (`traceparent`, version 00).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TraceParent {
    /// The trace; never zero.
    trace: u128,
    /// The span that is the parent of whatever comes next; never zero.
    span: u64,
    /// Bit 0: sampled.
    flags: u8,
}

impl TraceParent {
    /// The start of a new trace.
    #[must_use]
    pub fn new_root() -> Self {
        Self { trace: rand::random::<u128>().max(1), span: new_span(), flags: 1 }
    }

    /// A new span in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: new_span(), ..self }
    }

    /// The id of the trace.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        self.trace
    }

    /// The id of the span.
    #[must_use]
    pub const fn span_id(self) -> u64 {
        self.span
    }
}

fn new_span() -> u64 {
    rand::random::<u64>().max(1)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// The text is no version 00 `traceparent` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header of version 00")]
pub struct InvalidTraceParent;

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidTraceParent);
        };
        let trace = hex(trace, 32)?;
        let span = u64::try_from(hex(span, 16)?).map_err(|_| InvalidTraceParent)?;
        let flags = u8::try_from(hex(flags, 2)?).map_err(|_| InvalidTraceParent)?;
        if trace == 0 || span == 0 {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace, span, flags })
    }
}

fn hex(digits: &str, length: usize) -> Result<u128, InvalidTraceParent> {
    if digits.len() != length || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(InvalidTraceParent);
    }
    u128::from_str_radix(digits, 16).map_err(|_| InvalidTraceParent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_nested_budget_never_outlives_its_cause() {
        let cx = Cx::system(Duration::from_secs(5));
        assert_eq!(cx.within(Duration::from_secs(60)).remaining(), Duration::from_secs(5));
        assert_eq!(cx.within(Duration::from_secs(1)).remaining(), Duration::from_secs(1));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(cx.is_expired() && cx.remaining().is_zero());
        assert_eq!(cx.detached(Duration::from_secs(2)).remaining(), Duration::from_secs(2));
        assert!(!Cx::system(Duration::MAX).is_expired());
    }

    #[tokio::test(start_paused = true)]
    async fn nested_calls_stay_in_request_and_trace() {
        let cx = Cx::system(Duration::from_secs(5)).with_once(OnceKey::random());
        let nested = cx.nested();
        assert_eq!((nested.request, nested.trace.trace_id()), (cx.request, cx.trace.trace_id()));
        assert_ne!(nested.trace.span_id(), cx.trace.span_id());
        assert_eq!((nested.once, nested.deadline), (cx.once, cx.deadline));
        assert_eq!(cx.detached(Duration::from_secs(1)).once, None);
    }

    #[test]
    fn keys_differ_and_grow_where_they_come_from() {
        let (one, other) = (OnceKeys::default(), OnceKeys::default());
        let keys = [one.next(), one.next(), one.next()];
        assert!(keys.is_sorted_by_key(|key| key.uuid()) && keys[0] != keys[1] && keys[1] != keys[2]);
        assert_ne!(one.next().uuid().as_u64_pair().0, other.next().uuid().as_u64_pair().0);
        assert_ne!(OnceKey::random(), OnceKey::random());
    }

    #[test]
    fn traceparent_reads_what_it_prints_and_refuses_the_rest() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(text.parse::<TraceParent>().unwrap().to_string(), text);
        for wrong in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(InvalidTraceParent), "{wrong}");
        }
    }
}
