//! A snapshot is a cache of the stored source: one that the provider has lost is made again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use workers_domain::ports::{RepositoryError, SandboxError};
use workers_domain::{SnapshotId, Worker, WorkerId};

use crate::bundle::{BundleError, make_snapshot};
use crate::platform::Shared;

/// Makes lost snapshots again, once for all who miss the same one at the same time.
#[derive(Default)]
pub(crate) struct Rebuilder {
    turns: Mutex<HashMap<WorkerId, Weak<tokio::sync::Mutex<()>>>>,
}

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

impl Rebuilder {
    /// Makes the snapshot of `worker` again, unless somebody else has in the meantime, and answers with the one to use.
    pub(crate) async fn rebuild(&self, shared: &Shared, worker: &Worker) -> Result<SnapshotId, RebuildError> {
        let turn = self.turn(worker.id);
        let _turn = turn.lock().await;
        let mut current = shared.repository.find_by_id(worker.id).await?.ok_or(RebuildError::Gone)?;
        let expires_at = match (current.snapshot_id(), current.expires_at()) {
            (Some(id), Some(expires_at)) if expires_at > shared.clock.now() => {
                if Some(id) != worker.snapshot_id() {
                    return Ok(id.clone());
                }
                expires_at
            }
            _ => return Err(RebuildError::Gone),
        };
        tracing::info!(worker.id = %worker.id, "the provider has lost the snapshot of a worker; making it again");
        let source = shared.repository.find_source(worker.id).await?.ok_or(RebuildError::Gone)?;
        let bundle = shared.bundler.compile(&source).await?;
        let snapshot = make_snapshot(&*shared.sandboxes, shared.options.sandbox, bundle.script, expires_at).await?;
        let id = snapshot.id.clone();
        let stored =
            current.make_ready(snapshot.id, expires_at).is_ok() && shared.repository.update_state(&current).await?;
        if !stored {
            shared.forget_snapshot(&current).await;
            return Err(RebuildError::Gone);
        }
        Ok(id)
    }

    /// The lock of one worker; entries of workers that nobody rebuilds are dropped on the way.
    fn turn(&self, id: WorkerId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&id).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(id, Arc::downgrade(&turn));
        turn
    }
}
