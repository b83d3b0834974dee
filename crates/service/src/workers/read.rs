//! Lists and reads workers.

use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::ports::{Page, PageRequest, RepositoryError};
use workers_domain::{Worker, WorkerId};

use super::WorkerService;
use crate::{Source, WorkerError};

/// The problem with a row, for the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}; mend the row, or delete the worker")]
struct UnreadableRowError(String);

impl WorkerService {
    /// Returns a page of the workers, newest first. Consecutive pages contain no worker twice and miss no worker that
    /// existed the whole time. A worker whose lifetime has ended is shown as expired; the sweep stores that. A worker
    /// that cannot be read is included, in state [`Unreadable`](workers_domain::WorkerState::Unreadable).
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::UnknownCursor`], or if the database cannot be reached.
    #[tracing::instrument(name = "workers.list", skip_all, fields(request.id = %context.request_id()))]
    pub async fn list_page(&self, context: &CallContext, request: &PageRequest) -> Result<Page<Worker>, WorkerError> {
        let scope = self.shared.access.check(context, Action::ListWorkers, Resource::Tenant)?;
        let listed = self.shared.store.workers().list_page(&scope, request).await;
        let mut page = listed.map_err(|error| match error {
            RepositoryError::UnknownCursor => WorkerError::UnknownCursor,
            error => error.into(),
        })?;
        let now = self.shared.clock.now();
        for worker in &mut page.items {
            worker.expire_if_due(now);
            if let Some(problem) = worker.problem() {
                let error = UnreadableRowError(problem.to_owned());
                // A kind for each worker: with one kind for all, only the first unreadable worker would be in the log.
                self.shared.health.warn(&format!("read_row {}", worker.id), &error, "a worker cannot be read");
            }
        }
        Ok(page)
    }

    /// Returns one worker. Sets it to expired first if its lifetime has ended.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::NotFound`], or if the database cannot be reached.
    #[tracing::instrument(name = "workers.get", skip_all, fields(request.id = %context.request_id(), worker.id = %id))]
    pub async fn get(&self, context: &CallContext, id: WorkerId) -> Result<Worker, WorkerError> {
        let scope = self.shared.access.check(context, Action::ReadWorker, Resource::Worker(id))?;
        let mut worker = self.shared.store.workers().find_by_id(&scope, id).await?.ok_or(WorkerError::NotFound(id))?;
        self.shared.expire_when_read(&mut worker).await?;
        Ok(worker)
    }

    /// Returns the source that a worker was deployed with.
    ///
    /// # Errors
    ///
    /// [`WorkerError::Access`], [`WorkerError::NotFound`], or if the database cannot be reached.
    #[tracing::instrument(
        name = "workers.source",
        skip_all,
        fields(request.id = %context.request_id(), worker.id = %id)
    )]
    pub async fn source(&self, context: &CallContext, id: WorkerId) -> Result<Source, WorkerError> {
        let scope = self.shared.access.check(context, Action::ReadSource, Resource::Worker(id))?;
        let stored = self.shared.store.workers().find_source(&scope, id).await?.ok_or(WorkerError::NotFound(id))?;
        Ok(Source::decode(&stored))
    }
}
