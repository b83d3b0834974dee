//! Calls of one server that miss a worker's snapshot take turns: the first one makes it for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use workers_domain::WorkerId;

/// The turns of all workers of this server.
#[derive(Default)]
pub(crate) struct Turns {
    turns: Mutex<HashMap<WorkerId, Weak<tokio::sync::Mutex<()>>>>,
}

/// The turn of one worker, until it is dropped.
pub(crate) struct Turn {
    _guard: OwnedMutexGuard<()>,
}

impl Turns {
    /// Waits for the turn of a worker.
    pub(crate) async fn take(&self, id: WorkerId) -> Turn {
        Turn { _guard: self.of(id).lock_owned().await }
    }

    /// The lock of one worker; entries of workers that nobody changes are dropped on the way.
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
