//! Create the schema, or empty it if that is asked for.

use workers_domain::ports::{ExistingWorkers, SetupOutcome};

use super::WorkerService;
use crate::{SetupError, WorkerChange};

/// What [`WorkerService::set_up`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupReport {
    /// Whether there was no schema before.
    pub created: bool,
    /// How many workers are gone.
    pub removed_workers: usize,
}

impl WorkerService {
    /// Creates the schema where there is none, and leaves it without workers. Those that are there, with their
    /// snapshots, are removed only if that is asked for: the workers before this answers, their snapshots behind it. Who
    /// may ask for that is the caller's to check.
    ///
    /// # Errors
    ///
    /// [`SetupError::NotEmpty`] when there are workers that are to be kept, or when the database cannot be reached.
    pub async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupReport, SetupError> {
        match self.shared.store.schema().set_up(existing).await? {
            SetupOutcome::Created => {
                self.shared.changes.publish(WorkerChange::Reset);
                Ok(SetupReport { created: true, removed_workers: 0 })
            }
            SetupOutcome::Kept(0) => Ok(SetupReport { created: false, removed_workers: 0 }),
            SetupOutcome::Kept(workers) => Err(SetupError::NotEmpty { workers }),
            SetupOutcome::Emptied(workers) => {
                self.shared.changes.publish(WorkerChange::Reset);
                let removed_workers = workers.len();
                self.shared.forget_all(workers);
                Ok(SetupReport { created: false, removed_workers })
            }
        }
    }
}
