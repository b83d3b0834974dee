//! Deletes a worker and its snapshot.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::{WorkerChange, WorkerError};

impl WorkerService {
    /// Deletes a worker and its snapshot, and returns the worker. Running invocations continue to their end.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::NotFound`], or if the database cannot be reached.
    #[tracing::instrument(
        name = "workers.delete",
        skip_all,
        fields(request.id = %context.request_id(), worker.id = %id)
    )]
    pub async fn delete(&self, context: &CallContext, id: WorkerId) -> Result<Worker, WorkerError> {
        let scope = self.shared.access.check(context, Action::DeleteWorker, Resource::Worker(id))?;
        // The row is deleted first: otherwise a call could make the snapshot again while it is being deleted.
        let worker = self.shared.store.workers().delete(&scope, id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.changes.publish(worker.tenant_id(), WorkerChange::Deleted(id));
        self.shared.forget_snapshot(&worker).await;
        Ok(worker)
    }
}
