//! A lock per worker: of the calls that miss a worker's snapshot at the same time, the first one makes it and the
//! others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use workers_domain::WorkerId;

/// The locks of all workers of this server.
#[derive(Default)]
pub(crate) struct Turns {
    turns: Mutex<HashMap<WorkerId, Weak<tokio::sync::Mutex<()>>>>,
}

/// The lock of one worker, held until this is dropped.
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for the lock of a worker.
    pub(crate) async fn take(&self, id: WorkerId) -> Turn {
        Turn { _guard: self.of(id).lock_owned().await }
    }

    /// Returns the lock of one worker. Removes locks that are not in use.
    fn of(&self, id: WorkerId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&id).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(id, Arc::downgrade(&turn));
        turn
    }
}
