//! Admission of compilations: which may run now, which wait, and which are refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::CompileFailure;

/// Maximum number of sources that wait for a permit. Each waiting source may hold ten mebibytes of memory. A hundred
/// deploys take a quarter of a second.
const MAX_WAITING: usize = 100;
/// How long a source waits for a permit. It equals the maximum time of a single compilation, which may be running in
/// front of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// The retry time returned to refused callers. A normal compilation takes milliseconds; only unusual sources take
/// longer.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Limits how many compilations run at the same time: one permit per core by default, because a compilation keeps a
/// core busy. The queue in front of the permits is limited in length and time. First come, first served.
#[derive(Debug)]
pub struct CompileLimiter {
    permits: Arc<Semaphore>,
    count: usize,
    waiting: Semaphore,
    patience: Duration,
}

impl Default for CompileLimiter {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from), PATIENCE)
    }
}

impl CompileLimiter {
    /// Creates `count` permits, at least one. A source waits at most `patience` for a permit.
    #[must_use]
    pub fn new(count: usize, patience: Duration) -> Self {
        // A semaphore without permits would admit no source, and one with more than this number panics.
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        Self { permits: Arc::new(Semaphore::new(count)), count, waiting: Semaphore::new(MAX_WAITING), patience }
    }

    /// Returns the number of permits.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Waits for a permit. Dropping the permit releases it.
    ///
    /// # Errors
    ///
    /// [`CompileFailure::Busy`].
    pub async fn acquire(&self) -> Result<OwnedSemaphorePermit, CompileFailure> {
        const BUSY: CompileFailure = CompileFailure::Busy { retry_after: RETRY_AFTER };
        if let Some(permit) = self.try_acquire() {
            return Ok(permit);
        }
        // Not awaited: this semaphore is the length of the queue, and there is no queue in front of it.
        let _waiting = self.waiting.try_acquire().map_err(|_| BUSY)?;
        let permit = tokio::time::timeout(self.patience, Arc::clone(&self.permits).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(BUSY)
    }

    /// Takes a permit if one is free now; returns `None` if all are taken.
    #[must_use]
    pub fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_too_long_is_refused_and_leaves_the_queue() {
        let limiter = CompileLimiter::new(1, PATIENCE);
        let taken = limiter.acquire().await.unwrap();
        assert!(matches!(limiter.acquire().await, Err(CompileFailure::Busy { .. })));
        assert_eq!(limiter.waiting.available_permits(), MAX_WAITING);
        drop(taken);
        assert!(limiter.acquire().await.is_ok());
    }

    #[tokio::test]
    async fn a_caller_that_finds_no_permit_and_a_full_queue_is_refused_at_once() {
        let limiter = CompileLimiter::new(1, Duration::MAX);
        let _taken = limiter.acquire().await.unwrap();
        let _waiting = limiter.waiting.acquire_many(u32::try_from(MAX_WAITING).unwrap()).await.unwrap();
        assert!(matches!(limiter.acquire().await, Err(CompileFailure::Busy { .. })));
    }

    #[tokio::test]
    async fn a_permit_that_is_released_goes_to_the_caller_that_waited() {
        let limiter = CompileLimiter::new(1, PATIENCE);
        let taken = limiter.acquire().await.unwrap();
        let (next, ()) = tokio::join!(limiter.acquire(), async { drop(taken) });
        assert!(next.is_ok());
    }
}
