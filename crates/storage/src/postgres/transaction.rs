//! Transactions on Postgres.

use async_trait::async_trait;
use tracing::instrument;
use workers_domain::ports::{RepositoryError, Transaction, WorkerRepository};

use super::line::Line;
use super::pool::PgPool;
use super::session::{PgSession, sorted};
use super::workers::PgWorkers;
use crate::transaction::{BEGIN, COMMIT};

/// A transaction: one connection of the pool, and the repositories on it.
pub(super) struct PgTransaction {
    workers: PgWorkers,
    line: Line,
}

impl PgTransaction {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, RepositoryError> {
        let line = sorted(BEGIN, Line::open(pool).await)?;
        Ok(Self { workers: PgWorkers::new(PgSession::within(line.clone())), line })
    }
}

#[async_trait]
impl Transaction for PgTransaction {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.commit", level = "debug", skip_all)]
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        sorted(COMMIT, self.line.commit().await)
    }
}
