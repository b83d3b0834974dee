//! Notifications about changes in a store.

use async_trait::async_trait;

use super::LastInvocation;
use crate::{SnapshotId, TenantId, WorkerId};

/// A stream of changes, in the order in which they were stored. Dropping it ends the subscription.
#[async_trait]
pub trait StoredChanges: Send {
    /// Returns the next change. Cancel-safe: the future may be dropped without losing a change.
    async fn next(&mut self) -> StoredChange;
}

/// A change of workers in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredChange {
    /// A worker was added or changed.
    Changed {
        /// The tenant that owns it.
        tenant: TenantId,
        /// The worker's id.
        id: WorkerId,
        /// A snapshot that the worker no longer needs.
        unneeded: Option<SnapshotId>,
    },
    /// A worker was deleted.
    Removed {
        /// The tenant that owned it.
        tenant: TenantId,
        /// The worker's id.
        id: WorkerId,
        /// The snapshot that the worker had.
        unneeded: Option<SnapshotId>,
    },
    /// Workers of a tenant were invoked.
    Invoked {
        /// The tenant that owns them.
        tenant: TenantId,
        /// The workers and the times of their invocations.
        invocations: Vec<LastInvocation>,
    },
    /// Some changes may have been missed.
    Missed,
}
