//! Where workers are kept.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Page, PageRequest, RepositoryError};
use crate::access::TenantScope;
use crate::{SnapshotId, Worker, WorkerId};

/// Keeps workers. Every method is atomic by itself, also within a [`Transaction`](super::Transaction).
///
/// What a call may reach takes the [`TenantScope`] of the call first. A worker of a tenant outside the scope is as one
/// that does not exist. The other methods serve the platform's own work, and find the workers of all tenants.
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

    /// The worker with this id, if it is in the scope.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or [`RepositoryError::Inconsistent`] when what is stored of it makes no
    /// sense.
    async fn find_by_id(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;

    /// The source the worker was deployed with; `None` if there is no such worker in the scope.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn find_source(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<String>, RepositoryError>;

    /// A page of the workers in the scope, newest first (by time of creation, then by id, both descending). Pages read
    /// one after the other hold no worker twice and miss none that was there throughout, whatever is inserted and
    /// deleted meanwhile, the last worker of a page included.
    ///
    /// One whose row makes no sense hides no other: it is there, in its place, as
    /// [`WorkerState::Unreadable`](crate::WorkerState::Unreadable). Where what it is sorted by is such that no page can
    /// end there, the page has more than `limit`.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached, or [`RepositoryError::UnknownPlace`] when the place is of no page.
    async fn list_page(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Worker>, RepositoryError>;

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

    /// Removes the worker and returns it, also one that cannot be read; `None` if there was none in the scope.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    async fn delete(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError>;
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

/// A worker was invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvocationMark {
    /// Which worker.
    pub worker_id: WorkerId,
    /// When.
    pub at: DateTime<Utc>,
}
