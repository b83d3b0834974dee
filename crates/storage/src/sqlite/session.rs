//! A session runs tasks: on the pool, which lends a connection for each task, or on a transaction, which has its own.

use std::sync::Arc;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::{QueryResult, SqliteConnection};
use workers_domain::ports::RepositoryError;

use super::immediate::immediately;
use super::pool::SqlitePool;
use super::transaction_handle::TransactionHandle;

/// A pool or a transaction, as used by repositories. Cheap to clone.
#[derive(Clone)]
pub(super) enum SqliteSession {
    /// Each task is independent.
    Pool(Arc<SqlitePool>),
    /// The tasks belong to a transaction.
    Transaction(TransactionHandle),
}

impl SqliteSession {
    /// Runs a task that reads.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        match self {
            Self::Pool(pool) => pool.read(operation, task).await,
            Self::Transaction(handle) => handle.execute(operation, task).await,
        }
    }

    /// Runs a task that reads a list, which may take long.
    pub(super) async fn read_list<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        match self {
            Self::Pool(pool) => pool.read_list(operation, task).await,
            Self::Transaction(handle) => handle.execute(operation, task).await,
        }
    }

    /// Runs a task that writes.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        match self {
            Self::Pool(pool) => pool.write(operation, task).await,
            Self::Transaction(handle) => handle.execute(operation, task).await,
        }
    }

    /// Runs a task that writes in order to free room. Only an independent task may use the reserved room on a full
    /// disk, because a transaction may write more than that.
    pub(super) async fn write_to_make_room<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl Fn(&mut SqliteConnection) -> QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        match self {
            Self::Pool(pool) => pool.write_to_make_room(operation, task).await,
            Self::Transaction(handle) => handle.execute(operation, task).await,
        }
    }
}

/// Runs several statements atomically: in the open transaction, or in a new one.
pub(super) fn together<R>(
    connection: &mut SqliteConnection,
    task: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>,
) -> QueryResult<R> {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    match status.transaction_depth()? {
        // SQLite refuses `BEGIN` within a transaction, and the statements of the open one are atomic already.
        Some(_) => task(connection),
        None => immediately(connection, task),
    }
}
