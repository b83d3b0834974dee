//! Workers in memory.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use workers_domain::ports::{InvocationMark, RepositoryError, SetupOutcome, WorkerRepository};
use workers_domain::{Worker, WorkerId, WorkerState, WorkerStatus};

/// Keeps workers in memory, and behaves as a database does: it passes the same suite. It starts set up, without workers.
#[derive(Debug)]
pub struct FakeWorkerRepository {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` while there is no schema.
    workers: Option<BTreeMap<WorkerId, Stored>>,
    outage: Option<&'static str>,
}

#[derive(Debug)]
struct Stored {
    worker: Worker,
    source: String,
}

impl FakeWorkerRepository {
    /// A repository that has been set up.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::new(State { workers: Some(BTreeMap::new()), outage: None }) }
    }

    /// A repository without a schema.
    #[must_use]
    pub fn without_schema() -> Self {
        Self { state: Mutex::default() }
    }

    /// From now on every call fails as if the database could not be reached, until [`recover`](Self::recover).
    pub fn fail(&self, reason: &'static str) {
        self.lock().outage = Some(reason);
    }

    /// Ends what [`fail`](Self::fail) began.
    pub fn recover(&self) {
        self.lock().outage = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, task: impl FnOnce(&mut BTreeMap<WorkerId, Stored>) -> R) -> Result<R, RepositoryError> {
        let mut state = self.lock();
        state.check_reachable()?;
        state.workers.as_mut().map(task).ok_or(RepositoryError::SchemaMissing)
    }

    fn collect(&self, is_wanted: impl Fn(&Worker) -> bool) -> Result<Vec<Worker>, RepositoryError> {
        self.with(|workers| {
            workers.values().map(|stored| &stored.worker).filter(|worker| is_wanted(worker)).cloned().collect()
        })
    }
}

impl Default for FakeWorkerRepository {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn check_reachable(&self) -> Result<(), RepositoryError> {
        match self.outage {
            Some(reason) => Err(RepositoryError::Unavailable(reason.into())),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl WorkerRepository for FakeWorkerRepository {
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        let refused =
            |problem: &str| RepositoryError::Refused { operation: "insert of a worker", source: problem.into() };
        if source.contains('\0') {
            return Err(refused("its source has the character U+0000"));
        }
        self.with(|workers| {
            if workers.contains_key(&worker.id) {
                return Err(refused("there is a worker with this id"));
            }
            workers.insert(worker.id, Stored { worker: as_stored(worker), source: source.to_owned() });
            Ok(())
        })?
    }

    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        self.with(|workers| workers.get(&id).map(|stored| stored.worker.clone()))
    }

    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        self.with(|workers| workers.get(&id).map(|stored| stored.source.clone()))
    }

    async fn list(&self) -> Result<Vec<Worker>, RepositoryError> {
        let mut all = self.collect(|_| true)?;
        all.sort_by_key(|worker| Reverse((worker.created_at, worker.id)));
        Ok(all)
    }

    async fn update_state(&self, worker: &Worker) -> Result<bool, RepositoryError> {
        let changed = as_stored(worker);
        self.with(|workers| match workers.get_mut(&worker.id) {
            Some(stored) => {
                stored.worker = with_state(&stored.worker, changed.state().clone(), stored.worker.last_invoked_at);
                true
            }
            None => false,
        })
    }

    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError> {
        self.with(|workers| {
            for mark in marks {
                if let Some(stored) = workers.get_mut(&mark.worker_id) {
                    let at = mark.at.trunc_subsecs(6);
                    stored.worker.last_invoked_at = stored.worker.last_invoked_at.max(Some(at));
                }
            }
        })
    }

    async fn list_due_to_expire(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut due = self.collect(|worker| {
            worker.status() == WorkerStatus::Ready && worker.expires_at().is_some_and(|expires_at| expires_at <= now)
        })?;
        due.sort_by_key(|worker| (worker.expires_at(), worker.id));
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn list_stuck_in_creating(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<Worker>, RepositoryError> {
        let mut stuck =
            self.collect(|worker| worker.status() == WorkerStatus::Creating && worker.created_at <= before)?;
        stuck.sort_by_key(|worker| (worker.created_at, worker.id));
        stuck.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(stuck)
    }

    async fn delete(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        self.with(|workers| workers.remove(&id).map(|stored| stored.worker))
    }

    async fn set_up(&self) -> Result<SetupOutcome, RepositoryError> {
        let mut state = self.lock();
        state.check_reachable()?;
        match state.workers.replace(BTreeMap::new()) {
            None => Ok(SetupOutcome::Created),
            Some(workers) => Ok(SetupOutcome::Emptied(workers.into_values().map(|stored| stored.worker).collect())),
        }
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        self.with(|_| ())
    }
}

/// The worker as a database gives it back: microseconds, and no U+0000.
fn as_stored(worker: &Worker) -> Worker {
    let state = match worker.state().clone() {
        WorkerState::Ready { snapshot_id, expires_at } => {
            WorkerState::Ready { snapshot_id, expires_at: expires_at.trunc_subsecs(6) }
        }
        WorkerState::Expired { snapshot_id, expired_at } => {
            WorkerState::Expired { snapshot_id, expired_at: expired_at.trunc_subsecs(6) }
        }
        WorkerState::Error { message } => WorkerState::Error { message: message.replace('\0', "\u{FFFD}") },
        WorkerState::Creating => WorkerState::Creating,
    };
    with_state(worker, state, worker.last_invoked_at.map(|at| at.trunc_subsecs(6)))
}

fn with_state(worker: &Worker, state: WorkerState, last_invoked_at: Option<DateTime<Utc>>) -> Worker {
    let created_at = worker.created_at.trunc_subsecs(6);
    Worker::restore(worker.id, worker.name.clone(), worker.functions.clone(), created_at, last_invoked_at, state)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn repository() -> Box<dyn WorkerRepository> {
        Box::new(FakeWorkerRepository::without_schema())
    }

    crate::repository_conformance!(fake, repository);

    #[tokio::test]
    async fn it_fails_when_told_to_until_it_recovers() {
        let repository = FakeWorkerRepository::new();
        repository.fail("the cable is out");
        assert!(matches!(repository.list().await, Err(RepositoryError::Unavailable(_))));
        repository.recover();
        assert!(repository.list().await.is_ok());
    }
}
