//! Redeploys a worker: makes a new snapshot from the stored source, and the same worker is ready again.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::Instrument as _;
use workers_domain::access::{Action, CallContext, Resource, TenantScope};
use workers_domain::ports::Update;
use workers_domain::{SnapshotId, Worker, WorkerId, WorkerStatus};

use super::WorkerService;
use super::deploy::{expiry, make_snapshot_in_time};
use crate::bundle::Bundle;
use crate::shared::Shared;
use crate::{DeployError, EffectiveLimits, RedeployError};

impl WorkerService {
    /// Makes a worker ready again from the source it was deployed with, as if it were deployed now. Its id and
    /// functions stay the same. If the caller disconnects during the compilation, the compilation is cancelled. The
    /// later steps always run to their end.
    ///
    /// # Errors
    ///
    /// [`RedeployError::NotFound`]; [`RedeployError::Creating`] while its deploy is running; otherwise those of a
    /// deploy. The worker's state is then unchanged.
    #[tracing::instrument(
        name = "workers.redeploy",
        skip_all,
        fields(request.id = %context.request_id(), worker.id = %id)
    )]
    pub async fn redeploy(&self, context: &CallContext, id: WorkerId) -> Result<Worker, RedeployError> {
        let scope = self.shared.access.check(context, Action::RedeployWorker, Resource::Worker(id))?;
        let worker = self.shared.store.workers().find_by_id(&scope, id).await?.ok_or(RedeployError::NotFound(id))?;
        check(&worker)?;
        // As in a rebuild, the limits are those of the worker's tenant, whatever tenant the caller acts for.
        let limits = self.shared.limits_of(worker.tenant_id()).await?;
        let source = self.shared.store.workers().find_source(&scope, id).await?.ok_or(RedeployError::NotFound(id))?;
        let bundle = self.shared.bundler.compile(&source).await.map_err(DeployError::from)?;
        let shared = Arc::clone(&self.shared);
        let renewing = async move { renew(&shared, &scope, &worker, bundle, &limits).await };
        let renewed = self.shared.runtime.spawn(renewing.in_current_span()).await;
        renewed.unwrap_or_else(|error| Err(DeployError::BrokeOff(error.to_string()).into()))
    }
}

fn check(worker: &Worker) -> Result<(), RedeployError> {
    if worker.status() == WorkerStatus::Creating { Err(RedeployError::Creating(worker.id)) } else { Ok(()) }
}

/// Makes the snapshot, then stores it. Of two concurrent redeploys the later one replaces the result of the earlier
/// one.
async fn renew(
    shared: &Shared,
    scope: &TenantScope,
    found: &Worker,
    bundle: Bundle,
    limits: &EffectiveLimits,
) -> Result<Worker, RedeployError> {
    let id = found.id;
    let expires_at = expiry(limits, shared.clock.now());
    let made = make_snapshot_in_time(shared, limits.sandbox, bundle.script, expires_at).await;
    let snapshot = made.map_err(|source| DeployError::Sandbox { worker_id: id, source })?.id;
    match replace(shared, scope, id, &snapshot, expires_at).await {
        Ok((old, worker)) => {
            shared.changes.publish_state(&worker);
            shared.expect_invocation(&worker, limits);
            // The old snapshot is deleted only after the new one is stored. A provider may use the same id for the same
            // content.
            if old.snapshot_id() != worker.snapshot_id() {
                shared.forget_snapshot(&old).await;
            }
            Ok(worker)
        }
        Err(error) => {
            // The same content may have got the same id, and the worker still uses that snapshot.
            if found.snapshot_id() != Some(&snapshot) {
                shared.forget_snapshot_id(id, &snapshot).await;
            }
            Err(error)
        }
    }
}

/// Stores a worker's new snapshot, whatever other changes happen in the meantime. Returns the worker before and after
/// the change.
async fn replace(
    shared: &Shared,
    scope: &TenantScope,
    id: WorkerId,
    snapshot: &SnapshotId,
    expires_at: DateTime<Utc>,
) -> Result<(Worker, Worker), RedeployError> {
    loop {
        let old = shared.store.workers().find_by_id(scope, id).await?.ok_or(RedeployError::NotFound(id))?;
        let mut worker = old.clone();
        worker.redeploy(snapshot.clone(), expires_at).map_err(|_| RedeployError::Creating(id))?;
        match shared.store.workers().update_state(&mut worker).await? {
            Update::Updated => return Ok((old, worker)),
            // Tried again: a redeploy replaces whatever state the worker has by now.
            Update::Conflict => {}
            // The worker was deleted in the meantime, together with the old snapshot.
            Update::Gone => return Err(RedeployError::NotFound(id)),
        }
    }
}
