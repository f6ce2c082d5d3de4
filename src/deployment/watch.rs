//! Looks at what this process depends on, so that its health is true also while nobody uses it.
//!
//! Invariants: one look at a time, each bounded; a look costs next to nothing.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::health::Condition;
use crate::store::Store;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(5);

/// Looks at the database until `stop`.
pub(super) async fn database(store: Store, condition: Condition, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
        match tokio::time::timeout(LOOK, store.check()).await {
            Ok(Ok(())) => condition.fine(),
            Ok(Err(error)) => condition.wants(error.to_string()),
            Err(_elapsed) => condition.wants("the database does not answer in time"),
        }
    }
}
