//! A deploy is usually followed by an invocation, so after each deploy a sandbox for it is made in the background, with
//! a booted node in it.

use std::sync::Arc;
use std::time::Duration;

use workers_domain::{ResourceLimits, SnapshotId};

use super::core::Core;
use super::local::{TemplateUse, make_ready};

/// The time between two such sandboxes, so that many deploys leave the processors to invocations, and each finds a
/// booted node.
const INTERVAL: Duration = Duration::from_millis(100);

/// Makes a sandbox soon, in the background.
pub(crate) fn expect(core: &Arc<Core>, snapshot: SnapshotId, limits: ResourceLimits) {
    if core.ready.is_open() && core.expectations.push(snapshot, limits) {
        let weak = Arc::downgrade(core);
        core.runtime().spawn(async move {
            while let Some(core) = weak.upgrade()
                && let Some((snapshot, limits)) = core.expectations.next()
            {
                meet(&core, snapshot, limits).await;
                drop(core);
                tokio::time::sleep(INTERVAL).await;
            }
        });
    }
}

async fn meet(core: &Arc<Core>, snapshot: SnapshotId, limits: ResourceLimits) {
    // If the snapshot was deleted meanwhile or cannot be read, the invocation that uses it reports the error.
    if let Ok(Some(lease)) = core.lease(&snapshot).await {
        make_ready(core, limits, lease, TemplateUse::WaitForBoot);
    }
}
