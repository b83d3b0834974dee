//! Delete a worker and its snapshot.

use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::{WorkerChange, WorkerError};

impl WorkerService {
    /// Deletes a worker and its snapshot, and answers with what it was. Invocations that run go on to their end.
    ///
    /// # Errors
    ///
    /// [`WorkerError::NotFound`], or when the database cannot be reached.
    pub async fn delete(&self, id: WorkerId) -> Result<Worker, WorkerError> {
        // The row goes first: without it nobody rebuilds the snapshot while it is being deleted.
        let worker = self.shared.store.workers().delete(id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.changes.publish(WorkerChange::Deleted(id));
        self.shared.forget_snapshot(&worker).await;
        Ok(worker)
    }
}
