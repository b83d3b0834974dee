//! Reads the whole list of workers, which is short in tests.

use std::num::NonZeroU32;

use async_trait::async_trait;
use workers_domain::Worker;
use workers_domain::ports::{PageRequest, RepositoryError, WorkerRepository};

use crate::access::scope_of_all;

/// An extension of repositories that reads all workers at once.
#[async_trait]
pub trait AllWorkers {
    /// Returns all workers of all tenants, newest first.
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
