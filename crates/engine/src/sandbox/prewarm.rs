//! A deploy is usually followed by an invocation, so after each deploy a sandbox for it is made in the background and
//! put into the warm pool, with a parked child of a template in it.

use std::sync::Arc;
use std::time::Duration;

use workers_domain::ports::{SandboxSource, SandboxSpec};

use super::core::EngineCore;
use super::kept_pool::Purpose;
use super::local::{TemplateUse, make_kept, refill_warm_pool};

/// The time between two such sandboxes, so that many deploys leave the processors to invocations, and each finds a
/// template.
const INTERVAL: Duration = Duration::from_millis(100);

/// Makes a sandbox for the warm pool soon, in the background.
pub(crate) fn prewarm(core: &Arc<EngineCore>, spec: SandboxSpec) {
    if core.warm_pool.is_open() && core.prewarm_queue.push(spec) {
        let weak = Arc::downgrade(core);
        // The caller, `SandboxProvider::expect`, is no async function and may run on a thread without a runtime.
        core.runtime().spawn(async move {
            while let Some(core) = weak.upgrade()
                && let Some(spec) = core.prewarm_queue.next()
            {
                prewarm_one(&core, spec).await;
                // So that an engine that is dropped during the pause is freed at once.
                drop(core);
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }
}

async fn prewarm_one(core: &Arc<EngineCore>, spec: SandboxSpec) {
    let SandboxSource::Snapshot(snapshot) = &spec.source else { return };
    // If the snapshot was deleted meanwhile or cannot be read, the invocation that uses it reports the error.
    let Ok(Some(lease)) = core.lease(snapshot).await else { return };
    let purpose = Purpose::of(&spec).filter(|_| core.keeps_sandboxes());
    if purpose.is_none_or(|purpose| !make_kept(core, purpose, lease.clone())) {
        // No call waits for this sandbox yet, so there is time to boot the template.
        refill_warm_pool(core, spec.limits, lease, TemplateUse::WaitForBoot);
    }
}
