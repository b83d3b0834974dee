//! Creates the schema, or empties the database if requested.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::ports::{ExistingWorkers, SetupOutcome};

use super::WorkerService;
use crate::SetupError;

/// The result of [`WorkerService::set_up`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetupReport {
    /// Whether the schema was created because there was none.
    pub created: bool,
    /// The number of deleted workers.
    pub removed_workers: usize,
}

impl WorkerService {
    /// Creates the schema if there is none, and makes sure that it contains no workers. Existing workers and their
    /// snapshots are deleted only if `existing` says so; this concerns all tenants. The workers are deleted before this
    /// returns, their snapshots afterwards in the background.
    ///
    /// # Errors
    ///
    /// [`SetupError::Access`]; [`SetupError::NotEmpty`] if there are workers and they should be kept; or if the
    /// database cannot be reached.
    #[tracing::instrument(name = "workers.set_up", skip_all, fields(request.id = %context.request_id()))]
    pub async fn set_up(&self, context: &CallContext, existing: ExistingWorkers) -> Result<SetupReport, SetupError> {
        self.shared.access.check(context, Action::SetUp, Resource::Platform)?;
        match self.shared.store.schema().set_up(existing).await? {
            // The workers that listeners know were in a database that is no longer there.
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
