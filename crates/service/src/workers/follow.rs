//! Follows changes made by other servers: publishes them to local listeners, and deletes local snapshots that are no
//! longer needed.

use std::sync::{Arc, Weak};

use tokio_util::sync::CancellationToken;
use workers_domain::ports::{StoredChange, StoredChanges};
use workers_domain::{SnapshotId, WorkerStatus};

use super::WorkerService;
use crate::WorkerChange;
use crate::shared::Shared;

/// Starts the background task. It ends when the platform is dropped or `end` is cancelled.
pub(crate) fn follow(shared: &Arc<Shared>, end: CancellationToken) {
    if let Some(changes) = shared.store.listen() {
        shared.changes.expect_echoes();
        tokio::spawn(take_all(changes, Arc::downgrade(shared), end));
    }
}

async fn take_all(mut changes: Box<dyn StoredChanges>, shared: Weak<Shared>, end: CancellationToken) {
    while let Some(change) = end.run_until_cancelled(changes.next()).await {
        // A weak reference, because this task must not keep a platform that its owner has dropped.
        let Some(shared) = shared.upgrade() else { return };
        shared.take(change).await;
    }
}

impl Shared {
    async fn take(self: &Arc<Self>, change: StoredChange) {
        match change {
            StoredChange::Changed { tenant, id, unneeded } => {
                self.remove_own(unneeded).await;
                // The row is only read for listeners.
                if !self.changes.has_listeners(tenant) {
                    return;
                }
                match self.store.workers().find_by_id(&self.access.system_scope(), id).await {
                    // A running deploy is not published; its end is.
                    Ok(Some(worker)) if worker.status() == WorkerStatus::Creating => {}
                    Ok(Some(worker)) => self.changes.publish_state(&worker),
                    // The worker was deleted; that change follows.
                    Ok(None) => {}
                    Err(error) => {
                        self.health.warn("follow", &error, "failed to read a worker that another server has changed");
                        // The listeners read the list again, because this change cannot be passed on to them.
                        self.changes.reset();
                    }
                }
            }
            StoredChange::Removed { tenant, id, unneeded } => {
                self.remove_own(unneeded).await;
                self.changes.publish(tenant, WorkerChange::Deleted(id));
            }
            StoredChange::Invoked { tenant, invocations } => {
                for invocation in invocations {
                    self.changes.publish(tenant, WorkerChange::Invoked { id: invocation.worker_id, at: invocation.at });
                }
            }
            StoredChange::Missed => {
                self.changes.reset();
                // The changes that were missed may have named snapshots to delete.
                if let Err(error) = WorkerService::new(Arc::clone(self)).reclaim_snapshots().await {
                    self.health.warn("follow", &error, "failed to look for snapshots that no worker needs");
                }
            }
        }
    }

    /// Deletes a snapshot if this server has its own copy of it.
    async fn remove_own(&self, snapshot: Option<SnapshotId>) {
        let Some(snapshot) = snapshot.filter(|_| self.sandboxes.keeps_own_snapshots()) else { return };
        if !matches!(self.sandboxes.find_snapshot(&snapshot).await, Ok(Some(_))) {
            return;
        }
        if let Err(error) = self.sandboxes.delete_snapshot(&snapshot).await {
            let what = format_args!("failed to delete the unused snapshot {snapshot}; the sweep will");
            self.health.warn("delete_snapshot", &error, what);
        }
    }
}
