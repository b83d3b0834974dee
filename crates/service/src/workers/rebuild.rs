//! Rebuilds snapshots. A snapshot is a cache of the stored source: if this server or its provider does not have it, it
//! is made again.
//!
//! The worker's row contains the id of the snapshot. If each server has its own snapshots, each makes one under that id
//! when it first needs it, and the row stays unchanged. If the provider chooses the ids, the new id is stored in the
//! row.

use chrono::{DateTime, Utc};
use workers_domain::ports::{RepositoryError, SandboxError, SandboxErrorKind, Update};
use workers_domain::{SnapshotId, Worker, WorkerId, WorkerState};

use crate::CompileFailure;
use crate::shared::Shared;
use crate::snapshot::make_snapshot_as;

/// Maximum number of attempts for a worker that is changed by others at the same time.
const TRIES: usize = 5;

/// The reason why a snapshot could not be rebuilt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    #[error("failed to reach the stored worker")]
    Repository(#[from] RepositoryError),
    #[error("failed to make the snapshot")]
    Sandbox(#[from] SandboxError),
    #[error("the worker was deleted meanwhile")]
    Deleted,
    #[error("the worker expired meanwhile")]
    Expired,
    #[error("the stored source does not compile any more")]
    Source(#[from] CompileFailure),
}

impl Shared {
    /// Returns the snapshot to use for a worker, and makes it if it is missing. If several callers miss the same
    /// snapshot at the same time, it is made once.
    pub(crate) async fn rebuild(&self, id: WorkerId) -> Result<SnapshotId, RebuildError> {
        let _lock = self.worker_locks.lock(id).await;
        let scope = self.access.system_scope();
        for _ in 0..TRIES {
            let mut worker = self.store.workers().find_by_id(&scope, id).await?.ok_or(RebuildError::Deleted)?;
            let (wanted, expires_at) = self.snapshot_of(&worker)?;
            // Another caller may have made it while this one waited for the lock.
            if self.sandboxes.find_snapshot(&wanted).await?.is_some() {
                return Ok(wanted);
            }
            tracing::info!(worker.id = %id, snapshot.id = %wanted, "the snapshot of a worker is not here; making it");
            let source = self.store.workers().find_source(&scope, id).await?.ok_or(RebuildError::Deleted)?;
            let bundle = self.bundler.compile(&source).await?;
            // The limits are those of the worker's tenant, whatever tenant the caller acts for.
            let limits = self.limits_of(worker.tenant_id()).await?.sandbox;
            let made = make_snapshot_as(self, limits, &wanted, bundle.script, expires_at).await?.id;
            let is_in_use = if made == wanted {
                self.is_still_of(&worker, &made).await
            } else {
                // The worker is ready, so setting another snapshot is allowed.
                worker.make_ready(made.clone(), expires_at).is_ok() && self.store_rebuilt(&mut worker).await?
            };
            if is_in_use {
                return Ok(made);
            }
            // The worker was deleted, redeployed or expired while the snapshot was being made.
            self.forget_snapshot_id(id, &made).await;
        }
        let message = "the worker was changed each time its snapshot was made";
        Err(SandboxError::new(SandboxErrorKind::Unavailable, message).into())
    }

    /// Returns the snapshot that a worker should have, and when it expires.
    fn snapshot_of(&self, worker: &Worker) -> Result<(SnapshotId, DateTime<Utc>), RebuildError> {
        match worker.state() {
            WorkerState::Ready { snapshot_id, expires_at } if *expires_at > self.clock.now() => {
                Ok((snapshot_id.clone(), *expires_at))
            }
            WorkerState::Ready { .. } | WorkerState::Expired { .. } => Err(RebuildError::Expired),
            _ => Err(RebuildError::Deleted),
        }
    }

    /// Returns whether a worker still has this snapshot. If the database cannot be read, returns `true`, because that
    /// was the case a moment ago.
    async fn is_still_of(&self, worker: &Worker, snapshot: &SnapshotId) -> bool {
        let found = self.store.workers().find_by_id(&self.access.system_scope(), worker.id).await;
        found.map_or(true, |found| found.is_some_and(|worker| worker.snapshot_id() == Some(snapshot)))
    }

    /// Stores a worker with the snapshot id that the provider has chosen. Returns whether it was stored.
    async fn store_rebuilt(&self, worker: &mut Worker) -> Result<bool, RepositoryError> {
        let is_stored = self.store.workers().update_state(worker).await? == Update::Updated;
        if is_stored {
            self.changes.publish_state(worker);
        }
        Ok(is_stored)
    }
}
