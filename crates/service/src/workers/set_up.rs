//! Create the schema, or empty it.

use workers_domain::ports::SetupOutcome;

use super::WorkerService;
use crate::{WorkerChange, WorkerError};

/// What [`WorkerService::set_up`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupReport {
    /// Whether there was no schema before.
    pub created: bool,
    /// How many workers are gone.
    pub removed_workers: usize,
}

impl WorkerService {
    /// Creates the schema, or removes all workers and their snapshots if there is one. Who may ask for that is the caller's to check.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn set_up(&self) -> Result<SetupReport, WorkerError> {
        let outcome = self.shared.repository.set_up().await?;
        self.shared.changes.publish(WorkerChange::Reset);
        match outcome {
            SetupOutcome::Created => Ok(SetupReport { created: true, removed_workers: 0 }),
            SetupOutcome::Emptied(workers) => {
                for worker in &workers {
                    self.shared.forget_snapshot(worker).await;
                }
                Ok(SetupReport { created: false, removed_workers: workers.len() })
            }
        }
    }
}
