//! Storage of workers.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Page, PageRequest, RepositoryError};
use crate::access::TenantScope;
use crate::{SnapshotId, Worker, WorkerId};

/// Stores workers. Every method is atomic, also within a [`Transaction`](super::Transaction).
///
/// Methods that serve a call take the call's [`TenantScope`] first. A worker of a tenant outside the scope is treated
/// as if it did not exist. The other methods serve the platform's own work and cover the workers of all tenants.
///
/// A worker's source may be megabytes long. So it is stored by [`insert`](Self::insert), read by
/// [`find_source`](Self::find_source), and not included in any other result.
#[async_trait]
pub trait WorkerRepository: Send + Sync {
    /// Stores a new worker with its source. The source must not contain U+0000, because Postgres cannot store it. Times
    /// are stored with microsecond precision.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or refuses.
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError>;

    /// Returns the worker with this id, if it is in the scope.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or [`RepositoryError::Inconsistent`] if the stored row is invalid.
    async fn find_by_id(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// Returns the source that the worker was deployed with; `None` if there is no such worker in the scope.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn find_source(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<String>, RepositoryError>;

    /// Returns a page of the workers in the scope, newest first (by creation time, then by id, both descending).
    /// Consecutive pages contain no worker twice and miss no worker that existed the whole time, whatever is inserted
    /// and deleted in between. This holds even if the last worker of a page is deleted.
    ///
    /// An invalid row does not hide other workers: it is listed at its position as
    /// [`WorkerState::Unreadable`](crate::WorkerState::Unreadable). If the sort columns of a row are invalid so that a
    /// page cannot end there, the page has more than `limit` entries.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or [`RepositoryError::UnknownCursor`] if the cursor is not one that this list
    /// has returned.
    async fn list_page(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Worker>, RepositoryError>;

    /// Stores the worker's state (status, snapshot, expiry, message) if the stored revision is equal to the worker's
    /// revision, and then increments the worker's revision. Otherwise nothing is changed: another server has changed or
    /// deleted the worker first.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or refuses.
    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError>;

    /// Returns those of the given snapshots that no worker needs, which means that no worker that can be invoked now or
    /// later refers to them.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError>;

    /// Records when workers were last invoked. A time older than the stored one changes nothing; an unknown worker is
    /// skipped.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn record_invocations(&self, invocations: &[LastInvocation]) -> Result<(), RepositoryError>;

    /// Returns up to `limit` workers that are ready and whose snapshot expires at `now` or earlier, soonest first.
    /// Unreadable workers are left out and do not count towards `limit`.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Returns up to `limit` workers that have been in state creating since `before` or longer, oldest first. The
    /// server that was deploying them has crashed or stopped. Unreadable workers are left out and do not count towards
    /// `limit`.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError>;

    /// Deletes the worker and returns it, even if it is unreadable; `None` if there was none in the scope.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    async fn delete(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;
}

/// The result of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Update {
    /// The update is stored.
    Updated,
    /// Nothing was changed, because the stored revision is newer than the one that was read. Read the worker again and
    /// decide again.
    Conflict,
    /// The worker no longer exists.
    Gone,
}

/// When a worker was last invoked, as far as its writer knows: the stored time may be later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastInvocation {
    /// The worker's id.
    pub worker_id: WorkerId,
    /// When it was invoked.
    pub at: DateTime<Utc>,
}
