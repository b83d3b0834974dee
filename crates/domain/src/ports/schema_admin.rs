//! Making and looking after what a store keeps its rows in.

use async_trait::async_trait;

use super::RepositoryError;
use crate::{SnapshotId, WorkerId};

/// The schema of a database. Use cases read and write through repositories; this is for what an operator does.
#[async_trait]
pub trait SchemaAdmin: Send + Sync {
    /// Applies the migrations that have not been applied, all or none, and answers with their names. Two processes may
    /// do so at once.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, refuses, or has been migrated by a newer version of this program.
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError>;

    /// Creates the schema if there is none, and brings it up to date. Removes all workers if that is asked for.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError>;

    /// Answers if the database can be used as it must be: it is reached, it is the right one, its schema is current,
    /// its tables are there and can be read, and it takes writes. Changes nothing, and takes no longer than a few round
    /// trips: a database that is busy for a moment is sound.
    ///
    /// # Errors
    ///
    /// With the kind of what is wrong.
    async fn check(&self) -> Result<(), RepositoryError>;
}

/// What [`SchemaAdmin::set_up`] does with workers that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingWorkers {
    /// They stay.
    Keep,
    /// They are removed, all of them.
    Remove,
}

/// What [`SchemaAdmin::set_up`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetupOutcome {
    /// There was no schema.
    Created,
    /// There was one, with so many workers, which are still there.
    Kept(u64),
    /// There was one, with these workers, which are gone now.
    Emptied(Vec<RemovedWorker>),
}

/// What is left to know of a worker that was removed with all others. There may be many, so it is no more than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedWorker {
    /// Its id.
    pub id: WorkerId,
    /// The snapshot it had, which is of no use any more.
    pub snapshot_id: Option<SnapshotId>,
}
