//! A snapshot is a cache of the stored source: one that the provider has lost is made again.

use workers_domain::ports::{RepositoryError, SandboxError};
use workers_domain::{SnapshotId, Worker};

use crate::bundle::{BundleError, make_snapshot};
use crate::platform::Shared;

/// Why a snapshot could not be made again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RebuildError {
    #[error("failed to reach the stored worker")]
    Repository(#[from] RepositoryError),
    #[error("failed to make the snapshot")]
    Sandbox(#[from] SandboxError),
    #[error("the worker was deleted or expired meanwhile")]
    Gone,
    #[error("the stored source does not compile any more")]
    Source(#[from] BundleError),
}

impl Shared {
    /// Makes the snapshot of `worker` again, unless somebody else has in the meantime, and answers with the one to use. It is made once
    /// for all who miss the same one at the same time.
    pub(crate) async fn rebuild(&self, worker: &Worker) -> Result<SnapshotId, RebuildError> {
        let _turn = self.turns.take(worker.id).await;
        let mut current = self.repository.find_by_id(worker.id).await?.ok_or(RebuildError::Gone)?;
        let expires_at = match (current.snapshot_id(), current.expires_at()) {
            (Some(id), Some(expires_at)) if expires_at > self.clock.now() => {
                if Some(id) != worker.snapshot_id() {
                    return Ok(id.clone());
                }
                expires_at
            }
            _ => return Err(RebuildError::Gone),
        };
        tracing::info!(worker.id = %worker.id, "the provider has lost the snapshot of a worker; making it again");
        let source = self.repository.find_source(worker.id).await?.ok_or(RebuildError::Gone)?;
        let bundle = self.bundler.compile(&source).await?;
        let snapshot = make_snapshot(self, bundle.script, expires_at).await?;
        let id = snapshot.id.clone();
        let is_known = current.snapshot_id() == Some(&id);
        let stored = current.make_ready(snapshot.id, expires_at).is_ok()
            && match self.repository.update_state(&current).await {
                // It is stored already: a provider may call the same content by the same id.
                Err(RepositoryError::ReadOnly { .. } | RepositoryError::Full { .. }) if is_known => true,
                stored => stored?,
            };
        if !stored {
            self.forget_snapshot(&current).await;
            return Err(RebuildError::Gone);
        }
        Ok(id)
    }
}
