//! The registry: all sandboxes, sessions and snapshots, and the operations on them.
//!
//! The state is in [`Tables`] behind one lock that is never held across an await. Each sandbox also has a *transition*
//! lock. It is asynchronous, and whatever begins or ends a session of the sandbox holds it for as long as that takes,
//! so that only one such operation runs at a time. Work that must not stop half way runs in a task of its own
//! ([`Registry::to_completion`]), so that a closed connection does not cancel it.

mod accounts;
mod admission;
mod container_permit;
mod create;
mod end;
mod last_releases;
mod launch;
mod page;
mod rate_limiter;
mod read;
mod removals;
mod restore;
mod resume;
mod snapshots;
mod start_error;
mod sweep;
mod tables;
mod update;

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use admission::Admission;
pub(crate) use container_permit::ContainerPermit;
pub(crate) use create::NewSandbox;
pub(crate) use page::{PageRequest, Rank};
pub(crate) use rate_limiter::RateLimitStatus;
pub(crate) use read::{SandboxFilter, SortBy};
pub(crate) use snapshots::TreeNode;
pub use start_error::StartError;
pub(crate) use tables::View;
pub(crate) use update::SandboxChange;

use crate::VercelServerOptions;
use crate::error::ApiError;
use crate::logs::LogBudget;
use crate::model::Millis;
use crate::store::Store;
use rate_limiter::RateLimiter;
use removals::SnapshotRemovals;
use tables::Tables;

/// The state of the server.
pub(crate) struct Registry {
    options: VercelServerOptions,
    /// The runtime for tasks that outlive a request: not one of the threads that serve requests, which end first.
    runtime: Handle,
    store: Store,
    tables: Mutex<Tables>,
    /// What the logs of all sessions may still grow by.
    log_budget: Arc<LogBudget>,
    /// The room for containers.
    admission: Admission,
    /// The request counts of the teams.
    rate_limiter: RateLimiter,
    /// The provider's snapshots that are being removed now.
    removals: SnapshotRemovals,
    /// Whether snapshots without a record are kept: set when a record could not be read, because it may be theirs.
    keeps_unknown: bool,
    /// The provider's snapshots that are kept although they have no record.
    kept: HashSet<String>,
    /// Whether the provider may have snapshots without a record.
    may_have_unknown: AtomicBool,
    /// Cancelled when the shutdown begins; nothing may begin after that.
    stopping: CancellationToken,
}

impl Registry {
    /// Returns the options of the server.
    pub(crate) const fn options(&self) -> &VercelServerOptions {
        &self.options
    }

    /// Returns the time of day.
    pub(crate) fn now(&self) -> Millis {
        self.options.clock.now().timestamp_millis()
    }

    /// Counts a request of a team, unless the team has reached its limit.
    pub(crate) fn count_request(&self, team: &str) -> RateLimitStatus {
        self.rate_limiter.count(team, self.now())
    }

    /// Runs `work` to its end in a task of its own, so that a closed connection does not cancel it.
    pub(crate) async fn to_completion<T, F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        match self.runtime.spawn(work(Arc::clone(self)).in_current_span()).await {
            Ok(done) => done,
            Err(panicked) => Err(ApiError::internal(&panicked)),
        }
    }

    /// Checks that a change could be written to disk now. Every request that changes something calls this first,
    /// because nothing may be acknowledged that a restart would not find.
    async fn check_store(&self) -> Result<(), ApiError> {
        Ok(self.store.check().await?)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
