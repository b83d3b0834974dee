//! The store on SQLite.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tracing::instrument;
use workers_domain::ports::{
    ExistingWorkers, RepositoryError, SchemaAdmin, SetupOutcome, Store, StoredChanges, Transaction, WorkerRepository,
};

use super::backup::back_up;
use super::file::Access;
use super::migrations;
use super::pool::SqlitePool;
use super::session::SqliteSession;
use super::transaction::SqliteTransaction;
use super::verify::verify;
use super::workers::SqliteWorkers;
use crate::error::{BackupError, ConnectError};
use crate::options::StorageOptions;

/// The store on SQLite.
pub(crate) struct SqliteStore {
    pool: Arc<SqlitePool>,
    workers: SqliteWorkers,
}

impl SqliteStore {
    pub(crate) fn open(path: &Path, access: Access, options: &StorageOptions) -> Result<Self, ConnectError> {
        let pool = Arc::new(SqlitePool::new(path, access, options)?);
        Ok(Self { workers: SqliteWorkers::new(SqliteSession::Pool(Arc::clone(&pool))), pool })
    }

    /// Checks that the file is not damaged, and waits for that at most `limit`.
    #[instrument(name = "storage.verify", level = "debug", skip_all)]
    pub(crate) async fn verify(&self, limit: Duration) -> Result<(), RepositoryError> {
        verify(self.pool.file(), limit).await
    }

    /// Returns whether the file exists.
    pub(crate) fn is_there(&self) -> Result<bool, ConnectError> {
        self.pool.file().is_there()
    }

    /// Creates the file if it does not exist.
    pub(crate) fn create_if_none(&self) -> Result<(), ConnectError> {
        self.pool.file().create_if_none()
    }

    /// Writes a copy of the database to a path that does not exist yet.
    #[instrument(name = "storage.back_up", level = "debug", skip_all)]
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let to = to.to_owned();
        // A read-only connection would not do, because the copy is written.
        self.pool.read_at_length("backup", move |connection, file| Ok(back_up(connection, file, &to))).await?
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn workers(&self) -> &dyn WorkerRepository {
        &self.workers
    }

    #[instrument(name = "storage.begin", level = "debug", skip_all)]
    async fn begin(&self) -> Result<Box<dyn Transaction>, RepositoryError> {
        Ok(Box::new(SqliteTransaction::begin(&self.pool).await?))
    }

    fn listen(&self) -> Option<Box<dyn StoredChanges>> {
        // A SQLite file serves one server, so there are no changes of other servers to hear of.
        None
    }

    fn schema(&self) -> &dyn SchemaAdmin {
        self
    }
}

#[async_trait]
impl SchemaAdmin for SqliteStore {
    #[instrument(name = "storage.schema.migrate", level = "debug", skip_all)]
    async fn apply_migrations(&self) -> Result<Vec<String>, RepositoryError> {
        migrations::apply(&self.pool).await
    }

    #[instrument(name = "storage.schema.set_up", level = "debug", skip_all)]
    async fn set_up(&self, existing: ExistingWorkers) -> Result<SetupOutcome, RepositoryError> {
        migrations::set_up(&self.pool, existing).await
    }

    #[instrument(name = "storage.schema.check", level = "debug", skip_all)]
    async fn check(&self) -> Result<(), RepositoryError> {
        migrations::check(&self.pool).await
    }
}
