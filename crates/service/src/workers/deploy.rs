//! Deploys a worker: from a name and source to a worker that is ready.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use tracing::Instrument as _;
use workers_domain::access::{Action, CallContext, Resource};
use workers_domain::ports::{RepositoryError, SandboxError, SandboxErrorKind, Snapshot, Update};
use workers_domain::{Isolation, ResourceLimits, TenantId, Worker, WorkerId, WorkerName, WorkerState, WorkerStatus};

use super::WorkerService;
use super::settle::{DeployEnd, leaves_nothing, may_be_done};
use crate::bundle::Bundle;
use crate::shared::Shared;
use crate::snapshot::make_snapshot;
use crate::{DeployError, EffectiveLimits, Source};

/// Maximum time to make a worker's snapshot; the slowest provider needs seconds.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(25);

/// Maximum time of a deploy after its worker was created. A worker that is in state creating for longer has lost its
/// server: see [`CREATING_TIMEOUT`](super::expire::CREATING_TIMEOUT).
const END_TIMEOUT: Duration = Duration::from_secs(35);

impl WorkerService {
    /// Deploys a bundle. Its compiler options are stored with its code. If the caller disconnects during the
    /// compilation, the compilation is cancelled. The later steps always run to their end, so that no worker is left
    /// half made.
    ///
    /// # Errors
    ///
    /// [`DeployError::Access`], [`DeployError::InvalidName`], [`DeployError::EmptyCode`],
    /// [`DeployError::CodeTooLarge`], [`DeployError::Rejected`] and [`DeployError::TooExpensive`] are caused by the
    /// caller and leave nothing behind; the same holds for [`DeployError::Busy`] and [`DeployError::Repository`]. With
    /// [`DeployError::Sandbox`] the worker is kept in state error, unless there was no room for it. After
    /// [`DeployError::BrokeOff`], [`WorkerService::settle_stuck`] sets a worker that was stored to state error.
    pub async fn deploy(&self, context: &CallContext, name: String, source: Source) -> Result<Worker, DeployError> {
        self.deploy_with(context, name, source, None).await
    }

    /// Deploys a bundle whose invocations have to be as new as `isolation` says, or newer: the server's options and the
    /// tenant's limits may demand more. It is kept with the worker.
    ///
    /// # Errors
    ///
    /// As [`deploy`](Self::deploy).
    #[tracing::instrument(name = "workers.deploy", skip_all, fields(request.id = %context.request_id(), worker.id))]
    pub async fn deploy_with(
        &self,
        context: &CallContext,
        name: String,
        source: Source,
        isolation: Option<Isolation>,
    ) -> Result<Worker, DeployError> {
        self.shared.access.check(context, Action::DeployWorker, Resource::Tenant)?;
        let name = WorkerName::parse(name).map_err(DeployError::InvalidName)?;
        let limits = self.shared.limits_of(context.tenant()).await?;
        let limit = limits.code_bytes;
        let code = &source.code;
        if code.trim().is_empty() {
            return Err(DeployError::EmptyCode);
        }
        if code.len() > limit {
            return Err(DeployError::CodeTooLarge { bytes: code.len(), limit });
        }
        // The stored form is compiled, so that a later rebuild compiles the same text.
        let stored = source.encode();
        let bundle = self.shared.bundler.compile(&stored).await?;
        let (shared, tenant) = (Arc::clone(&self.shared), context.tenant());
        let new = NewWorker { tenant, name, source: stored, bundle, isolation };
        let storing = async move { store(&shared, new, limits).await };
        let stored = self.shared.runtime.spawn(storing.in_current_span()).await;
        stored.unwrap_or_else(|error| Err(DeployError::BrokeOff(error.to_string())))
    }
}

/// The worker to store.
struct NewWorker {
    tenant: TenantId,
    name: WorkerName,
    source: String,
    bundle: Bundle,
    isolation: Option<Isolation>,
}

