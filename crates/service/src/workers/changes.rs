//! What is changed about workers, for those who listen.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use workers_domain::access::{AccessError, Action, CallContext, Resource, TenantScope};
use workers_domain::ports::{EventBus, WorkerEvents};
use workers_domain::{TenantId, Worker};

use super::WorkerService;
use super::published::Published;
use crate::WorkerChange;

/// Changes from now on, in the order in which they were published. To drop it is to stop listening.
pub struct WorkerChanges(Box<dyn WorkerEvents>);

/// Where changes are published. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ChangeFeed(Arc<Feed>);

struct Feed {
    bus: Arc<dyn EventBus>,
    /// What was published lately, where the database tells every change to every server, and so each of ours to us.
    published: OnceLock<Mutex<Published>>,
}

impl WorkerService {
    /// What changes from now on in the caller's tenant: by this server, and by others over the same Postgres.
    ///
    /// # Errors
    ///
    /// When the caller may not watch workers.
    pub fn changes(&self, context: &CallContext) -> Result<WorkerChanges, AccessError> {
        let scope = self.shared.access.check(context, Action::WatchWorkers, Resource::Tenant)?;
        Ok(self.shared.changes.listen(scope))
    }
}

impl WorkerChanges {
    /// The next change; `None` when the platform is gone. May be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Option<WorkerChange> {
        self.0.next().await
    }
}

impl fmt::Debug for WorkerChanges {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WorkerChanges").finish_non_exhaustive()
    }
}

impl ChangeFeed {
    pub(crate) fn new(bus: Arc<dyn EventBus>) -> Self {
        Self(Arc::new(Feed { bus, published: OnceLock::new() }))
    }

    /// From now on each change comes twice, and is passed on once.
    pub(super) fn expect_echoes(&self) {
        self.0.published.get_or_init(Mutex::default);
    }

    /// Tells those who listen in this tenant, unless it was told before. Never waits.
    pub(crate) fn publish(&self, tenant: TenantId, change: WorkerChange) {
        if self.is_news(&change) {
            self.0.bus.publish(tenant, change);
        }
    }

    /// Tells all who listen that whatever they know may be wrong.
    pub(super) fn reset(&self) {
        if self.is_news(&WorkerChange::Reset) {
            self.0.bus.reset();
        }
    }

    /// Tells that a worker is in another state.
    pub(crate) fn publish_state(&self, worker: &Worker) {
        if self.has_listeners(worker.tenant_id()) {
            self.publish(worker.tenant_id(), WorkerChange::State(Arc::new(worker.clone())));
        }
    }

    pub(super) fn has_listeners(&self, tenant: TenantId) -> bool {
        self.0.bus.has_listeners(tenant)
    }

    fn is_news(&self, change: &WorkerChange) -> bool {
        let Some(published) = self.0.published.get() else { return true };
        published.lock().unwrap_or_else(PoisonError::into_inner).is_news(change)
    }

    fn listen(&self, scope: TenantScope) -> WorkerChanges {
        WorkerChanges(self.0.bus.listen(scope))
    }
}
