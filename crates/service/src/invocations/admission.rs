//! Who may run now, who waits, who is turned away.

use std::sync::Arc;
use std::time::Duration;

use workers_domain::WorkerId;

use super::Load;
use super::fair_queue::{FairQueue, Place, Refusal};
use crate::{InvokeError, ServiceOptions};

/// What a turned-away caller is told to wait: about the time a place takes to become free.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A number of places, and a bounded queue in front of them that is fair between workers.
pub(super) struct Admission {
    queue: Arc<FairQueue<WorkerId>>,
    timeout: Duration,
}

impl Admission {
    pub(super) fn new(options: &ServiceOptions) -> Self {
        let queue = FairQueue::new(options.max_concurrent_invocations, options.max_queued_invocations);
        Self { queue: Arc::new(queue), timeout: options.queue_timeout }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self, worker: WorkerId) -> Result<Place<WorkerId>, InvokeError> {
        let entered = tokio::time::timeout(self.timeout, FairQueue::enter(&self.queue, worker)).await;
        match entered {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(Refusal::Closed)) => Err(InvokeError::ShuttingDown),
            Ok(Err(Refusal::Full)) | Err(_) => Err(InvokeError::Busy { retry_after: RETRY_AFTER }),
        }
    }

    pub(super) fn load(&self) -> Load {
        let (running, queued) = self.queue.occupied();
        Load { running, queued }
    }

    /// Turns everybody away from now on, those who wait included.
    pub(super) fn close(&self) {
        self.queue.close();
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

    fn worker() -> WorkerId {
        WorkerId::generate(chrono::DateTime::UNIX_EPOCH)
    }

    #[tokio::test]
    async fn whoever_finds_neither_place_nor_seat_is_turned_away() {
        let admission = admission(1, 0);
        let _place = admission.enter(worker()).await.unwrap();
        assert!(matches!(admission.enter(worker()).await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_turned_away_and_leaves_the_queue() {
        let admission = admission(1, 1);
        let _place = admission.enter(worker()).await.unwrap();
        assert!(matches!(admission.enter(worker()).await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test]
    async fn closing_turns_those_who_wait_away() {
        let admission = admission(1, 1);
        let _place = admission.enter(worker()).await.unwrap();
        let (waiting, ()) = tokio::join!(admission.enter(worker()), async { admission.close() });
        assert!(matches!(waiting, Err(InvokeError::ShuttingDown)));
    }
}
