//! Create the schema, or empty it if that is asked for.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::ports::{ExistingWorkers, SetupOutcome};

use super::WorkerService;
use crate::SetupError;

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
    /// snapshots, are removed only if that is asked for, those of all tenants: the workers before this answers, their
    /// snapshots behind it.
    ///
    /// # Errors
    ///
    /// [`SetupError::Access`]; [`SetupError::NotEmpty`] when there are workers that are to be kept, or when the
    /// database cannot be reached.
    #[tracing::instrument(name = "workers.set_up", skip_all, fields(request.id = %context.request_id()))]
    pub async fn set_up(&self, context: &CallContext, existing: ExistingWorkers) -> Result<SetupReport, SetupError> {
        self.shared.access.check(context, Action::SetUp, Resource::Platform)?;
        match self.shared.store.schema().set_up(existing).await? {
            SetupOutcome::Created => {
                self.shared.changes.reset();
                Ok(SetupReport { created: true, removed_workers: 0 })
            }
            SetupOutcome::Kept(0) => Ok(SetupReport { created: false, removed_workers: 0 }),
            SetupOutcome::Kept(workers) => Err(SetupError::NotEmpty { workers }),
            SetupOutcome::Emptied(workers) => {
                self.shared.changes.reset();
                let removed_workers = workers.len();
                self.shared.forget_all(workers);
                Ok(SetupReport { created: false, removed_workers })
            }
        }
    }
}
