//! A lock per worker: of the calls that miss a worker's snapshot at the same time, the first one makes it and the
//! others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use workers_domain::WorkerId;

/// The locks of all workers of this server.
#[derive(Default)]
pub(crate) struct WorkerLocks {
    locks: Mutex<HashMap<WorkerId, Weak<tokio::sync::Mutex<()>>>>,
}

/// The lock of one worker, held until this is dropped.
pub(crate) struct WorkerLock {
    _guard: OwnedMutexGuard<()>,
}

impl WorkerLocks {
    /// Waits for the lock of a worker.
    pub(crate) async fn lock(&self, id: WorkerId) -> WorkerLock {
        WorkerLock { _guard: self.of(id).lock_owned().await }
    }

    /// Returns the lock of one worker. Removes locks that are not in use.
    fn of(&self, id: WorkerId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(&id).and_then(Weak::upgrade) {
            return lock;
        }
        // Only where a lock is added, so that callers that find one do not pay for the search.
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(tokio::sync::Mutex::new(()));
        locks.insert(id, Arc::downgrade(&lock));
        lock
    }
}
