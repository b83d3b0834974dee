//! Where workers are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{Worker, WorkerId};

/// Keeps workers. Every method is atomic by itself.
///
/// A worker's source may be megabytes long, so it is stored with [`insert`](Self::insert), read with
/// [`find_source`](Self::find_source), and part of no other answer.
#[async_trait]
pub trait WorkerRepository: Send + Sync {
    /// Stores a new worker with its source, which must not contain U+0000: Postgres cannot keep it. Times are kept to the microsecond.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError>;

    /// The worker with this id.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or what is stored makes no sense.
    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// The source the worker was deployed with; `None` if there is no such worker.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError>;

    /// All workers, newest first (by time of creation, then by id, both descending).
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or what is stored makes no sense.
    async fn list(&self) -> Result<Vec<Worker>, RepositoryError>;

    /// Stores the worker's state (status, snapshot, expiry, message). Says whether there was such a worker; one that has been
    /// deleted stays deleted.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn update_state(&self, worker: &Worker) -> Result<bool, RepositoryError>;

    /// Records when workers were last invoked. A mark older than the stored one changes nothing; an unknown worker is skipped.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError>;

    /// Up to `limit` workers that are ready and whose snapshot expires at `now` or before, soonest first.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Up to `limit` workers that have been in state creating since `before` or longer, oldest first: their control plane died on the way.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Removes the worker and answers with it; `None` if there was none.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// Creates the schema if there is none, else removes all workers.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn set_up(&self) -> Result<SetupOutcome, RepositoryError>;

    /// Answers if the database does and its schema is there.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or the schema is missing.
    async fn check(&self) -> Result<(), RepositoryError>;
}

/// A worker was invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationMark {
    /// Which worker.
    pub worker_id: WorkerId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What [`WorkerRepository::set_up`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupOutcome {
    /// There was no schema.
    Created,
    /// There was one, with these workers, which are gone now.
    Emptied(Vec<Worker>),
}

/// Why a repository could not answer.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The database cannot be reached, or no connection became free in time. Trying later may help.
    #[error("the database cannot be reached")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database answered, but not as it should.
    #[error("the database refused the {operation}")]
    Refused {
        /// What was asked of it, as `insert of a worker`.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database has no room left.
    #[error("the database has no room left for the {operation}")]
    Full {
        /// What was asked of it.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row makes no sense.
    #[error("column `{column}` of worker {id} holds {problem}")]
    Inconsistent {
        /// Which row.
        id: WorkerId,
        /// Which column.
        column: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The tables are missing or of an older version.
    #[error("the database has no current schema; run `workersd migrate`")]
    SchemaMissing,
}
