//! Where workers are kept.

use std::num::NonZeroU32;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::{SnapshotId, Worker, WorkerId};

/// Keeps workers. Every method is atomic by itself.
///
/// A worker's source may be megabytes long, so it is stored with [`insert`](Self::insert), read with
/// [`find_source`](Self::find_source), and part of no other answer.
#[async_trait]
pub trait WorkerRepository: Send + Sync {
    /// Stores a new worker with its source, which must not contain U+0000: Postgres cannot keep it. Times are kept to
    /// the microsecond.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError>;

    /// The worker with this id.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or [`RepositoryError::Inconsistent`] when what is stored of it makes no
    /// sense.
    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// The source the worker was deployed with; `None` if there is no such worker.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError>;

    /// Up to `limit` workers, newest first (by time of creation, then by id, both descending): the newest, or those
    /// behind the end of an earlier page. Pages read one after the other hold no worker twice and miss none that was
    /// there throughout, whatever is inserted and deleted meanwhile, the last worker of a page included.
    ///
    /// One whose row makes no sense hides no other: it is there, in its place, as
    /// [`WorkerState::Unreadable`](crate::WorkerState::Unreadable). Where what it is sorted by is such that no page can
    /// end there, the page has more than `limit`.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or [`RepositoryError::UnknownPlace`] when `after` is of no page.
    async fn list_page(&self, after: Option<&ListPlace>, limit: NonZeroU32) -> Result<WorkerPage, RepositoryError>;

    /// Stores the worker's state (status, snapshot, expiry, message), if what is stored has the revision that this
    /// worker has, which is the next one then. Else nothing is changed: another server was first, or has deleted it.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached or refuses.
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError>;

    /// Those of some snapshots that no worker needs: none that can be invoked now or later names them.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError>;

    /// Records when workers were last invoked. A mark older than the stored one changes nothing; an unknown worker is
    /// skipped.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError>;

    /// Up to `limit` workers that are ready and whose snapshot expires at `now` or before, soonest first. Those that
    /// cannot be read are left out, and count for nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Up to `limit` workers that have been in state creating since `before` or longer, oldest first: their control
    /// plane died on the way. Those that cannot be read are left out, and count for nothing.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Removes the worker and answers with it, also one that cannot be read; `None` if there was none.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// What is changed about workers from now on, by any server and by hand. `None` where the database cannot tell;
    /// such a one has a single server.
    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        None
    }

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

/// Changes, in the order in which they were stored. To drop it is to stop listening.
#[async_trait]
pub trait StoredChanges: Send {
    /// The next change. May be dropped and called again without losing anything.
    async fn next(&mut self) -> StoredChange;
}

/// Something was changed about workers in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredChange {
    /// A worker is new, or another than it was.
    Changed {
        /// Which worker.
        id: WorkerId,
        /// The snapshot that it does not need any more.
        unneeded: Option<SnapshotId>,
    },
    /// A worker was removed.
    Removed {
        /// Which worker.
        id: WorkerId,
        /// The snapshot that it had.
        unneeded: Option<SnapshotId>,
    },
    /// Workers were invoked.
    Invoked(Vec<InvocationMark>),
    /// Changes may have been missed.
    Missed,
}

/// What came of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// It is stored.
    Updated,
    /// Nothing was changed: what is stored is newer than what was read. Read it again and decide again.
    Conflict,
    /// There is nothing to update any more.
    Gone,
}

/// Workers that stand one behind the other in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerPage {
    /// The workers.
    pub workers: Vec<Worker>,
    /// Where the list goes on; `None` where it ends.
    pub next: Option<ListPlace>,
}

/// A place in a list: behind one entry, and before the one that follows. It stays what it is when either goes. Only the
/// repository that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPlace(Vec<u8>);

impl ListPlace {
    /// Takes a place as a repository spells it.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The place as its repository spells it, in at most a few hundred bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A worker was invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationMark {
    /// Which worker.
    pub worker_id: WorkerId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What [`WorkerRepository::set_up`] does with workers that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExistingWorkers {
    /// They stay.
    Keep,
    /// They are removed, all of them.
    Remove,
}

/// What [`WorkerRepository::set_up`] did.
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
    /// A place in a list was asked for that is none: nothing that this repository has made.
    #[error("there is no such place in the list")]
    UnknownPlace,
    /// The database takes no writes now. What is stored can be read.
    #[error("the database takes no writes, and so not the {operation}")]
    ReadOnly {
        /// What was asked of it.
        operation: &'static str,
        /// What it said, or where that was seen.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database does not permit us what we need.
    #[error("the database does not permit the {operation}; grant the server's user what it lacks")]
    Denied {
        /// What was asked of it.
        operation: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What the database keeps is broken.
    #[error("the database is damaged; restore it from a backup, as docs/operations.md says")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tables are missing or of an older version.
    #[error("the database has no current schema; run `workersd migrate`")]
    SchemaMissing,
    /// The schema was made, and a part of it has gone since.
    #[error(
        "the database lacks a part of its schema that it had; put it back under its name, or restore the database \
         from a backup, as docs/operations.md says"
    )]
    SchemaIncomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
}
