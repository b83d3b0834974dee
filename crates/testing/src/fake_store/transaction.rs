//! Transactions. Each one works on a copy. The commit writes its changes back, unless another transaction has changed
//! the same workers.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use workers_domain::ports::{RepositoryError, Transaction, WorkerRepository};

use super::pending::{Pending, rolled_back};
use super::state::{Shared, lock};
use super::workers::FakeWorkers;

pub(super) struct FakeTransaction {
    state: Arc<Shared>,
    pending: Arc<Mutex<Pending>>,
    workers: FakeWorkers,
}

impl FakeTransaction {
    pub(super) fn begin(state: &Arc<Shared>) -> Result<Self, RepositoryError> {
        let mut begun = lock(state);
        begun.check_reachable()?;
        let base = begun.workers.clone().ok_or(RepositoryError::SchemaMissing)?;
        let pending = Arc::new(Mutex::new(Pending { workers: base.clone(), base, is_over: false }));
        Ok(Self { workers: FakeWorkers::within(state, &pending), state: Arc::clone(state), pending })
    }
}

#[async_trait]
impl Transaction for FakeTransaction {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        // In the same order as in `FakeWorkers::with`: in two orders, the two could wait for each other for ever.
        let (mut state, pending) = (lock(&self.state), lock(&self.pending));
        state.check_reachable()?;
        if pending.is_over {
            return Err(rolled_back("a part of it was refused"));
        }
        let workers = state.workers.as_mut().ok_or(RepositoryError::SchemaMissing)?;
        let ids = pending.base.keys().chain(pending.workers.keys());
        let changed: Vec<_> = ids.filter(|id| pending.base.get(id) != pending.workers.get(id)).collect();
        // The first of two transactions on one worker wins, as the suite demands of every store.
        if changed.iter().any(|id| workers.get(id) != pending.base.get(id)) {
            return Err(rolled_back("another one was first"));
        }
        for id in changed {
            match pending.workers.get(id) {
                Some(stored) => workers.insert(*id, stored.clone()),
                None => workers.remove(id),
            };
        }
        state.deliver(Ok(()))
    }
}
