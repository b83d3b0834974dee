//! Memory that answers and connections have taken goes back to the system when they have gone.
//!
//! Long buffers go back when they are freed ([`workers_engine::give_memory_back`]). Shorter ones, and what connections
//! need, lie in heaps that only grow: after 2,000 clients that did not read 100 KB each, 75 MB stayed, and 28 MB with
//! this. jemalloc leaves 17 MB of it and mimalloc 41 MB; but jemalloc needs 4 MB more at rest and a thread of its own,
//! and the launcher, which is the same program, may have one thread only.

use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use workers_service::Platform;

/// With fewer bytes that have become free there is little to give back.
const WORTHWHILE: usize = 8 * 1024 * 1024;

/// It is quiet when less than [`WORTHWHILE`] becomes free in this time. Until then the next answers need the memory.
const QUIET: Duration = Duration::from_secs(2);

/// Gives memory back each time that much has become free and it is quiet. It does not end.
pub(crate) async fn give_back(platform: Platform) {
    let freed = platform.unread().freed();
    loop {
        freed.wait(WORTHWHILE).await;
        while timeout(QUIET, freed.wait(WORTHWHILE)).await.is_ok() {}
        // It waits for locks of the allocator. If it fails, the memory stays until the next time.
        let _ = spawn_blocking(workers_engine::trim_memory).await;
    }
}
