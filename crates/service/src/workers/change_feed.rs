//! Publishing of worker changes to listeners.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use workers_domain::access::TenantScope;
use workers_domain::ports::{EventBus, WorkerEvents};
use workers_domain::{TenantId, Worker};

use super::published::Published;
use crate::WorkerChange;

/// A stream of changes from now on, in the order in which they were published. Dropping it ends the subscription.
pub struct WorkerChanges(Box<dyn WorkerEvents>);

/// Publishes changes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ChangeFeed(Arc<Feed>);

struct Feed {
    bus: Arc<dyn EventBus>,
    /// Recently published changes. Set if the database reports every change to every server, including our own changes
    /// to us.
    published: OnceLock<Mutex<Published>>,
}

impl WorkerChanges {
    /// Returns the next change, or `None` when the platform has been dropped. Cancel-safe: the future may be dropped
    /// without losing a change.
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

    /// From now on, expects each change twice and passes it on only once.
    pub(super) fn expect_echoes(&self) {
        self.0.published.get_or_init(Mutex::default);
    }

    /// Sends a change to the listeners of this tenant, unless it was sent before. Never waits.
    pub(crate) fn publish(&self, tenant: TenantId, change: WorkerChange) {
        if self.is_new(&change) {
            self.0.bus.publish(tenant, change);
        }
    }

    /// Sends a reset to all listeners: their data may be out of date.
    pub(super) fn reset(&self) {
        if self.is_new(&WorkerChange::Reset) {
            self.0.bus.reset();
        }
    }

    /// Publishes the new state of a worker.
    pub(crate) fn publish_state(&self, worker: &Worker) {
        if self.has_listeners(worker.tenant_id()) {
            self.publish(worker.tenant_id(), WorkerChange::State(Arc::new(worker.clone())));
        }
    }

    pub(super) fn has_listeners(&self, tenant: TenantId) -> bool {
        self.0.bus.has_listeners(tenant)
    }

    fn is_new(&self, change: &WorkerChange) -> bool {
        let Some(published) = self.0.published.get() else { return true };
        published.lock().unwrap_or_else(PoisonError::into_inner).is_new(change)
    }

    pub(super) fn listen(&self, scope: TenantScope) -> WorkerChanges {
        WorkerChanges(self.0.bus.listen(scope))
    }
}
