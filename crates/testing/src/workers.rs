//! Workers for the conformance suites, and helpers to store them.

use chrono::{DateTime, TimeDelta, Utc};
use workers_domain::ports::{ExistingWorkers, RepositoryError, Store, Update, WorkerRepository};
use workers_domain::{FunctionName, SnapshotId, StoredWorker, TenantId, Worker, WorkerId, WorkerName, WorkerState};

use crate::access::scope_of_all;

/// Returns a time `seconds` after the start of all tests' time.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    // The time at which `TestClock` starts by default.
    DateTime::UNIX_EPOCH + TimeDelta::seconds(1_763_890_000 + seconds)
}

pub(crate) fn name(text: &str) -> WorkerName {
    WorkerName::parse(text).unwrap_or_else(|error| panic!("a test's name {error}"))
}

pub(crate) fn functions<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<FunctionName> {
    names
        .into_iter()
        .map(|text| FunctionName::parse(text).unwrap_or_else(|error| panic!("a test's function name {error}")))
        .collect()
}

pub(crate) fn worker(created_at: DateTime<Utc>) -> Worker {
    Worker::creating(
        WorkerId::generate(created_at),
        TenantId::DEFAULT,
        name("shop"),
        functions(["checkout"]),
        created_at,
    )
}

pub(crate) fn in_state(state: WorkerState) -> Worker {
    with_state(&worker(at(0)), state)
}

pub(crate) fn ready_until(expires_at: DateTime<Utc>) -> Worker {
    in_state(WorkerState::Ready { snapshot_id: SnapshotId::new("snap_1"), expires_at })
}

pub(crate) fn with_state(worker: &Worker, state: WorkerState) -> Worker {
    Worker::restore(StoredWorker { state, ..worker.clone().into_stored() })
}

/// Stores a worker in another state, over its last stored revision.
pub(crate) async fn change(repository: &dyn WorkerRepository, worker: &mut Worker, state: WorkerState) {
    *worker = with_state(worker, state);
    assert_eq!(good(repository.update_state(worker).await), Update::Updated);
}

pub(crate) fn ids(workers: &[Worker]) -> Vec<WorkerId> {
    workers.iter().map(|worker| worker.id).collect()
}

pub(crate) fn good<R>(result: Result<R, RepositoryError>) -> R {
    result.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

pub(crate) async fn insert(store: &dyn Store, workers: &[&Worker]) {
    good(store.schema().set_up(ExistingWorkers::Keep).await);
    for worker in workers {
        good(store.workers().insert(worker, "export async function checkout() {}").await);
    }
}

pub(crate) async fn found(repository: &dyn WorkerRepository, id: WorkerId) -> Worker {
    good(repository.find_by_id(&scope_of_all(), id).await).unwrap_or_else(|| panic!("worker {id} was not found"))
}
