//! Delivery of worker changes to listeners.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::access::TenantScope;
use crate::{TenantId, Worker, WorkerId};

/// A change of one or more workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkerChange {
    /// The worker is new or has a new state: it was deployed or redeployed, failed, or expired.
    State(Arc<Worker>),
    /// A function of the worker was invoked, and the time of the invocation is stored.
    Invoked {
        /// The worker's id.
        id: WorkerId,
        /// When it was invoked.
        at: DateTime<Utc>,
    },
    /// The worker was deleted. Changes published about it at the same moment may still follow. Its id is never reused.
    Deleted(WorkerId),
    /// The listener's data may be out of date: the listener fell behind, or the database was emptied. The listener
    /// should read the list of workers again; later changes are newer than that list.
    Reset,
}

/// Carries changes from where they are made to the listeners on this server. A listener receives only changes in its
/// own scope. It cannot notice changes of other tenants in any way: neither that they happened, nor that they were too
/// many.
pub trait EventBus: Send + Sync {
    /// Sends a change to the listeners of this tenant. Never waits.
    fn publish(&self, tenant: TenantId, change: WorkerChange);

    /// Sends [`WorkerChange::Reset`] to all listeners of all tenants.
    fn reset(&self);

    /// Returns whether there may be a listener that receives changes of this tenant.
    fn has_listeners(&self, tenant: TenantId) -> bool;

    /// Returns a stream of the changes in this scope from now on.
    fn listen(&self, scope: TenantScope) -> Box<dyn WorkerEvents>;
}

/// A stream of changes, in the order in which they were published. Dropping it ends the subscription.
#[async_trait]
pub trait WorkerEvents: Send {
    /// Returns the next change, [`WorkerChange::Reset`] in place of changes that were missed, or `None` when the bus is
    /// closed. Cancel-safe: the future may be dropped without losing a change.
    async fn next(&mut self) -> Option<WorkerChange>;
}
