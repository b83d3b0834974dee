//! Delete a worker and its snapshot.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::tenancy::may_have_rows;
use crate::{WorkerChange, WorkerError};

impl WorkerService {
    /// Deletes a worker and its snapshot, and answers with what it was. Invocations that run go on to their end.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::NotFound`], or when the database cannot be reached.
    pub async fn delete(&self, context: &CallContext, id: WorkerId) -> Result<Worker, WorkerError> {
        let scope = self.shared.access.check(context, Action::DeleteWorker, Resource::Worker(id))?;
        if !may_have_rows(&scope) {
            return Err(WorkerError::NotFound(id));
        }
        // The row goes first: without it nobody rebuilds the snapshot while it is being deleted.
        let worker = self.shared.store.workers().delete(id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.changes.publish(worker.tenant_id(), WorkerChange::Deleted(id));
        self.shared.forget_snapshot(&worker).await;
        Ok(worker)
    }
}
