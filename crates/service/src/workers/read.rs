//! List and read workers.

use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::WorkerError;

impl WorkerService {
    /// All workers, newest first. One whose time has passed is shown as expired; the sweeper stores that.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn list(&self) -> Result<Vec<Worker>, WorkerError> {
        let mut workers = self.shared.repository.list().await?;
        let now = self.shared.clock.now();
        for worker in &mut workers {
            worker.expire_if_due(now);
        }
        Ok(workers)
    }

    /// One worker, turned to expired if its time has passed.
    ///
    /// # Errors
    ///
    /// [`WorkerError::NotFound`], or when the database cannot be reached.
    pub async fn get(&self, id: WorkerId) -> Result<Worker, WorkerError> {
        let mut worker = self.shared.repository.find_by_id(id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.expire_if_due(&mut worker).await?;
        Ok(worker)
    }

    /// The source a worker was deployed with.
    ///
    /// # Errors
    ///
    /// [`WorkerError::NotFound`], or when the database cannot be reached.
    pub async fn source(&self, id: WorkerId) -> Result<String, WorkerError> {
        self.shared.repository.find_source(id).await?.ok_or(WorkerError::NotFound(id))
    }
}
