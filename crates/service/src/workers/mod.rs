//! Use cases about workers, one file per use case.

mod change_feed;
mod changes;
mod delete;
mod deploy;
mod expire;
mod follow;
mod published;
mod read;
mod rebuild;
mod reclaim;
mod redeploy;
mod set_up;
mod settle;
mod throttle;
mod worker_locks;

use std::sync::Arc;

use tracing::Instrument as _;
use workers_domain::ports::{RemovedWorker, RepositoryError, Update};
use workers_domain::{SnapshotId, Worker, WorkerId};

pub(crate) use self::change_feed::ChangeFeed;
pub use self::change_feed::WorkerChanges;
pub(crate) use self::follow::follow;
pub(crate) use self::rebuild::RebuildError;
pub(crate) use self::settle::Settler;
use self::throttle::Throttle;
pub(crate) use self::worker_locks::WorkerLocks;
pub use self::{expire::SweepReport, set_up::SetupReport};
use crate::EffectiveLimits;
use crate::shared::Shared;
use crate::snapshot::sandbox_spec;

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
    /// Expires a worker if its lifetime has ended: in the database, and its snapshot at the provider. If the worker was
    /// changed in the meantime, `worker` is set to its current state.
    pub(crate) async fn expire_if_due(&self, worker: &mut Worker) -> Result<(), RepositoryError> {
        // After a conflict it is decided again: another server may have redeployed the worker, which has a new lifetime
        // then.
        while worker.expire_if_due(self.clock.now()) {
            match self.store.workers().update_state(worker).await? {
                Update::Updated => {
                    self.changes.publish_state(worker);
                    self.forget_snapshot(worker).await;
                }
                // The server that has deleted the worker may have removed its own copy of the snapshot only.
                Update::Gone => self.forget_snapshot(worker).await,
                Update::Conflict => {
                    match self.store.workers().find_by_id(&self.access.system_scope(), worker.id).await? {
                        Some(current) => *worker = current,
                        None => self.forget_snapshot(worker).await,
                    }
                }
            }
        }
        Ok(())
    }

    /// Like [`expire_if_due`](Self::expire_if_due), for callers that only read. If the database cannot store the state
    /// now, `worker` is set to expired anyway; the sweep stores it later.
    pub(crate) async fn expire_when_read(&self, worker: &mut Worker) -> Result<(), RepositoryError> {
        match self.expire_if_due(worker).await {
            Err(RepositoryError::ReadOnly { .. } | RepositoryError::Full { .. }) => {
                worker.expire_if_due(self.clock.now());
                Ok(())
            }
            done => done,
        }
    }

    /// Lets the provider prepare for the invocation that usually follows a deploy.
    pub(crate) fn expect_invocation(&self, worker: &Worker, limits: &EffectiveLimits) {
        if let Some(snapshot_id) = worker.snapshot_id() {
            self.sandboxes.expect(sandbox_spec(snapshot_id.clone(), &limits.of(worker), &self.options.network));
        }
    }

    /// Deletes a worker's snapshot. A failure is only logged, because the provider deletes expired snapshots
    /// automatically.
    pub(crate) async fn forget_snapshot(&self, worker: &Worker) {
        if let Some(snapshot_id) = worker.snapshot_id() {
            self.forget_snapshot_id(worker.id, snapshot_id).await;
        }
    }

    /// Deletes the snapshots of deleted workers, in the background and in small steps. If the server stops before the
    /// end, the sweep finds the rest of this server's own snapshots; other snapshots stay until they expire.
    fn forget_all(self: &Arc<Self>, workers: Vec<RemovedWorker>) {
        let shared = Arc::clone(self);
        let forgetting = async move {
            let mut throttle = Throttle::default();
            for RemovedWorker { id, snapshot_id } in workers {
                if let Some(snapshot_id) = snapshot_id {
                    throttle.step(shared.forget_snapshot_id(id, &snapshot_id)).await;
                }
            }
        };
        self.runtime.spawn(forgetting.in_current_span());
    }

    /// Deletes a snapshot that was made for a worker, like [`forget_snapshot`](Self::forget_snapshot).
    async fn forget_snapshot_id(&self, worker_id: WorkerId, snapshot_id: &SnapshotId) {
        if let Err(error) = self.sandboxes.delete_snapshot(snapshot_id).await {
            let what = format_args!(
                "failed to delete the snapshot {snapshot_id} of the worker {worker_id}; it stays until it expires"
            );
            self.health.warn("delete_snapshot", &error, what);
        }
    }
}
