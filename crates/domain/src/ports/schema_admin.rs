//! Creation and maintenance of a store's schema.

use async_trait::async_trait;

use super::RepositoryError;
use crate::{SnapshotId, WorkerId};

/// Manages the schema of a database. Use cases read and write through repositories; this trait is for the operator's
/// tasks.
#[async_trait]
pub trait SchemaAdmin: Send + Sync {
    /// Applies all pending migrations in one transaction and returns their names. Two processes may call it at the same
    /// time.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, refuses, or has been migrated by a newer version of this program.
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError>;

    /// Creates the schema if it does not exist, and applies pending migrations. Deletes all workers if `existing` says
    /// so.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or refuses.
    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError>;

    /// Checks that the database can be used: it is reachable, it is the right one, its schema is current, its tables
    /// exist and are readable, and it accepts writes. Changes nothing, and takes only a few round trips. A database
    /// that is busy for a moment passes.
    ///
    /// # Errors
    ///
    /// The kind of the error says what is wrong.
    async fn check(&self) -> Result<(), RepositoryError>;
}

/// What [`SchemaAdmin::set_up`] does with existing workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingWorkers {
    /// Keep them.
    Keep,
    /// Delete all of them.
    Remove,
}

/// What [`SchemaAdmin::set_up`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupOutcome {
    /// It created the schema, because there was none.
    Created,
    /// The schema existed. It contained this number of workers, which were kept.
    Kept(u64),
    /// The schema existed. These workers were deleted.
    Emptied(Vec<RemovedWorker>),
}

/// A worker that was deleted together with all others. There may be many of them, so this contains only what is needed
/// to clean up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedWorker {
    /// The worker's id.
    pub id: WorkerId,
    /// The snapshot that the worker had. It is no longer needed.
    pub snapshot_id: Option<SnapshotId>,
}
