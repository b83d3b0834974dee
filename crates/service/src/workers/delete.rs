//! Delete a worker and its snapshot.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::{WorkerChange, WorkerError};

impl WorkerService {
    /// Deletes a worker and its snapshot, and returns what it was. Invocations that run go on to their end.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::NotFound`], or when the database cannot be reached.
    #[tracing::instrument(
        name = "workers.delete",
        skip_all,
        fields(request.id = %context.request_id(), worker.id = %id)
    )]
    pub async fn delete(&self, context: &CallContext, id: WorkerId) -> Result<Worker, WorkerError> {
        let scope = self.shared.access.check(context, Action::DeleteWorker, Resource::Worker(id))?;
        // The row goes first: without it no call makes the snapshot again while it is being deleted.
        let worker = self.shared.store.workers().delete(&scope, id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.changes.publish(worker.tenant_id(), WorkerChange::Deleted(id));
        self.shared.forget_snapshot(&worker).await;
        Ok(worker)
    }
}
