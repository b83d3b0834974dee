//! A store in memory.

mod cursor;
mod pending;
mod state;
mod transaction;
mod workers;

use std::sync::Arc;

use async_trait::async_trait;
use workers_domain::ports::{
    ExistingWorkers, RepositoryError, SchemaAdmin, SetupOutcome, Store, StoredChanges, Transaction, WorkerRepository,
};
use workers_domain::{Worker, WorkerId};

use self::state::{Shared, StoredWorkers, lock};
use self::transaction::FakeTransaction;
use self::workers::FakeWorkers;

/// The name of the only migration.
const MIGRATION: &str = "2026-11-23-150000_create_workers";

/// A store that keeps everything in memory. It passes the same suite as the databases. It starts empty, with a schema.
pub struct FakeStore {
    state: Arc<Shared>,
    workers: FakeWorkers,
}

impl FakeStore {
    /// Creates a store with a schema.
    #[must_use]
    pub fn new() -> Self {
        let store = Self::without_schema();
        lock(&store.state).workers = Some(StoredWorkers::new());
        store
    }

    /// Creates a store without a schema.
    #[must_use]
    pub fn without_schema() -> Self {
        let state = Arc::<Shared>::default();
        Self { workers: FakeWorkers::outside(&state), state }
    }

    /// Makes every call fail as if the database could not be reached, until [`recover`](Self::recover).
    pub fn fail(&self, reason: &'static str) {
        lock(&self.state).outage = Some(reason);
    }

    /// Does the same as [`fail`](Self::fail), but lets `calls` more calls succeed first.
    pub fn fail_after(&self, calls: usize, reason: &'static str) {
        let mut state = lock(&self.state);
        state.outage = Some(reason);
        state.calls_left = Some(calls);
    }

    /// Makes every call do its work and then fail, as if the response were lost, until [`recover`](Self::recover).
    pub fn lose_answers(&self, reason: &'static str) {
        lock(&self.state).lost_responses = Some(reason);
    }

    /// Makes every write fail, until [`recover`](Self::recover).
    pub fn refuse_writes(&self) {
        lock(&self.state).is_read_only = true;
    }

    /// Applies this change to the same worker just before the next update, as another server would.
    pub fn overtake_next_update(&self, change: impl FnOnce(&mut Worker) + Send + 'static) {
        lock(&self.state).concurrent_change = Some(Box::new(change));
    }

    /// Removes a worker at once, as another server would. Returns whether it existed.
    #[must_use]
    pub fn remove_now(&self, id: WorkerId) -> bool {
        lock(&self.state).workers.as_mut().is_some_and(|workers| workers.remove(&id).is_some())
    }

    /// Ends the effects of [`fail`](Self::fail), [`fail_after`](Self::fail_after), [`lose_answers`](Self::lose_answers)
    /// and [`refuse_writes`](Self::refuse_writes).
    pub fn recover(&self) {
        let mut state = lock(&self.state);
        state.outage = None;
        state.calls_left = None;
        state.lost_responses = None;
        state.is_read_only = false;
    }
}

impl Default for FakeStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for FakeStore {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError> {
        Ok(Box::new(FakeTransaction::begin(&self.state)?))
    }

    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        None
    }

    fn schema(&self) -> &dyn SchemaAdmin {
        self
    }
}

#[async_trait]
impl SchemaAdmin for FakeStore {
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        let set_up = self.set_up(ExistingWorkers::Keep).await?;
        Ok(if set_up == SetupOutcome::Created { vec![MIGRATION.to_owned()] } else { Vec::new() })
    }

    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        let mut state = lock(&self.state);
        state.check_reachable()?;
        let Some(workers) = &mut state.workers else {
            state.workers = Some(StoredWorkers::new());
            return Ok(SetupOutcome::Created);
        };
        Ok(match existing {
            ExistingWorkers::Keep => SetupOutcome::Kept(workers.len() as u64),
            ExistingWorkers::Remove => {
                SetupOutcome::Emptied(std::mem::take(workers).into_values().map(|stored| stored.removed()).collect())
            }
        })
    }

    async fn check(&self) -> Result<(), RepositoryError> {
        self.workers.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AllWorkers as _;

    async fn store() -> Box<dyn Store> {
        Box::new(FakeStore::without_schema())
    }

    crate::store_conformance!(fake, store);

    #[tokio::test]
    async fn it_fails_on_request_until_it_recovers() {
        let store = FakeStore::new();
        store.fail("the cable is out");
        assert!(matches!(store.workers().list().await, Err(RepositoryError::Unavailable(_))));
        store.recover();
        assert!(store.workers().list().await.is_ok());
    }
}
