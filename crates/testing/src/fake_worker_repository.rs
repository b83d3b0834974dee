//! Workers in memory.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;
use workers_domain::ports::{
    ExistingWorkers, InvocationMark, ListPlace, RemovedWorker, RepositoryError, SetupOutcome, Update, WorkerPage,
    WorkerRepository,
};
use workers_domain::{SnapshotId, StoredWorker, Worker, WorkerId, WorkerState, WorkerStatus};

/// Keeps workers in memory, and behaves as a database does: it passes the same suite. It starts set up, without
/// workers.
pub struct FakeWorkerRepository {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` while there is no schema.
    workers: Option<BTreeMap<WorkerId, Stored>>,
    outage: Option<&'static str>,
    /// How many calls succeed before the outage; `None` for any number.
    calls_left: Option<usize>,
    /// Why calls do their work and answer that the database cannot be reached.
    lost_answers: Option<&'static str>,
    is_read_only: bool,
    overtaking: Option<Overtaking>,
}

type Overtaking = Box<dyn FnOnce(&mut Worker) + Send>;

#[derive(Debug)]
struct Stored {
    worker: Worker,
    source: String,
}

impl FakeWorkerRepository {
    /// A repository that has been set up.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Mutex::new(State { workers: Some(BTreeMap::new()), ..State::default() }) }
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

    /// The same after `calls` more calls.
    pub fn fail_after(&self, calls: usize, reason: &'static str) {
        let mut state = self.lock();
        state.outage = Some(reason);
        state.calls_left = Some(calls);
    }

    /// From now on every call does its work, and its answer is lost, until [`recover`](Self::recover).
    pub fn lose_answers(&self, reason: &'static str) {
        self.lock().lost_answers = Some(reason);
    }

    /// From now on nothing can be written, until [`recover`](Self::recover).
    pub fn refuse_writes(&self) {
        self.lock().is_read_only = true;
    }

    /// Just before the next update another server changes the same worker like this.
    pub fn overtake_next_update(&self, change: impl FnOnce(&mut Worker) + Send + 'static) {
        self.lock().overtaking = Some(Box::new(change));
    }

    /// Removes a worker at once, as another server does; says whether it was there.
    pub fn remove_now(&self, id: WorkerId) -> bool {
        self.lock().workers.as_mut().is_some_and(|workers| workers.remove(&id).is_some())
    }

    /// Ends what [`fail`](Self::fail) and the others began.
    pub fn recover(&self) {
        let mut state = self.lock();
        state.outage = None;
        state.calls_left = None;
        state.lost_answers = None;
        state.is_read_only = false;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, task: impl FnOnce(&mut BTreeMap<WorkerId, Stored>) -> R) -> Result<R, RepositoryError> {
        let mut state = self.lock();
        state.check_reachable()?;
        let lost = state.lost_answers;
        let answer = state.workers.as_mut().map(task).ok_or(RepositoryError::SchemaMissing);
        lost.map_or(answer, |reason| Err(RepositoryError::Unavailable(reason.into())))
    }

    fn write<R>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut BTreeMap<WorkerId, Stored>) -> R,
    ) -> Result<R, RepositoryError> {
        let is_read_only = self.lock().is_read_only;
        if is_read_only {
            return Err(RepositoryError::ReadOnly { operation, source: "the test asked for this failure".into() });
        }
        self.with(task)
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
    fn check_reachable(&mut self) -> Result<(), RepositoryError> {
        if let Some(left) = self.calls_left.as_mut().filter(|left| **left > 0) {
            *left -= 1;
            return Ok(());
        }
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
        self.write("insert of a worker", |workers| {
            if workers.contains_key(&worker.id) {
                return Err(refused("there is a worker with this id"));
            }
            workers.insert(worker.id, Stored { worker: as_stored(worker), source: source.to_owned() });
            Ok(())
        })?
    }

    async fn find_by_id(&self, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let found = self.with(|workers| workers.get(&id).map(|stored| stored.worker.clone()))?;
        match found.as_ref().and_then(Worker::problem) {
            Some(problem) => Err(RepositoryError::Inconsistent { id, column: "status", problem: problem.to_owned() }),
            None => Ok(found),
        }
    }

    async fn find_source(&self, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        self.with(|workers| workers.get(&id).map(|stored| stored.source.clone()))
    }

    async fn list_page(&self, after: Option<&ListPlace>, limit: NonZeroU32) -> Result<WorkerPage, RepositoryError> {
        let after = after.map(|place| read_place(place).ok_or(RepositoryError::UnknownPlace)).transpose()?;
        let mut workers = self.collect(|worker| after.is_none_or(|after| place_key(worker) < after))?;
        workers.sort_by_key(|worker| Reverse(place_key(worker)));
        let length = usize::try_from(limit.get()).unwrap_or(usize::MAX);
        let next = (workers.len() > length).then(|| place_of(&workers[length - 1]));
        workers.truncate(length);
        Ok(WorkerPage { workers, next })
    }

    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let changed = as_stored(worker);
        let overtaking = self.lock().overtaking.take();
        let update = self.write("change of a worker", |workers| {
            let stored = workers.get_mut(&worker.id);
            if let (Some(change), Some(stored)) = (overtaking, stored) {
                change(&mut stored.worker);
                stored.worker.revision = stored.worker.revision.next();
            }
            match workers.get_mut(&worker.id) {
                Some(stored) if stored.worker.revision == changed.revision => {
                    let (state, revision) = (changed.state().clone(), changed.revision.next());
                    let before = stored.worker.clone().into_stored();
                    stored.worker = Worker::restore(StoredWorker { state, revision, ..before });
                    Update::Updated
                }
                Some(_) => Update::Conflict,
                None => Update::Gone,
            }
        })?;
        if update == Update::Updated {
            worker.revision = worker.revision.next();
        }
        Ok(update)
    }

    async fn find_unused_snapshots(&self, among: &[SnapshotId]) -> Result<Vec<SnapshotId>, RepositoryError> {
        let live = self.collect(|worker| worker.status() != WorkerStatus::Expired)?;
        let used: HashSet<_> = live.iter().filter_map(Worker::snapshot_id).collect();
        Ok(among.iter().filter(|id| !used.contains(id)).cloned().collect())
    }

    async fn record_invocations(&self, marks: &[InvocationMark]) -> Result<(), RepositoryError> {
        self.write("record of invocations", |workers| {
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
        self.write("removal of a worker", |workers| workers.remove(&id).map(|stored| stored.worker))
    }

    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        let mut state = self.lock();
        state.check_reachable()?;
        let Some(workers) = &mut state.workers else {
            state.workers = Some(BTreeMap::new());
            return Ok(SetupOutcome::Created);
        };
        Ok(match existing {
            ExistingWorkers::Keep => SetupOutcome::Kept(workers.len() as u64),
            ExistingWorkers::Remove => {
                let removed = |Stored { worker, .. }: Stored| RemovedWorker {
                    id: worker.id,
                    snapshot_id: worker.snapshot_id().cloned(),
                };
                SetupOutcome::Emptied(std::mem::take(workers).into_values().map(removed).collect())
            }
        })
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        self.with(|_| ())
    }
}

/// What the list is sorted by.
fn place_key(worker: &Worker) -> (i64, WorkerId) {
    (worker.created_at.timestamp_micros(), worker.id)
}

/// The places of this repository are its own, as those of every other are.
fn place_of(worker: &Worker) -> ListPlace {
    let (created_at, id) = place_key(worker);
    ListPlace::from_bytes([&b"F"[..], &created_at.to_be_bytes(), id.as_uuid().as_bytes()].concat())
}

fn read_place(place: &ListPlace) -> Option<(i64, WorkerId)> {
    let (created_at, id) = place.as_bytes().strip_prefix(b"F")?.split_first_chunk()?;
    let id: [u8; 16] = id.try_into().ok()?;
    Some((i64::from_be_bytes(*created_at), Uuid::from_bytes(id).into()))
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
        state @ (WorkerState::Creating | WorkerState::Unreadable { .. }) => state,
    };
    let created_at = worker.created_at.trunc_subsecs(6);
    let last_invoked_at = worker.last_invoked_at.map(|at| at.trunc_subsecs(6));
    Worker::restore(StoredWorker { created_at, last_invoked_at, state, ..worker.clone().into_stored() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AllWorkers as _;

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
