//! Admission of invocations: which may run now, which wait, and which are refused.

use std::sync::Arc;
use std::time::Duration;

use workers_domain::{TenantId, WorkerId};

use super::fair_queue::{FairQueue, Limits, Permit, Refusal};
use crate::{InvokeError, ServiceOptions};

/// Minimum and maximum of the retry time returned to a refused caller. In between it is an estimate of the time until
/// the caller would get a permit.
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];

/// The permit of an invocation to run.
pub(super) type InvocationPermit = Permit<TenantId, WorkerId>;

/// A number of permits with a bounded queue in front of them. The queue is fair between tenants, and between the
/// workers of a tenant.
pub(super) struct Admission {
    queue: Arc<FairQueue<TenantId, WorkerId>>,
    timeout: Duration,
}

/// The current load of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Number of running invocations.
    pub running: usize,
    /// Number of invocations that wait for a permit.
    pub queued: usize,
}

impl Admission {
    pub(super) fn new(options: &ServiceOptions) -> Self {
        let limits = Limits {
            permits: options.max_concurrent_invocations,
            permits_per_key: options.concurrent_per_worker(),
            max_waiting: options.max_queued_invocations,
        };
        Self { queue: Arc::new(FairQueue::new(limits)), timeout: options.queue_timeout }
    }

    /// Waits for a permit. `limits` are the maximum that the tenant may have.
    pub(super) async fn enter(
        &self,
        tenant: TenantId,
        worker: WorkerId,
        limits: Limits,
    ) -> Result<InvocationPermit, InvokeError> {
        let entering = self.queue.enter(tenant, worker, limits);
        let entered = tokio::time::timeout(self.timeout, entering).await;
        match entered {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(Refusal::Closed)) => Err(InvokeError::ShuttingDown),
            Ok(Err(Refusal::Full { wait })) => Err(busy(wait)),
            Err(_) => Err(busy(self.queue.wait(tenant, worker))),
        }
    }

    pub(super) fn load(&self) -> Load {
        let (running, queued) = self.queue.counts();
        Load { running, queued }
    }

    /// Refuses all callers from now on, including those that are waiting.
    pub(super) fn close(&self) {
        self.queue.close();
    }
}

fn busy(wait: Duration) -> InvokeError {
    let [least, most] = RETRY_AFTER;
    InvokeError::Busy { retry_after: wait.clamp(least, most) }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn admission(permits: usize, max_waiting: usize) -> Admission {
        Admission::new(&ServiceOptions {
            max_concurrent_invocations: permits,
            max_queued_invocations: max_waiting,
            queue_timeout: Duration::from_secs(10),
            ..ServiceOptions::default()
        })
    }

    /// Enters as a caller of a tenant without limits of its own.
    async fn enter(admission: &Admission, worker: WorkerId) -> Result<InvocationPermit, InvokeError> {
        let all = Limits { permits: usize::MAX, permits_per_key: usize::MAX, max_waiting: usize::MAX };
        admission.enter(TenantId::DEFAULT, worker, all).await
    }

    fn worker() -> WorkerId {
        WorkerId::generate(chrono::DateTime::UNIX_EPOCH)
    }

    #[tokio::test]
    async fn a_caller_that_finds_no_permit_and_a_full_queue_is_refused() {
        let admission = admission(1, 0);
        let _permit = enter(&admission, worker()).await.unwrap();
        assert!(matches!(enter(&admission, worker()).await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_waits_too_long_is_refused_and_leaves_the_queue() {
        let admission = admission(1, 1);
        let _permit = enter(&admission, worker()).await.unwrap();
        assert!(matches!(enter(&admission, worker()).await, Err(InvokeError::Busy { .. })));
        assert_eq!(admission.load(), Load { running: 1, queued: 0 });
    }

    #[tokio::test]
    async fn closing_refuses_the_callers_that_wait() {
        let admission = admission(1, 1);
        let _permit = enter(&admission, worker()).await.unwrap();
        let (waiting, ()) = tokio::join!(enter(&admission, worker()), async { admission.close() });
        assert!(matches!(waiting, Err(InvokeError::ShuttingDown)));
    }

    /// Returns the retry time of a refused caller.
    fn retry_after(refused: Result<InvocationPermit, InvokeError>) -> Duration {
        match refused {
            Err(InvokeError::Busy { retry_after }) => retry_after,
            other => panic!("{:?}", other.err()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_caller_gets_an_estimate_of_the_wait() {
        let admission = admission(1, 3);
        let (crowd, other) = (worker(), worker());
        let mut permit = enter(&admission, crowd).await.unwrap();
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(4)).await;
            drop(permit);
            permit = enter(&admission, crowd).await.unwrap();
        }
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(enter(&admission, crowd))).collect();
        assert!(waiting.iter_mut().all(|caller| caller.now_or_never().is_none()));
        assert_eq!(retry_after(enter(&admission, crowd).await), Duration::from_secs(16), "three are ahead");
        let mut newcomer = Box::pin(enter(&admission, other));
        assert!((&mut newcomer).now_or_never().is_none());
        let displaced = waiting.pop().unwrap().now_or_never().unwrap();
        assert_eq!(retry_after(displaced), Duration::from_secs(16), "two of its own and the newcomer are ahead");
        drop((waiting, permit));
        assert!(newcomer.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_estimate_for_a_refused_caller_is_a_second_at_least_and_a_minute_at_most() {
        let admission = admission(1, 1);
        let (worker, other) = (worker(), worker());
        let _permit = enter(&admission, worker).await.unwrap();
        let mut waiting = Box::pin(enter(&admission, worker));
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(retry_after(enter(&admission, other).await), Duration::from_secs(1));
        assert_eq!(retry_after(waiting.await), Duration::from_secs(10), "no permit was released for so long");
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(retry_after(enter(&admission, other).await), Duration::from_mins(1));
    }
}
