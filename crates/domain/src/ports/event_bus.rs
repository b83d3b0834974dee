//! How changes of workers reach those who listen.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::access::TenantScope;
use crate::{TenantId, Worker, WorkerId};

/// Something changed about workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerChange {
    /// This worker is new or in another state: it was deployed or redeployed, failed, or expired.
    State(Arc<Worker>),
    /// A function of it was invoked, and that is stored.
    Invoked {
        /// Which worker.
        id: WorkerId,
        /// When.
        at: DateTime<Utc>,
    },
    /// It was deleted. What was published about it at the same moment may follow; its id never comes back.
    Deleted(WorkerId),
    /// Whatever is known may be wrong: the listener fell behind, or the database was emptied. What follows is newer
    /// than a list that is read from now on.
    Reset,
}

/// Carries changes from where they are made to those who listen on this server. A listener gets what changes in its own
/// scope, and never learns of anything else: neither that there was a change, nor that there were too many.
pub trait EventBus: Send + Sync {
    /// Tells a change to those who listen in this tenant. Never waits.
    fn publish(&self, tenant: TenantId, change: WorkerChange);

    /// Tells all who listen, in every tenant, that whatever they know may be wrong: [`WorkerChange::Reset`].
    fn reset(&self);

    /// Whether there may be a listener that gets what changes in this tenant.
    fn has_listeners(&self, tenant: TenantId) -> bool;

    /// What changes in this scope from now on.
    fn listen(&self, scope: TenantScope) -> Box<dyn WorkerEvents>;
}

/// Changes, in the order in which they were published. To drop it is to stop listening.
#[async_trait]
pub trait WorkerEvents: Send {
    /// The next change; [`WorkerChange::Reset`] in place of those that were missed; `None` when the bus is gone. May be
    /// dropped and called again without losing anything.
    async fn next(&mut self) -> Option<WorkerChange>;
}