/// Stores the worker while its snapshot is being made, because the two are independent. The result is decided within
/// [`END_TIMEOUT`].
async fn store(shared: &Shared, new: NewWorker, limits: EffectiveLimits) -> Result<Worker, DeployError> {
    let NewWorker { tenant, name, source, bundle, isolation } = new;
    let deadline = Instant::now() + END_TIMEOUT;
    let now = shared.clock.now();
    let mut worker = Worker::creating(WorkerId::generate(now), tenant, name, bundle.functions, now);
    worker.isolation = isolation;
    tracing::Span::current().record("worker.id", tracing::field::display(worker.id));
    let expires_at = expiry(&limits, now);
    let snapshot = make_snapshot_in_time(shared, limits.sandbox, bundle.script, expires_at);
    // `join!` and not `try_join!`: if one step fails, what the other one has made must be removed.
    let (inserted, snapshot) = tokio::join!(shared.store.workers().insert(&worker, &source), snapshot);
    match (inserted, snapshot) {
        (Ok(()), Ok(snapshot)) => become_ready(shared, worker, snapshot, &limits, expires_at, deadline).await,
        (Ok(()), Err(source)) => {
            let end = if leaves_nothing(source.kind) {
                DeployEnd::Nothing(worker.id)
            } else {
                // The message that the owner sees contains no internals. The cause is logged where the error is turned
                // into a response. Failing a worker in state creating always succeeds.
                let _ = worker.fail("The sandbox provider could not make a snapshot of the code.");
                DeployEnd::State(worker.clone())
            };
            end_failed(shared, end).await;
            Err(DeployError::Sandbox { worker_id: worker.id, source })
        }
        (Err(error), snapshot) => {
            // The worker is not stored. It only becomes ready here because `forget_snapshot` takes the id from it.
            if let Ok(snapshot) = snapshot
                && worker.make_ready(snapshot.id, expires_at).is_ok()
            {
                shared.forget_snapshot(&worker).await;
            }
            // The caller gets an error, so a row that was stored all the same must not stay.
            if may_be_done(&error) {
                shared.settler.settle(DeployEnd::Nothing(worker.id));
            }
            Err(error.into())
        }
    }
}

/// Makes a snapshot. Fails if it takes longer than [`SNAPSHOT_TIMEOUT`].
pub(super) async fn make_snapshot_in_time(
    shared: &Shared,
    limits: ResourceLimits,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let making = make_snapshot(shared, limits, script, expires_at);
    tokio::time::timeout(SNAPSHOT_TIMEOUT, making).await.unwrap_or_else(|_| {
        let message = format!("the snapshot was not made within {} s", SNAPSHOT_TIMEOUT.as_secs());
        Err(SandboxError::new(SandboxErrorKind::Unavailable, message))
    })
}

/// Stores how a deploy failed. If that is not possible now, it is stored later.
async fn end_failed(shared: &Shared, mut end: DeployEnd) {
    let stored = match &mut end {
        DeployEnd::State(worker) => shared.store.workers().update_state(worker).await.map(|update| {
            if update == Update::Updated {
                shared.changes.publish_state(worker);
            }
        }),
        DeployEnd::Nothing(id) => shared.store.workers().delete(&shared.access.system_scope(), *id).await.map(drop),
    };
    if stored.is_err() {
        shared.settler.settle(end);
    }
}

async fn become_ready(
    shared: &Shared,
    mut worker: Worker,
    snapshot: Snapshot,
    limits: &EffectiveLimits,
    expires_at: DateTime<Utc>,
    deadline: Instant,
) -> Result<Worker, DeployError> {
    // Kept apart: `store_ready` may replace the worker by a newer one that has another snapshot.
    let made = snapshot.id.clone();
    // Making a worker in state creating ready always succeeds.
    let _ = worker.make_ready(snapshot.id, expires_at);
    let stored = tokio::time::timeout_at(deadline, store_ready(shared, &mut worker)).await;
    match stored.unwrap_or_else(|elapsed| Err(RepositoryError::Unavailable(elapsed.into()))) {
        Ok(true) => {
            shared.changes.publish_state(&worker);
            shared.expect_invocation(&worker, limits);
            Ok(worker)
        }
        // A client found the worker in the list and deleted or redeployed it in the meantime.
        Ok(false) => {
            shared.forget_snapshot_id(worker.id, &made).await;
            Ok(worker)
        }
        Err(error) => {
            shared.forget_snapshot_id(worker.id, &made).await;
            // The caller receives an error, so the worker must not stay, whether it was stored or not.
            shared.settler.settle(DeployEnd::Nothing(worker.id));
            Err(error.into())
        }
    }
}

/// Stores that a worker is ready, unless it was deleted or redeployed in the meantime. Returns whether it did, and
/// updates `worker` to what is stored.
async fn store_ready(shared: &Shared, worker: &mut Worker) -> Result<bool, RepositoryError> {
    let WorkerState::Ready { snapshot_id, expires_at } = worker.state().clone() else { return Ok(false) };
    loop {
        match shared.store.workers().update_state(worker).await? {
            Update::Updated => return Ok(true),
            Update::Gone => return Ok(false),
            Update::Conflict => {}
        }
        let found = shared.store.workers().find_by_id(&shared.access.system_scope(), worker.id).await?;
        let Some(mut current) = found else { return Ok(false) };
        // Another server has set the worker to state error, because it assumed that our server had crashed.
        let may = current.status() == WorkerStatus::Error && current.redeploy(snapshot_id.clone(), expires_at).is_ok();
        *worker = current;
        if !may {
            return Ok(false);
        }
    }
}

/// Returns when a worker that is deployed now expires.
pub(super) fn expiry(limits: &EffectiveLimits, now: DateTime<Utc>) -> DateTime<Utc> {
    let lifetime = TimeDelta::from_std(limits.worker_lifetime).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
