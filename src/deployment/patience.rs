//! Waiting for what is missing.
//!
//! Invariants: only what somebody else can set right is waited for; what is wrong with this process's own files,
//! addresses or program ends the start at once. Pauses grow up to a limit, and attempts of several processes part.

use std::time::Duration;

use super::StartError;
use crate::health::Condition;

/// The pause after the first failure.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Attempts until it succeeds or fails for a reason that waiting cannot help; `condition` tells what is waited for.
pub(super) async fn patiently<T, F: Future<Output = Result<T, StartError>>>(
    condition: &Condition,
    attempt: impl Fn() -> F,
) -> Result<T, StartError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if !error.may_pass() {
            return Err(error);
        }
        condition.wants(error.to_string());
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::Instant;

    use super::*;
    use crate::health::Health;
    use crate::store::StoreError;

    fn away() -> StartError {
        StoreError::Unavailable { reason: "connection refused".into() }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_waited_for_and_shown() {
        let health = Health::new();
        let condition = health.condition("database");
        let (attempts, start) = (Cell::new(0), Instant::now());
        let done = patiently(&condition, || async {
            attempts.set(attempts.get() + 1);
            match attempts.get() {
                1..=50 => Err(away()),
                _ => {
                    let wants = health.report().parts[0].1.clone().unwrap();
                    assert!(wants.contains("connection refused"), "{wants}");
                    Ok(attempts.get())
                }
            }
        })
        .await;
        assert_eq!(done.unwrap(), 51);
        assert!(start.elapsed() < LONGEST_PAUSE * 50, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_pass_ends_it_at_once() {
        let newer = || StartError::from(StoreError::Migration { reason: "newer".into() });
        let failed = patiently::<(), _>(&Condition::alone("database"), || async { Err(newer()) }).await;
        assert!(matches!(failed, Err(StartError::Store(StoreError::Migration { .. }))));
    }
}
