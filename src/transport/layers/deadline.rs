//! Deadlines: the caller stops waiting at its own, the host does not begin what is past it.
//!
//! Invariants: a call resolves no later than its deadline; work refused here was certainly not begun.

use std::future::Future;

use crate::transport::context::Cx;
use crate::transport::fault::Fault;

/// Waits for `work` until the deadline of `cx`.
///
/// # Errors
/// The work's own fault; `Timeout` without beginning it if the deadline has passed, or `Timeout` that may be done if it
/// passes meanwhile.
pub(in crate::transport) async fn until<T>(
    cx: &Cx,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    begin(cx)?;
    tokio::time::timeout_at(cx.deadline, work).await.unwrap_or_else(|_| Err(Fault::timeout()))
}

/// Refuses work whose deadline has passed.
///
/// # Errors
/// `Timeout`; nothing was done.
pub(in crate::transport) fn begin(cx: &Cx) -> Result<(), Fault> {
    if cx.is_expired() { Err(Fault::expired()) } else { Ok(()) }
}
