//! The whole list, for tests: it is short there.

use std::num::NonZeroU32;

use async_trait::async_trait;
use workers_domain::Worker;
use workers_domain::ports::{PageRequest, RepositoryError, WorkerRepository};

use crate::access::scope_of_all;

/// Reads all workers at once.
#[async_trait]
pub trait AllWorkers {
    /// All workers of all tenants, newest first.
    ///
    /// # Errors
    ///
    /// As [`WorkerRepository::list_page`].
    async fn list(&self) -> Result<Vec<Worker>, RepositoryError>;
}

#[async_trait]
impl<R: WorkerRepository + ?Sized> AllWorkers for R {
    async fn list(&self) -> Result<Vec<Worker>, RepositoryError> {
        Ok(self.list_page(&scope_of_all(), &PageRequest::first(NonZeroU32::MAX)).await?.items)
    }
}
