//! Who may run now, who waits, who is turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::Load;
use crate::{InvokeError, ServiceOptions};

/// What a turned-away caller is told to wait: about the time a place takes to become free.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A number of places, and a bounded queue in front of them, first come first served.
pub(super) struct Admission {
    places: Arc<Semaphore>,
    capacity: usize,
    queued: AtomicUsize,
    queue_limit: usize,
    queue_timeout: Duration,
}

/// A seat in the queue, given up when it is dropped.
struct Seat<'a>(&'a AtomicUsize);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub(super) fn new(options: &ServiceOptions) -> Self {
        let capacity = options.max_concurrent_invocations.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(capacity)),
            capacity,
            queued: AtomicUsize::new(0),
            queue_limit: options.max_queued_invocations,
            queue_timeout: options.queue_timeout,
        }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Result<OwnedSemaphorePermit, InvokeError> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => return Ok(place),
            Err(TryAcquireError::Closed) => return Err(InvokeError::ShuttingDown),
            Err(TryAcquireError::NoPermits) => {}
        }
        let seat = Seat(&self.queued);
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue_limit {
            return Err(InvokeError::Busy { retry_after: RETRY_AFTER });
        }
        let place = tokio::time::timeout(self.queue_timeout, Arc::clone(&self.places).acquire_owned()).await;
        drop(seat);
        match place {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_closed)) => Err(InvokeError::ShuttingDown),
            Err(_elapsed) => Err(InvokeError::Busy { retry_after: RETRY_AFTER }),
        }
    }

    pub(super) fn load(&self) -> Load {
        let running = self.capacity.saturating_sub(self.places.available_permits());
        Load { running, queued: self.queued.load(Ordering::Relaxed) }
    }

    /// Turns everybody away from now on, those who wait included.
    pub(super) fn close(&self) {
        self.places.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(places: usize, seats: usize) -> Admission {
        Admission::new(&ServiceOptions {
            max_concurrent_invocations: places,
            max_queued_invocations: seats,
            queue_timeout: Duration::from_secs(10),
            ..ServiceOptions::default()
        })
    }

    #[tokio::test]
    async fn whoever_finds_neither_place_nor_seat_is_turned_away() {
        let admission = admission(1, 0);
        let _place = admission.enter().await.unwrap();
        assert!(matches!(admission.enter().await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_turned_away_and_leaves_the_queue() {
        let admission = admission(1, 1);
        let _place = admission.enter().await.unwrap();
        assert!(matches!(admission.enter().await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test]
    async fn a_place_that_becomes_free_goes_to_who_waited() {
        let admission = admission(1, 1);
        let place = admission.enter().await.unwrap();
        let (next, ()) = tokio::join!(admission.enter(), async {
            assert_eq!(admission.load(), Load { running: 1, queued: 1 });
            drop(place);
        });
        assert!(next.is_ok());
    }

    #[tokio::test]
    async fn closing_turns_those_who_wait_away() {
        let admission = admission(1, 1);
        let _place = admission.enter().await.unwrap();
        let (waiting, ()) = tokio::join!(admission.enter(), async { admission.close() });
        assert!(matches!(waiting, Err(InvokeError::ShuttingDown)));
    }
}
