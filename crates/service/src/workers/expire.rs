//! The sweeper: expires workers whose time has passed, and settles deploys whose control plane died.

use chrono::TimeDelta;
use workers_domain::access::{AccessError, Action, CallContext, Resource};
use workers_domain::ports::{RepositoryError, Update};

use super::WorkerService;
use super::pace::Pace;
use crate::WorkerError;

/// Rows a sweep reads at one time.
const BATCH: u32 = 100;

/// A deploy that takes longer than this has lost its control plane. Each ends ten seconds sooner, by which the clocks
/// of two servers may differ.
pub(super) const CREATING_TIMEOUT: TimeDelta = TimeDelta::seconds(45);

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Workers that were turned to expired, their snapshots deleted.
    pub expired: usize,
    /// Workers that were stuck in state creating and are in state error now.
    pub failed: usize,
    /// Snapshots of this server's own that no worker needed, and that are gone now.
    pub reclaimed: usize,
}

impl WorkerService {
    /// Expires what is due, and removes what this server keeps and no worker needs. Works in small steps with rests, so
    /// that it hinders no invocation; much that is due takes its time. Safe to run on several instances at once.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`] unless the system calls, or when the database cannot be reached.
    #[tracing::instrument(name = "workers.sweep", skip_all, fields(request.id = %context.request_id()))]
    pub async fn sweep(&self, context: &CallContext) -> Result<SweepReport, WorkerError> {
        self.check_maintenance(context)?;
        let (expired, failed) = (self.expire_due().await?, self.fail_stuck().await?);
        Ok(SweepReport { expired, failed, reclaimed: self.reclaim_snapshots().await? })
    }

    /// Ends the deploys whose control plane died, and answers with how many. Costs next to nothing where there is none,
    /// and is meant to run every few seconds, so that a worker is in state creating for no longer than a minute. Safe
    /// to run on several instances at once.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`] unless the system calls, or when the database cannot be reached.
    #[tracing::instrument(name = "workers.settle_stuck", skip_all, fields(request.id = %context.request_id()))]
    pub async fn settle_stuck(&self, context: &CallContext) -> Result<usize, WorkerError> {
        self.check_maintenance(context)?;
        self.fail_stuck().await
    }

    /// What is maintained is maintained for all tenants.
    fn check_maintenance(&self, context: &CallContext) -> Result<(), AccessError> {
        self.shared.access.check(context, Action::Maintain, Resource::Platform).map(drop)
    }

    async fn expire_due(&self) -> Result<usize, WorkerError> {
        let (mut expired, mut pace) = (0, Pace::default());
        loop {
            let due = self.shared.store.workers().list_due_to_expire(self.shared.clock.now(), BATCH);
            let mut due = pace.step(due).await?;
            for worker in &mut due {
                match pace.step(self.shared.expire_if_due(worker)).await {
                    // Its row was changed since it was found. It is no longer among those that are due.
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
        for mut stuck in self.shared.store.workers().list_stuck_in_creating(before, BATCH).await? {
            if stuck.fail("The server stopped while the worker was being deployed. Deploy it again.").is_err() {
                continue;
            }
            // In any other case another server has settled it, or it was deleted.
            if self.shared.store.workers().update_state(&mut stuck).await? == Update::Updated {
                self.shared.changes.publish_state(&stuck);
                failed += 1;
            }
        }
        Ok(failed)
    }
}
