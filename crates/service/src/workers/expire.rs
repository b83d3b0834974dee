//! The sweep: expires workers whose lifetime has ended, and ends deploys whose server has stopped.

use chrono::TimeDelta;
use workers_domain::access::{AccessError, Action, CallContext, Resource};
use workers_domain::ports::{RepositoryError, Update};

use super::WorkerService;
use super::throttle::Throttle;
use crate::WorkerError;

/// Number of rows that a sweep reads at a time.
const BATCH: u32 = 100;

/// A deploy that takes longer than this has lost its server. A live server ends each deploy ten seconds sooner; the
/// clocks of two servers may differ by that much.
pub(super) const CREATING_TIMEOUT: TimeDelta = TimeDelta::seconds(45);

/// The result of a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Number of workers that were set to expired, with their snapshots deleted.
    pub expired: usize,
    /// Number of workers that were stuck in state creating and are now in state error.
    pub failed: usize,
    /// Number of this server's own snapshots that no worker needed and that were deleted.
    pub reclaimed: usize,
}

impl WorkerService {
    /// Expires due workers, and deletes this server's snapshots that no worker needs. Works in small steps with pauses,
    /// so that it does not slow invocations down; a large sweep therefore takes a while. Safe to run on several
    /// instances at the same time.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`] unless the caller is the system, or if the database cannot be reached.
    #[tracing::instrument(name = "workers.sweep", skip_all, fields(request.id = %context.request_id()))]
    pub async fn sweep(&self, context: &CallContext) -> Result<SweepReport, WorkerError> {
        self.check_maintenance(context)?;
        let (expired, failed) = (self.expire_due().await?, self.fail_stuck().await?);
        Ok(SweepReport { expired, failed, reclaimed: self.reclaim_snapshots().await? })
    }

    /// Ends the deploys whose server has stopped, and returns their number. It costs next to nothing if there are none,
    /// and is meant to run every few seconds, so that a worker is in state creating for at most a minute. Safe to run
    /// on several instances at the same time.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`] unless the caller is the system, or if the database cannot be reached.
    #[tracing::instrument(name = "workers.settle_stuck", skip_all, fields(request.id = %context.request_id()))]
    pub async fn settle_stuck(&self, context: &CallContext) -> Result<usize, WorkerError> {
        self.check_maintenance(context)?;
        self.fail_stuck().await
    }

    /// Checks that the call may perform maintenance, which always concerns all tenants.
    fn check_maintenance(&self, context: &CallContext) -> Result<(), AccessError> {
        self.shared.access.check(context, Action::Maintain, Resource::Platform).map(drop)
    }

    async fn expire_due(&self) -> Result<usize, WorkerError> {
        let (mut expired, mut throttle) = (0, Throttle::default());
        loop {
            let due = self.shared.store.workers().list_due_to_expire(self.shared.clock.now(), BATCH);
            let mut due = throttle.step(due).await?;
            for worker in &mut due {
                match throttle.step(self.shared.expire_if_due(worker)).await {
                    // The row was changed after the list was read. The worker is no longer among those that are due.
                    Err(RepositoryError::Inconsistent { .. }) => {}
                    done => done?,
                }
            }
            expired += due.len();
            if due.len() < BATCH as usize {
                return Ok(expired);
            }
        }
    }

    async fn fail_stuck(&self) -> Result<usize, WorkerError> {
        let before = self.shared.clock.now() - CREATING_TIMEOUT;
        let mut failed = 0;
        // One batch: the next round takes the rest of a longer list.
        for mut stuck in self.shared.store.workers().list_stuck_in_creating(before, BATCH).await? {
            if stuck.fail("The server stopped while the worker was being deployed. Deploy it again.").is_err() {
                continue;
            }
            // Otherwise another server has ended the deploy, or the worker was deleted.
            if self.shared.store.workers().update_state(&mut stuck).await? == Update::Updated {
                self.shared.changes.publish_state(&stuck);
                failed += 1;
            }
        }
        Ok(failed)
    }
}
