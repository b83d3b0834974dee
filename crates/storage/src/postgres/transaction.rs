//! Transactions on Postgres.

use async_trait::async_trait;
use tracing::instrument;
use workers_domain::ports::{RepositoryError, Transaction, WorkerRepository};

use super::pool::PgPool;
use super::session::{PgSession, map_error};
use super::transaction_handle::TransactionHandle;
use super::workers::PgWorkers;
use crate::transaction::{BEGIN, COMMIT};

/// A transaction: one connection of the pool, and the repositories on it.
pub(super) struct PgTransaction {
    workers: PgWorkers,
    handle: TransactionHandle,
}

impl PgTransaction {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, RepositoryError> {
        let handle = map_error(BEGIN, TransactionHandle::open(pool).await)?;
        Ok(Self { workers: PgWorkers::new(PgSession::within(handle.clone())), handle })
    }
}

#[async_trait]
impl Transaction for PgTransaction {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.commit", level = "debug", skip_all)]
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        map_error(COMMIT, self.handle.commit().await)
    }
}
