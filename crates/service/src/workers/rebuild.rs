//! A snapshot is a cache of the stored source: one that this server, or its provider, does not have is made again.
//!
//! The worker's row names the snapshot. Where each server keeps snapshots of its own, each makes one under that name
//! when it is first needed there, and the row stays as it is. Where the provider names snapshots itself, the row gets
//! the new name.

use chrono::{DateTime, Utc};
use workers_domain::ports::{RepositoryError, SandboxError, SandboxErrorKind, Update};
use workers_domain::{SnapshotId, Worker, WorkerId, WorkerState};

use crate::CompileFailure;
use crate::bundle::make_snapshot_as;
use crate::platform::Shared;

/// How often it is begun anew for a worker that others change meanwhile.
const TRIES: usize = 5;

/// Why a snapshot could not be made again.
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
    /// Answers with the snapshot to use for a worker, and makes it if it is not there. It is made once for all who miss
    /// the same one at the same time.
    pub(crate) async fn rebuild(&self, id: WorkerId) -> Result<SnapshotId, RebuildError> {
        let _turn = self.turns.take(id).await;
        let scope = self.access.system_scope();
        for _ in 0..TRIES {
            let mut worker = self.store.workers().find_by_id(&scope, id).await?.ok_or(RebuildError::Deleted)?;
            let (wanted, expires_at) = self.snapshot_of(&worker)?;
            if self.sandboxes.find_snapshot(&wanted).await?.is_some() {
                return Ok(wanted);
            }
            tracing::info!(worker.id = %id, snapshot.id = %wanted, "the snapshot of a worker is not here; making it");
            let source = self.store.workers().find_source(&scope, id).await?.ok_or(RebuildError::Deleted)?;
            let bundle = self.bundler.compile(&source).await?;
            let limits = self.limits_of(worker.tenant_id()).await?.sandbox;
            let made = make_snapshot_as(self, limits, &wanted, bundle.script, expires_at).await?.id;
            let is_in_use = if made == wanted {
                self.is_still_of(&worker, &made).await
            } else {
                // The worker is ready, so it may become ready with another snapshot.
                worker.make_ready(made.clone(), expires_at).is_ok() && self.store_rebuilt(&mut worker).await?
            };
            if is_in_use {
                return Ok(made);
            }
            // Deleted, redeployed or expired while it was being made.
            self.forget_snapshot_id(id, &made).await;
        }
        let message = "the worker was changed each time its snapshot was made";
        Err(SandboxError::new(SandboxErrorKind::Unavailable, message).into())
    }

    /// The snapshot that a worker is to have, and until when.
    fn snapshot_of(&self, worker: &Worker) -> Result<(SnapshotId, DateTime<Utc>), RebuildError> {
        match worker.state() {
            WorkerState::Ready { snapshot_id, expires_at } if *expires_at > self.clock.now() => {
                Ok((snapshot_id.clone(), *expires_at))
            }
            WorkerState::Ready { .. } | WorkerState::Expired { .. } => Err(RebuildError::Expired),
            _ => Err(RebuildError::Deleted),
        }
    }

    /// Whether a worker still has this snapshot. While the database cannot tell, it has: that was so a moment ago.
    async fn is_still_of(&self, worker: &Worker, snapshot: &SnapshotId) -> bool {
        let found = self.store.workers().find_by_id(&self.access.system_scope(), worker.id).await;
        found.map_or(true, |found| found.is_some_and(|worker| worker.snapshot_id() == Some(snapshot)))
    }

    /// Stores a worker with the snapshot that its provider has named; says whether it has it now.
    async fn store_rebuilt(&self, worker: &mut Worker) -> Result<bool, RepositoryError> {
        let is_stored = self.store.workers().update_state(worker).await? == Update::Updated;
        if is_stored {
            self.changes.publish_state(worker);
        }
        Ok(is_stored)
    }
}
