//! Counts freed memory, so that the program can return it to the operating system.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The unit of counting, in bytes.
const BLOCK: usize = 1024;

/// Maximum number of blocks counted per use, so that a sum of invalid lengths cannot overflow.
const MOST: usize = 1 << 20;

/// Counts the memory that is freed when responses and connections end. Cheap to clone; all clones share one counter.
#[derive(Debug, Clone)]
pub struct FreedMemory {
    /// One permit for each freed block that no wait has counted yet.
    blocks: Arc<Semaphore>,
}

/// Memory that is in use until this is dropped.
#[derive(Debug)]
pub struct MemoryInUse {
    blocks: usize,
    freed: FreedMemory,
}

impl FreedMemory {
    pub(crate) fn new() -> Self {
        Self { blocks: Arc::new(Semaphore::new(0)) }
    }

    /// Records that this many bytes are in use until the result is dropped.
    #[must_use]
    pub fn in_use(&self, bytes: usize) -> MemoryInUse {
        MemoryInUse { blocks: (bytes / BLOCK).min(MOST), freed: self.clone() }
    }

    /// Waits until this many bytes have been freed since the last time this returned. If the future is dropped before,
    /// nothing is counted. Only one caller at a time may wait.
    pub async fn wait(&self, bytes: usize) {
        let blocks = u32::try_from(bytes / BLOCK).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        if let Ok(counted) = self.blocks.acquire_many(blocks).await {
            // Not given back: the next wait counts only what is freed from now on.
            counted.forget();
        }
    }
}

impl Drop for MemoryInUse {
    fn drop(&mut self) {
        self.freed.blocks.add_permits(self.blocks);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_free_bytes_counts_each_of_them_once() {
        let freed = FreedMemory::new();
        let freed_are =
            async |kib: usize| tokio::time::timeout(Duration::from_secs(10), freed.wait(kib * 1024)).await.is_ok();
        let in_use = freed.in_use(60 * 1024);
        assert!(!freed_are(1).await, "what is in use is not free");
        drop(in_use);
        assert!(!freed_are(61).await, "that is more");
        assert!(freed_are(50).await, "the wait that was given up has counted nothing");
        assert!(!freed_are(11).await, "what was counted is not counted again");
        let later = async {
            tokio::task::yield_now().await;
            drop(freed.in_use(20 * 1024));
        };
        assert!(tokio::join!(freed_are(30), later).0);
    }
}
