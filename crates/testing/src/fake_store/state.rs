//! The state of a fake store, including the failures that a test has set.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use workers_domain::ports::{RemovedWorker, RepositoryError};
use workers_domain::{Worker, WorkerId};

pub(super) type Shared = Mutex<State>;

pub(super) type StoredWorkers = BTreeMap<WorkerId, Stored>;

type ConcurrentChange = Box<dyn FnOnce(&mut Worker) + Send>;

#[derive(Default)]
pub(super) struct State {
    /// `None` while there is no schema.
    pub(super) workers: Option<StoredWorkers>,
    pub(super) outage: Option<&'static str>,
    /// How many calls succeed before the outage. With `None` the outage begins at once.
    pub(super) calls_left: Option<usize>,
    /// Why calls fail after they have done their work. `None` if they do not.
    pub(super) lost_responses: Option<&'static str>,
    pub(super) is_read_only: bool,
    pub(super) concurrent_change: Option<ConcurrentChange>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) worker: Worker,
    pub(super) source: String,
}

impl State {
    pub(super) fn check_reachable(&mut self) -> Result<(), RepositoryError> {
        if let Some(left) = self.calls_left.as_mut().filter(|left| **left > 0) {
            *left -= 1;
            return Ok(());
        }
        match self.outage {
            Some(reason) => Err(RepositoryError::Unavailable(reason.into())),
            None => Ok(()),
        }
    }

    /// Returns the result of a call, or an error if responses are lost.
    pub(super) fn deliver<R>(&self, answer: Result<R, RepositoryError>) -> Result<R, RepositoryError> {
        self.lost_responses.map_or(answer, |reason| Err(RepositoryError::Unavailable(reason.into())))
    }
}

impl Stored {
    pub(super) fn removed(&self) -> RemovedWorker {
        RemovedWorker { id: self.worker.id, snapshot_id: self.worker.snapshot_id().cloned() }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
