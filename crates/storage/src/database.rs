//! Selects the backend for a database URL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use workers_domain::ports::{RepositoryError, Store};

use crate::error::{BackupError, ConnectError};
use crate::options::{ConnectionLimits, StorageOptions};
use crate::postgres::PgStore;
use crate::sqlite::{Access, SqliteStore};
use crate::url::{DatabaseUrl, Kind};

/// A database with its pool of connections. Clones share the pool.
#[derive(Clone)]
pub struct Database {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Postgres(Arc<PgStore>),
    Sqlite(Arc<SqliteStore>),
}

impl Database {
    /// Opens the SQLite database in this file, with default options. Creates it if necessary and applies pending
    /// migrations, so that a single-process program can use it at once.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect) and [`create_if_none`](Self::create_if_none), or if migrations fail.
    pub async fn sqlite_file(path: impl Into<PathBuf>) -> Result<Self, ConnectError> {
        let database = Self::connect(&DatabaseUrl::sqlite_file(path), &StorageOptions::default()).await?;
        database.create_if_none().await?;
        database.store().schema().apply_migrations().await.map_err(ConnectError::Migrate)?;
        Ok(database)
    }

    /// Prepares a pool for the database. Connections are opened only when they are needed, so a server may start before
    /// its database; use [`check`] to find out whether the database is reachable. Does not create a database: see
    /// [`create_if_none`](Self::create_if_none).
    ///
    /// [`check`]: workers_domain::ports::SchemaAdmin::check
    ///
    /// Connections to Postgres live on the runtime on which this is called.
    ///
    /// # Errors
    ///
    /// If SQLite's file cannot be restricted to its owner, or if the root certificates for Postgres cannot be read.
    #[expect(clippy::unused_async, reason = "makes it plain that a runtime is needed, which the pool takes hold of")]
    pub async fn connect(url: &DatabaseUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Self::open(url, Access::ReadWrite, options)
    }

    /// Like [`connect`](Self::connect), but read-only: neither SQLite's files nor their modes are changed, and
    /// operations that would change something fail.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    #[expect(clippy::unused_async, reason = "as above")]
    pub async fn inspect(url: &DatabaseUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Self::open(url, Access::Inspect, options)
    }

    fn open(url: &DatabaseUrl, access: Access, options: &StorageOptions) -> Result<Self, ConnectError> {
        let backend = match url.kind() {
            Kind::Postgres(url) => Backend::Postgres(Arc::new(PgStore::connect(url, options)?)),
            Kind::Sqlite(path) => Backend::Sqlite(Arc::new(SqliteStore::open(path, access, options)?)),
        };
        Ok(Self { backend })
    }

    /// Reads all of SQLite's file, which must exist, and checks that it is not damaged. Waits at most `limit`. After
    /// that, the check continues in the background; its findings are then logged and returned by every [`check`]. For
    /// Postgres this does nothing, because Postgres checks its own files.
    ///
    /// [`check`]: workers_domain::ports::SchemaAdmin::check
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Damaged`] with the path, or if the file cannot be read.
    pub async fn verify(&self, limit: Duration) -> Result<(), RepositoryError> {
        match &self.backend {
            Backend::Postgres(_) => Ok(()),
            Backend::Sqlite(store) => store.verify(limit).await,
        }
    }

    /// Returns whether the database exists, which means SQLite's file. For Postgres this always returns `true`, because
    /// it is unknown before the first connection.
    ///
    /// # Errors
    ///
    /// If the file cannot be examined, or if the write-ahead log beside it belongs to a different file that was there
    /// before.
    pub async fn is_there(&self) -> Result<bool, ConnectError> {
        self.with_file(SqliteStore::is_there).await.map(|is_there| is_there.unwrap_or(true))
    }

    /// Creates an empty database if there is none: SQLite's file and its directory. A Postgres database must be created
    /// by its administrator.
    ///
    /// # Errors
    ///
    /// If the file cannot be created, or if the write-ahead log of a missing file still exists.
    pub async fn create_if_none(&self) -> Result<(), ConnectError> {
        self.with_file(SqliteStore::create_if_none).await.map(drop)
    }

    /// Runs `work` on SQLite's file on a blocking thread. Does nothing for Postgres.
    async fn with_file<R: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteStore) -> Result<R, ConnectError> + Send + 'static,
    ) -> Result<Option<R>, ConnectError> {
        let Backend::Sqlite(store) = &self.backend else { return Ok(None) };
        let store = Arc::clone(store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|error| ConnectError::Pool(error.into()))?.map(Some)
    }

    /// Writes a consistent copy of SQLite's file to a path that does not exist yet. Others may read and write the
    /// database in the meantime.
    ///
    /// # Errors
    ///
    /// [`BackupError`]; nothing of the copy is left then.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let Backend::Sqlite(store) = &self.backend else { return Err(BackupError::Postgres) };
        if !self.is_there().await? {
            return Err(BackupError::NoDatabase);
        }
        store.back_up(to).await
    }

    /// Returns the limits on the number of connections; `None` for SQLite, which has no limit.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached.
    pub async fn connection_limits(&self) -> Result<Option<ConnectionLimits>, RepositoryError> {
        match &self.backend {
            Backend::Postgres(store) => store.connection_limits().await.map(Some),
            Backend::Sqlite(_) => Ok(None),
        }
    }

    /// Returns the store on this database.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        match &self.backend {
            Backend::Postgres(store) => Arc::<PgStore>::clone(store),
            Backend::Sqlite(store) => Arc::<SqliteStore>::clone(store),
        }
    }
}
