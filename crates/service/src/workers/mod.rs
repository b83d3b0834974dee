//! Use cases about workers, one file each.

mod changes;
mod delete;
mod deploy;
mod expire;
mod read;
mod rebuild;
mod set_up;

use std::sync::Arc;

use workers_domain::Worker;
use workers_domain::ports::RepositoryError;

pub(crate) use self::changes::ChangeFeed;
pub use self::changes::{WorkerChange, WorkerChanges};
pub(crate) use self::rebuild::Rebuilder;
pub use self::{expire::SweepReport, set_up::SetupReport};
use crate::platform::Shared;

/// Use cases about workers. Cheap to clone.
#[derive(Clone)]
pub struct WorkerService {
    shared: Arc<Shared>,
}

impl WorkerService {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Shared {
    /// Turns a worker to expired if its time has passed, in the database and at the provider too.
    pub(crate) async fn expire_if_due(&self, worker: &mut Worker) -> Result<(), RepositoryError> {
        if worker.expire_if_due(self.clock.now()) {
            if self.repository.update_state(worker).await? {
                self.changes.publish_state(worker);
            }
            self.forget_snapshot(worker).await;
        }
        Ok(())
    }

    /// Deletes a worker's snapshot. A failure is logged and no more: the provider drops expired snapshots by itself.
    pub(crate) async fn forget_snapshot(&self, worker: &Worker) {
        let Some(snapshot_id) = worker.snapshot_id() else { return };
        if let Err(error) = self.sandboxes.delete_snapshot(snapshot_id).await {
            tracing::warn!(
                worker.id = %worker.id,
                snapshot.id = %snapshot_id,
                error = &error as &dyn std::error::Error,
                "failed to delete the snapshot of a worker; it stays until it expires"
            );
        }
    }
}
