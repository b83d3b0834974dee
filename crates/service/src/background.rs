//! The platform's background work, which no call starts: it expires workers, and ends deploys whose server has stopped.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use workers_domain::access::{CallContext, RequestId};

use crate::{Platform, SweepReport};

/// Minimum time between two rounds, so that an interval of zero does not keep a processor busy.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl Platform {
    /// Runs the platform's background work until the token is cancelled: expires workers and deletes snapshots that no
    /// worker needs ([`WorkerService::sweep`](crate::WorkerService::sweep)), and ends deploys whose server has stopped
    /// ([`WorkerService::settle_stuck`](crate::WorkerService::settle_stuck)). If it does not run, none of that happens.
    /// The intervals are set in [`ServiceOptions`](crate::ServiceOptions); the first round begins at once.
    ///
    /// Each process that embeds the platform runs it once: `tokio::spawn(platform.run_background(token.clone()))`. Only
    /// the token ends it: a failure in a round is logged, and the work is repeated in a later round. A round that is
    /// running when the token is cancelled is dropped: due workers are then expired after the next start, and a
    /// snapshot may stay until it expires. The platform is not dropped before this has ended.
    pub fn run_background(&self, token: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let platform = self.clone();
        async move {
            // Both loops run concurrently, because a sweep of many workers may take long and must not delay the
            // settling.
            let loops = async { tokio::join!(platform.sweep_loop(), platform.settle_loop()) };
            token.run_until_cancelled(loops).await;
        }
    }

    async fn sweep_loop(&self) {
        let mut rounds = every(self.options().sweep_interval);
        loop {
            rounds.tick().await;
            catch_panic("sweep", self.sweep_once()).await;
        }
    }

    async fn settle_loop(&self) {
        let options = self.options();
        let mut rounds = every(options.settle_interval.min(options.sweep_interval));
        loop {
            rounds.tick().await;
            catch_panic("settle_stuck", self.settle_once()).await;
        }
    }

    async fn sweep_once(&self) {
        match self.workers().sweep(&self.call_of_system()).await {
            Ok(SweepReport { expired, failed, reclaimed }) if expired + failed + reclaimed > 0 => {
                tracing::info!(expired, failed, reclaimed, "swept workers");
            }
            Ok(_) => {}
            Err(error) => self.shared().health.warn("sweep", &error, "failed to look for expired workers"),
        }
    }

    async fn settle_once(&self) {
        match self.workers().settle_stuck(&self.call_of_system()).await {
            Ok(0) => {}
            Ok(failed) => tracing::info!(failed, "ended deploys whose server had stopped"),
            // The sweep does the same work, fails for the same reason and logs it.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "failed to look for stuck deploys");
            }
        }
    }

    /// Returns the context of a call by the platform itself.
    fn call_of_system(&self) -> CallContext {
        CallContext::system(RequestId::generate(self.clock().now()))
    }
}

/// Runs one round. A panic in it, caused by a bug here or in a port of the embedding application, must not end the two
/// loops.
async fn catch_panic(kind: &str, round: impl Future<Output = ()>) {
    if AssertUnwindSafe(round).catch_unwind().await.is_err() {
        tracing::error!(kind, "a round of background work panicked; the next one begins in time");
    }
}

fn every(interval: Duration) -> Interval {
    let mut rounds = tokio::time::interval(interval.max(SHORTEST_INTERVAL));
    // After a round that took longer than the interval, the default would run all missed rounds one after another.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}
