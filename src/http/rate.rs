//! How many requests a project may make here.
//!
//! Invariants: each project has a bucket of its own that fills steadily up to its size; a request takes one from it or is
//! refused at once, with the time after which there will be one; memory is bounded.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::auth::Bounded;
use crate::domain::identity::Identity;
use crate::domain::ids::ProjectId;

/// Projects that are remembered; who is forgotten has a full bucket.
const PROJECTS: usize = 10_000;

/// The buckets of one API.
#[derive(Debug)]
pub(super) struct Rates {
    per_second: f64,
    size: f64,
    buckets: Mutex<Bounded<String, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Buckets of `size` that get `per_second` a second; `None` if that is nothing: then there is no limit.
    pub(super) fn new(per_second: u32, size: u32) -> Option<Self> {
        let (per_second, size) = (f64::from(per_second), f64::from(size.max(1)));
        (per_second > 0.0).then(|| Self { per_second, size, buckets: Mutex::new(Bounded::new(PROJECTS)) })
    }

    /// Takes one for a caller.
    ///
    /// # Errors
    /// If there is none: how long until there is.
    pub(super) fn take(&self, caller: &Identity) -> Result<(), Duration> {
        let project = caller.project.as_ref().map(ProjectId::as_str);
        // A user without a project is not the project of the same name.
        let key = match (project, caller.user.as_deref()) {
            (Some(project), _) => format!("p{project}"),
            (None, user) => format!("u{}", user.unwrap_or_default()),
        };
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        let Some(bucket) = buckets.get_mut(&key) else {
            buckets.put(key, Bucket { left: self.size - 1.0, at: now });
            return Ok(());
        };
        let filled = bucket.left + (now - bucket.at).as_secs_f64() * self.per_second;
        *bucket = Bucket { left: filled.min(self.size), at: now };
        if bucket.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.left) / self.per_second));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(project: &str) -> Identity {
        Identity { project: Some(ProjectId::new(project)), ..Identity::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn every_project_has_a_bucket_that_fills() {
        let rates = Rates::new(2, 3).unwrap();
        for _ in 0..3 {
            assert_eq!(rates.take(&of("a")), Ok(()));
        }
        assert_eq!(rates.take(&of("a")), Err(Duration::from_millis(500)));
        assert_eq!(rates.take(&of("b")), Ok(()));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!((rates.take(&of("a")).is_ok(), rates.take(&of("a")).is_ok()), (true, false));
        tokio::time::advance(Duration::from_secs(3600)).await;
        let taken = (0..10).filter(|_| rates.take(&of("a")).is_ok()).count();
        assert_eq!(taken, 3, "no more than the size");
        assert!(Rates::new(0, 3).is_none());
    }
}
