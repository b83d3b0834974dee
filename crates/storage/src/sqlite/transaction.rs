//! Transactions on SQLite.

use async_trait::async_trait;
use tracing::instrument;
use workers_domain::ports::{RepositoryError, Transaction, WorkerRepository};

use super::line::{Line, Outcome};
use super::pool::SqlitePool;
use super::session::SqliteSession;
use super::workers::SqliteWorkers;

/// A transaction: the write lock, and the repositories on its connection.
pub(super) struct SqliteTransaction {
    workers: SqliteWorkers,
    line: Line,
    outcome: Outcome,
}

impl SqliteTransaction {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self, RepositoryError> {
        let (line, outcome) = Line::open(pool).await?;
        Ok(Self { workers: SqliteWorkers::new(SqliteSession::Transaction(line.clone())), line, outcome })
    }
}

#[async_trait]
impl Transaction for SqliteTransaction {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.commit", level = "debug", skip_all)]
    async fn commit(self: Box<Self>) -> Result<(), RepositoryError> {
        self.line.commit(self.outcome).await
    }
}
