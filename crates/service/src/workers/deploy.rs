//! Deploy: from a name and source to a worker that is ready.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::Snapshot;
use workers_domain::{Worker, WorkerId, WorkerName};

use super::WorkerService;
use crate::DeployError;
use crate::bundle::{Bundle, make_snapshot};
use crate::platform::Shared;

impl WorkerService {
    /// Deploys a bundle. A caller that goes away ends its compilation. What comes after that goes on to its end, so that no worker is
    /// left half made.
    ///
    /// # Errors
    ///
    /// [`DeployError::InvalidName`], [`DeployError::EmptyCode`], [`DeployError::CodeTooLarge`] and [`DeployError::Rejected`] are the
    /// caller's doing and leave nothing behind, as does [`DeployError::Busy`]. With [`DeployError::Sandbox`] the worker is kept in state error.
    pub async fn deploy(&self, name: String, code: String) -> Result<Worker, DeployError> {
        let name = WorkerName::parse(name).map_err(DeployError::InvalidName)?;
        let limit = self.shared.options.max_code_bytes;
        if code.trim().is_empty() {
            return Err(DeployError::EmptyCode);
        }
        if code.len() > limit {
            return Err(DeployError::CodeTooLarge { bytes: code.len(), limit });
        }
        let bundle = self.shared.bundler.compile(&code).await?;
        let shared = Arc::clone(&self.shared);
        let stored = self.shared.runtime.spawn(async move { store(&shared, name, code, bundle).await });
        stored.await.unwrap_or_else(|error| Err(DeployError::Transpiler(error.to_string())))
    }
}

/// Stores the worker while its snapshot is being made: neither needs the other.
async fn store(shared: &Shared, name: WorkerName, code: String, bundle: Bundle) -> Result<Worker, DeployError> {
    let now = shared.clock.now();
    let mut worker = Worker::creating(WorkerId::generate(now), name, bundle.functions, now);
    let expires_at = expiry(shared, now);
    let snapshot = make_snapshot(&*shared.sandboxes, shared.options.sandbox, bundle.script, expires_at);
    let (inserted, snapshot) = tokio::join!(shared.repository.insert(&worker, &code), snapshot);
    match (inserted, snapshot) {
        (Ok(()), Ok(snapshot)) => become_ready(shared, worker, snapshot, expires_at).await,
        (Ok(()), Err(source)) => {
            // The sentence that the owner sees later names no internals; the log gets the cause where the error is answered.
            if worker.fail("The sandbox provider could not make a snapshot of the code.").is_ok()
                && shared.repository.update_state(&worker).await?
            {
                shared.changes.publish_state(&worker);
            }
            Err(DeployError::Sandbox { worker_id: worker.id, source })
        }
        (Err(error), snapshot) => {
            if let Ok(snapshot) = snapshot
                && worker.make_ready(snapshot.id, expires_at).is_ok()
            {
                shared.forget_snapshot(&worker).await;
            }
            Err(error.into())
        }
    }
}

async fn become_ready(
    shared: &Shared,
    mut worker: Worker,
    snapshot: Snapshot,
    expires_at: DateTime<Utc>,
) -> Result<Worker, DeployError> {
    // A worker in state creating always may become ready.
    let _ = worker.make_ready(snapshot.id, expires_at);
    match shared.repository.update_state(&worker).await {
        Ok(true) => {
            shared.changes.publish_state(&worker);
            Ok(worker)
        }
        // Deleted meanwhile, by somebody who found it in the list.
        Ok(false) => {
            shared.forget_snapshot(&worker).await;
            Ok(worker)
        }
        Err(error) => {
            shared.forget_snapshot(&worker).await;
            Err(error.into())
        }
    }
}

/// Until when a worker lives that is deployed now.
pub(super) fn expiry(shared: &Shared, now: DateTime<Utc>) -> DateTime<Utc> {
    let lifetime = TimeDelta::from_std(shared.options.worker_lifetime).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
