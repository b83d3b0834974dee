//! All sandboxes, sessions and snapshots, and what can be done with them.
//!
//! What is known stands in [`Tables`] behind one lock that is never held across an await. What begins or ends a session
//! of a sandbox excludes everything else that does: each sandbox has a *transition* lock for that, which is
//! asynchronous and held as long as it takes. Work that must not stop half way runs in a task of its own
//! ([`Registry::to_completion`]), whatever becomes of the connection.

mod admission;
mod create;
mod end;
mod freed;
mod launch;
mod page;
mod rate;
mod read;
mod removing;
mod restore;
mod resume;
mod snapshots;
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
pub(crate) use admission::Place;
pub(crate) use create::NewSandbox;
pub(crate) use page::{PageRequest, Rank};
pub(crate) use rate::Standing;
pub(crate) use read::{SandboxFilter, SortBy};
pub use restore::StartError;
pub(crate) use snapshots::TreeNode;
pub(crate) use tables::View;
pub(crate) use update::SandboxChange;

use crate::VercelServerOptions;
use crate::error::ApiError;
use crate::logs::LogBudget;
use crate::model::Millis;
use crate::store::Store;
use rate::Rate;
use removing::Removing;
use tables::Tables;

/// Everything there is.
pub(crate) struct Registry {
    options: VercelServerOptions,
    /// Where work goes on: not one of the threads that serve requests, which end first.
    runtime: Handle,
    store: Store,
    tables: Mutex<Tables>,
    /// What the logs of all sessions may still take.
    log_budget: Arc<LogBudget>,
    /// Room for machines.
    admission: Admission,
    /// Requests of teams.
    rate: Rate,
    /// The provider's snapshots that are being removed now.
    removing: Removing,
    /// Whether snapshots that no record knows stay: it may be their record that cannot be read.
    keeps_unknown: bool,
    /// The provider's snapshots that stay though no record knows them.
    kept: HashSet<String>,
    /// Whether the provider may have snapshots that no record knows.
    may_have_unknown: AtomicBool,
    /// Set once nothing may begin any more.
    stopping: CancellationToken,
}

impl Registry {
    /// How the server behaves.
    pub(crate) const fn options(&self) -> &VercelServerOptions {
        &self.options
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Millis {
        self.options.clock.now().timestamp_millis()
    }

    /// Counts a request of a team, unless that has made as many as it may.
    pub(crate) fn count_request(&self, team: &str) -> Standing {
        self.rate.count(team, self.now())
    }

    /// Runs what must not stop half way, whatever becomes of the connection.
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

    /// Sees that what a request is about to change could be written down: nothing is acknowledged that a restart would
    /// not find.
    async fn check_store(&self) -> Result<(), ApiError> {
        Ok(self.store.check().await?)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
