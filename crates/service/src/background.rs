//! The platform's own work, which no call begins: it expires workers, and ends deploys whose server has stopped.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use workers_domain::access::{CallContext, RequestId};

use crate::{Platform, SweepReport};

/// The least time between two rounds, so that an interval of nothing does not keep a processor busy.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

impl Platform {
    /// Does the platform's own work until the token is cancelled: expires workers and removes snapshots that no worker
    /// needs ([`WorkerService::sweep`](crate::WorkerService::sweep)), and ends deploys whose server has stopped
    /// ([`WorkerService::settle_stuck`](crate::WorkerService::settle_stuck)). Without it none of that happens.
    /// [`ServiceOptions`](crate::ServiceOptions) has the intervals; the first round begins at once.
    ///
    /// Each process that embeds the platform runs it once: `tokio::spawn(platform.run_background(token.clone()))`. It
    /// ends for no other reason than the token: what fails in a round is logged, and done in a later one. A round
    /// that is under way when the token is cancelled is dropped: workers that are due are expired after the next start
    /// then, and a snapshot may stay until it expires itself. The platform is not dropped before this has ended.
    pub fn run_background(&self, token: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let platform = self.clone();
        async move {
            // A sweep of many workers takes a while, which does not hold up the settling.
            let loops = async { tokio::join!(platform.sweep_again_and_again(), platform.settle_again_and_again()) };
            token.run_until_cancelled(loops).await;
        }
    }

    async fn sweep_again_and_again(&self) {
        let mut rounds = every(self.options().sweep_interval);
        loop {
            rounds.tick().await;
            survive("sweep", self.sweep_once()).await;
        }
    }

    async fn settle_again_and_again(&self) {
        let options = self.options();
        let mut rounds = every(options.settle_interval.min(options.sweep_interval));
        loop {
            rounds.tick().await;
            survive("settle_stuck", self.settle_once()).await;
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
            // The sweep, which does the same, fails too and logs it.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "failed to look for stuck deploys");
            }
        }
    }

    /// A call of the platform's own.
    fn call_of_system(&self) -> CallContext {
        CallContext::system(RequestId::generate(self.clock().now()))
    }
}

/// Does one round. A bug in it, or in a port of the embedder's, must not end all rounds of both loops.
async fn survive(kind: &str, round: impl Future<Output = ()>) {
    if AssertUnwindSafe(round).catch_unwind().await.is_err() {
        tracing::error!(kind, "a round of background work panicked; the next one begins in time");
    }
}

fn every(interval: Duration) -> Interval {
    let mut rounds = tokio::time::interval(interval.max(SHORTEST_INTERVAL));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}
