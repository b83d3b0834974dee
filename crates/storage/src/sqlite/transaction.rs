//! Transactions on SQLite.

use async_trait::async_trait;
use tracing::instrument;
use workers_domain::ports::{RepositoryError, Transaction, WorkerRepository};

use super::pool::SqlitePool;
use super::session::SqliteSession;
use super::transaction_handle::{Outcome, TransactionHandle};
use super::workers::SqliteWorkers;

/// A transaction: the write lock, and the repositories on its connection.
pub(super) struct SqliteTransaction {
    workers: SqliteWorkers,
    handle: TransactionHandle,
    outcome: Outcome,
}

impl SqliteTransaction {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self, RepositoryError> {
        let (handle, outcome) = TransactionHandle::open(pool).await?;
        Ok(Self { workers: SqliteWorkers::new(SqliteSession::Transaction(handle.clone())), handle, outcome })
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.commit", level = "debug", skip_all)]
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        self.handle.commit(self.outcome).await
    }
}
