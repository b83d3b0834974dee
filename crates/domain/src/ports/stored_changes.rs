//! Hearing of what is changed in a store.

use async_trait::async_trait;

use super::InvocationMark;
use crate::{SnapshotId, TenantId, WorkerId};

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
        /// Whose it is.
        tenant: TenantId,
        /// Which worker.
        id: WorkerId,
        /// The snapshot that it does not need any more.
        unneeded: Option<SnapshotId>,
    },
    /// A worker was removed.
    Removed {
        /// Whose it was.
        tenant: TenantId,
        /// Which worker.
        id: WorkerId,
        /// The snapshot that it had.
        unneeded: Option<SnapshotId>,
    },
    /// Workers of a tenant were invoked.
    Invoked {
        /// Whose they are.
        tenant: TenantId,
        /// Which ones, and when.
        marks: Vec<InvocationMark>,
    },
    /// Changes may have been missed.
    Missed,
}
