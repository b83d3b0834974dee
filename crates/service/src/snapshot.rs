//! Makes snapshots: writes a worker script into an empty sandbox, and makes a snapshot of that.

use chrono::{DateTime, Utc};
use workers_domain::ports::{
    NodeScript, Sandbox, SandboxError, SandboxErrorKind, SandboxFile, SandboxPath, SandboxSource, SandboxSpec, Snapshot,
};
use workers_domain::{Isolation, NetworkPolicy, ResourceLimits, SnapshotId};

use crate::EffectiveLimits;

use crate::health::Health;
use crate::shared::Shared;

/// The name of the worker script in a snapshot.
const SCRIPT_FILE: &str = "worker.mjs";

/// The fraction of a sandbox's memory that V8's old generation may take. The rest is for V8's other spaces, buffers,
/// stacks and Node.js itself.
const HEAP_SHARE: (u64, u64) = (3, 4);

/// The least size of V8's old generation, in MiB.
const LEAST_HEAP: u64 = 16;

/// Returns the sandbox for an invocation of a worker that has this snapshot.
pub(crate) fn sandbox_spec(snapshot: SnapshotId, limits: &EffectiveLimits, network: &NetworkPolicy) -> SandboxSpec {
    let kept_for = match limits.isolation {
        Isolation::Process => Some(node_script(limits.sandbox)),
        Isolation::Sandbox => None,
    };
    let source = SandboxSource::Snapshot(snapshot);
    SandboxSpec { source, limits: limits.sandbox, network: network.clone(), kept_for }
}

/// Returns how Node.js is started for the script in a snapshot.
pub(crate) fn node_script(limits: ResourceLimits) -> NodeScript {
    // V8 cannot see the sandbox's memory limit. With this option it collects garbage in time, and is not killed.
    let heap = limits.memory_bytes / (1024 * 1024) * HEAP_SHARE.0 / HEAP_SHARE.1;
    NodeScript { path: SCRIPT_FILE.to_owned(), heap_mib: Some(heap.max(LEAST_HEAP)), env: Vec::new() }
}

/// Makes a snapshot of a script, in a sandbox with these limits.
pub(crate) async fn make_snapshot(
    shared: &Shared,
    limits: ResourceLimits,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let sandbox = script_in_sandbox(shared, limits, script).await?;
    frozen(shared, &*sandbox, sandbox.snapshot(Some(expires_at)).await).await
}

/// Makes a snapshot of a script with this id, if the provider can, in a sandbox with these limits.
pub(crate) async fn make_snapshot_as(
    shared: &Shared,
    limits: ResourceLimits,
    id: &SnapshotId,
    script: String,
    expires_at: DateTime<Utc>,
) -> Result<Snapshot, SandboxError> {
    let sandbox = script_in_sandbox(shared, limits, script).await?;
    frozen(shared, &*sandbox, sandbox.snapshot_as(id, Some(expires_at)).await).await
}

/// Creates a sandbox that contains the script and runs nothing.
async fn script_in_sandbox(
    shared: &Shared,
    limits: ResourceLimits,
    script: String,
) -> Result<Box<dyn Sandbox>, SandboxError> {
    let path = SandboxPath::parse(SCRIPT_FILE)
        .map_err(|error| SandboxError::new(SandboxErrorKind::Failed, error.to_string()))?;
    // The limit is for files that the function writes. The script is not one of them and may be longer.
    let disk_bytes = limits.disk_bytes.max(u64::try_from(script.len()).unwrap_or(u64::MAX));
    // Nothing runs in this sandbox, so it needs no network.
    let (limits, network) = (ResourceLimits { disk_bytes, ..limits }, NetworkPolicy::DenyAll);
    let sandbox =
        shared.sandboxes.create(SandboxSpec { source: SandboxSource::Empty, limits, network, kept_for: None }).await?;
    let written = sandbox.write_files(vec![SandboxFile { path, contents: script.into_bytes() }]).await;
    frozen(shared, &*sandbox, written).await?;
    Ok(sandbox)
}

/// Returns the result of a step towards a snapshot. After a failure, stops the sandbox first, so that nothing is left
/// of it.
async fn frozen<T>(shared: &Shared, sandbox: &dyn Sandbox, step: Result<T, SandboxError>) -> Result<T, SandboxError> {
    if step.is_err() {
        stop(sandbox, &shared.health).await;
    }
    step
}

/// Stops a sandbox. A failure is only logged, because the result of the sandbox is already decided.
pub(crate) async fn stop(sandbox: &dyn Sandbox, health: &Health) {
    if let Err(error) = sandbox.stop().await {
        health.warn("stop_sandbox", &error, format_args!("failed to stop the sandbox {}", sandbox.id()));
    }
}
