//! The repository of workers in memory.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound, Utc};
use workers_domain::access::TenantScope;
use workers_domain::ports::{LastInvocation, Page, PageRequest, RepositoryError, Update, WorkerRepository};
use workers_domain::{SnapshotId, StoredWorker, Worker, WorkerId, WorkerState, WorkerStatus};

use super::cursor;
use super::pending::{Pending, rolled_back};
use super::state::{Shared, Stored, StoredWorkers, lock};

/// The workers of a store, or of a transaction on it.
pub(super) struct FakeWorkers {
    state: Arc<Shared>,
    transaction: Option<Arc<Mutex<Pending>>>,
}

impl FakeWorkers {
    pub(super) fn outside(state: &Arc<Shared>) -> Self {
        Self { state: Arc::clone(state), transaction: None }
    }

    pub(super) fn within(state: &Arc<Shared>, transaction: &Arc<Mutex<Pending>>) -> Self {
        Self { state: Arc::clone(state), transaction: Some(Arc::clone(transaction)) }
    }

    /// Checks that the store is reachable and has a schema.
    pub(super) fn check(&self) -> Result<(), RepositoryError> {
        self.with(|_| Ok(()))
    }

    fn with<R>(
        &self,
        task: impl FnOnce(&mut StoredWorkers) -> Result<R, RepositoryError>,
    ) -> Result<R, RepositoryError> {
        let mut state = lock(&self.state);
        state.check_reachable()?;
        let Some(pending) = &self.transaction else {
            let answer = state.workers.as_mut().ok_or(RepositoryError::SchemaMissing).and_then(task);
            return state.deliver(answer);
        };
        let mut pending = lock(pending);
        if pending.is_over {
            return Err(rolled_back("a part of it was refused"));
        }
        let answer = state.deliver(task(&mut pending.workers));
        // A transaction of Postgres does no more either after an error.
        pending.is_over = answer.is_err();
        answer
    }

    fn write<R>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut StoredWorkers) -> Result<R, RepositoryError>,
    ) -> Result<R, RepositoryError> {
        // Copied in a statement of its own, because `with` takes the same lock again.
        let is_read_only = lock(&self.state).is_read_only;
        if is_read_only {
            return Err(RepositoryError::ReadOnly { operation, source: "the test asked for this failure".into() });
        }
        self.with(task)
    }

    fn collect(&self, is_wanted: impl Fn(&Worker) -> bool) -> Result<Vec<Worker>, RepositoryError> {
        self.with(|workers| {
            Ok(workers.values().map(|stored| &stored.worker).filter(|worker| is_wanted(worker)).cloned().collect())
        })
    }
}

#[async_trait]
impl WorkerRepository for FakeWorkers {
    async fn insert(&self, worker: &Worker, source: &str) -> Result<(), RepositoryError> {
        let refused =
            |problem: &str| RepositoryError::Refused { operation: "insert of a worker", source: problem.into() };
        // Checked before the transaction is touched: this refusal does not end it (see the suite).
        if source.contains('\0') {
            return Err(refused("its source has the character U+0000"));
        }
        self.write("insert of a worker", |workers| {
            if workers.contains_key(&worker.id) {
                return Err(refused("there is a worker with this id"));
            }
            workers.insert(worker.id, Stored { worker: as_stored(worker), source: source.to_owned() });
            Ok(())
        })
    }

    async fn find_by_id(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        let found = self.with(|workers| Ok(in_scope(workers, scope, id).map(|stored| stored.worker.clone())))?;
        match found.as_ref().and_then(Worker::problem) {
            Some(problem) => Err(RepositoryError::Inconsistent { id, column: "status", problem: problem.to_owned() }),
            None => Ok(found),
        }
    }

    async fn find_source(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<String>, RepositoryError> {
        self.with(|workers| Ok(in_scope(workers, scope, id).map(|stored| stored.source.clone())))
    }

    async fn list_page(&self, scope: &TenantScope, request: &PageRequest) -> Result<Page<Worker>, RepositoryError> {
        let after = request.after.as_ref();
        let after = after.map(|after| cursor::read(after).ok_or(RepositoryError::UnknownCursor)).transpose()?;
        let mut items = self.collect(|worker| {
            scope.contains(worker.tenant_id()) && after.is_none_or(|after| cursor::key(worker) < after)
        })?;
        items.sort_by_key(|worker| Reverse(cursor::key(worker)));
        let length = request.length();
        let next = (items.len() > length).then(|| cursor::of(&items[length - 1]));
        items.truncate(length);
        Ok(Page { items, next })
    }

    async fn update_state(&self, worker: &mut Worker) -> Result<Update, RepositoryError> {
        let changed = as_stored(worker);
        // Taken out first, because `write` takes the same lock again.
        let concurrent_change = lock(&self.state).concurrent_change.take();
        let update = self.write("change of a worker", |workers| {
            let stored = workers.get_mut(&worker.id);
            if let (Some(change), Some(stored)) = (concurrent_change, stored) {
                change(&mut stored.worker);
                stored.worker.revision = stored.worker.revision.next();
            }
            Ok(match workers.get_mut(&worker.id) {
                Some(stored) if stored.worker.revision == changed.revision => {
                    let (state, revision) = (changed.state().clone(), changed.revision.next());
                    let before = stored.worker.clone().into_stored();
                    stored.worker = Worker::restore(StoredWorker { state, revision, ..before });
                    Update::Updated
                }
                Some(_) => Update::Conflict,
                None => Update::Gone,
            })
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

    async fn record_invocations(&self, invocations: &[LastInvocation]) -> Result<(), RepositoryError> {
        self.write("record of invocations", |workers| {
            for invocation in invocations {
                if let Some(stored) = workers.get_mut(&invocation.worker_id) {
                    let at = invocation.at.trunc_subsecs(6);
                    stored.worker.last_invoked_at = stored.worker.last_invoked_at.max(Some(at));
                }
            }
            Ok(())
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

    async fn delete(&self, scope: &TenantScope, id: WorkerId) -> Result<Option<Worker>, RepositoryError> {
        self.write("removal of a worker", |workers| {
            let removed = in_scope(workers, scope, id).is_some().then(|| workers.remove(&id)).flatten();
            Ok(removed.map(|stored| stored.worker))
        })
    }
}

fn in_scope<'a>(workers: &'a StoredWorkers, scope: &TenantScope, id: WorkerId) -> Option<&'a Stored> {
    workers.get(&id).filter(|stored| scope.contains(stored.worker.tenant_id()))
}

/// Returns the worker as a database returns it: times in microseconds, and no U+0000 in messages.
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
