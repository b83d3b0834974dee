//! A deploy is usually followed by an invocation, so after each deploy a sandbox for it is made in the background and
//! put into the warm pool, with a parked child of a template in it.

use std::sync::Arc;
use std::time::Duration;

use workers_domain::{ResourceLimits, SnapshotId};

use super::core::EngineCore;
use super::local::{TemplateUse, refill_warm_pool};

/// The time between two such sandboxes, so that many deploys leave the processors to invocations, and each finds a
/// template.
const INTERVAL: Duration = Duration::from_millis(100);

/// Makes a sandbox for the warm pool soon, in the background.
pub(crate) fn prewarm(core: &Arc<EngineCore>, snapshot: SnapshotId, limits: ResourceLimits) {
    if core.warm_pool.is_open() && core.prewarm_queue.push(snapshot, limits) {
        let weak = Arc::downgrade(core);
        // The caller, `SandboxProvider::expect`, is no async function and may run on a thread without a runtime.
        core.runtime().spawn(async move {
            while let Some(core) = weak.upgrade()
                && let Some((snapshot, limits)) = core.prewarm_queue.next()
            {
                prewarm_one(&core, snapshot, limits).await;
                // So that an engine that is dropped during the pause is freed at once.
                drop(core);
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }
}

async fn prewarm_one(core: &Arc<EngineCore>, snapshot: SnapshotId, limits: ResourceLimits) {
    // If the snapshot was deleted meanwhile or cannot be read, the invocation that uses it reports the error.
    if let Ok(Some(lease)) = core.lease(&snapshot).await {
        // No call waits for this sandbox yet, so there is time to boot the template.
        refill_warm_pool(core, limits, lease, TemplateUse::WaitForBoot);
    }
}
