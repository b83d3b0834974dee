//! The changes of workers, as a stream.

use workers_domain::access::{AccessError, Action, CallContext, Resource};

use super::{WorkerChanges, WorkerService};

impl WorkerService {
    /// Returns a stream of the changes in the caller's tenant from now on, made by this server or by others that use
    /// the same Postgres.
    ///
    /// # Errors
    ///
    /// If the caller may not watch workers.
    pub fn changes(&self, context: &CallContext) -> Result<WorkerChanges, AccessError> {
        let scope = self.shared.access.check(context, Action::WatchWorkers, Resource::Tenant)?;
        Ok(self.shared.changes.listen(scope))
    }
}
