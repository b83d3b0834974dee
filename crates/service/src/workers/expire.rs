//! The sweeper: expires workers whose time has passed, and settles deploys whose control plane died.

use chrono::TimeDelta;

use super::WorkerService;
use crate::WorkerError;

/// Rows a sweep reads at one time.
const BATCH: u32 = 100;

/// A deploy that takes longer than this has lost its control plane; the slowest provider needs seconds.
const CREATING_TIMEOUT: TimeDelta = TimeDelta::minutes(15);

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SweepReport {
    /// Workers that were turned to expired, their snapshots deleted.
    pub expired: usize,
    /// Workers that were stuck in state creating and are in state error now.
    pub failed: usize,
}

impl WorkerService {
    /// Expires what is due. Safe to run on several instances at once.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn sweep(&self) -> Result<SweepReport, WorkerError> {
        Ok(SweepReport { expired: self.expire_due().await?, failed: self.fail_stuck().await? })
    }

    async fn expire_due(&self) -> Result<usize, WorkerError> {
        let mut expired = 0;
        loop {
            let mut due = self.shared.repository.list_due_to_expire(self.shared.clock.now(), BATCH).await?;
            for worker in &mut due {
                self.shared.expire_if_due(worker).await?;
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
        for stuck in self.shared.repository.list_stuck_in_creating(before, BATCH).await? {
            let _turn = self.shared.turns.take(stuck.id).await;
            // Another server may have settled it, and its owner may have redeployed it since.
            let Some(mut worker) = self.shared.repository.find_by_id(stuck.id).await? else { continue };
            if worker.fail("The server stopped while the worker was being deployed. Deploy it again.").is_ok() {
                if self.shared.repository.update_state(&worker).await? {
                    self.shared.changes.publish_state(&worker);
                }
                failed += 1;
            }
        }
        Ok(failed)
    }
}
