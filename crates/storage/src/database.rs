//! Chooses the backend that a URL names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use workers_domain::ports::{RepositoryError, Store};

use crate::error::{BackupError, ConnectError};
use crate::postgres::PgStore;
use crate::sqlite::{Access, SqliteStore};
use crate::url::{DatabaseUrl, Kind};

/// Connections to Postgres at most, unless told otherwise. A query takes about a millisecond, so ten carry thousands a
/// second, and ten servers of ours still fit into the hundred that Postgres allows.
const DEFAULT_MAX_CONNECTIONS: usize = 10;

/// How long a query waits for a connection: more than the making of one takes, less than the client of a request waits.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long Postgres may take for a statement. The slowest of ours stores 10 MiB of source.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a transaction may be held: less than others wait for what it holds, which is a connection, rows, and on
/// SQLite the right to write.
const DEFAULT_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(8);

/// How to use a database. Take [`StorageOptions::default`] and change what is to be different.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageOptions {
    /// Connections at most; for SQLite, connections that read, to which one that writes is added, and a quarter as many
    /// that read lists. At least 1 is used. Lists have a quarter of those to Postgres at most, so that invocations do
    /// not wait for them.
    pub max_connections: usize,
    /// How long a query waits for a connection before it fails as [`RepositoryError::Unavailable`].
    pub acquire_timeout: Duration,
    /// How long a statement may take in Postgres, for example because its table is locked, before it is cancelled and
    /// fails as [`RepositoryError::Unavailable`]. It is counted here, so that no session has a setting, whatever pooler
    /// stands in between. Migrations take what time they need. SQLite has another bound: 10 s for another process that
    /// writes.
    pub statement_timeout: Duration,
    /// How long a transaction may be held before it is rolled back and what is asked of it fails as
    /// [`RepositoryError::RolledBack`]. In Postgres it is four fifths of `statement_timeout` at most, so that it
    /// ends before others stop waiting for the rows that it holds. It is no option of the server's: no client or
    /// sandbox is waited for in a transaction, so how long one takes depends on the database alone.
    pub transaction_timeout: Duration,
}

impl StorageOptions {
    /// How many lists are read at one time.
    pub(crate) fn max_listing(&self) -> usize {
        (self.max_connections / 4).max(1)
    }

    /// How long a transaction may be held in Postgres.
    pub(crate) fn transaction_timeout_on_postgres(&self) -> Duration {
        self.transaction_timeout.min(self.statement_timeout / 5 * 4)
    }
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            max_connections: DEFAULT_MAX_CONNECTIONS,
            acquire_timeout: DEFAULT_ACQUIRE_TIMEOUT,
            statement_timeout: DEFAULT_STATEMENT_TIMEOUT,
            transaction_timeout: DEFAULT_TRANSACTION_TIMEOUT,
        }
    }
}

/// How many connections to Postgres there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// In this pool.
    pub pool: usize,
    /// Of this user to this database, all servers and other programs together, without those that are reserved for
    /// administrators.
    pub allowed: usize,
}

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
    /// The SQLite database in this file, with the default options. It is made where there is none, and brought up to
    /// date, so that a program of one process can use it at once.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect) and [`create_if_none`](Self::create_if_none), or when it cannot be brought up to
    /// date.
    pub async fn sqlite_file(path: impl Into<PathBuf>) -> Result<Self, ConnectError> {
        let database = Self::connect(&DatabaseUrl::sqlite_file(path), &StorageOptions::default()).await?;
        database.create_if_none().await?;
        database.store().schema().apply_migrations().await.map_err(ConnectError::Migrate)?;
        Ok(database)
    }

    /// Readies a pool for the database. No connection is made before one is needed, so a server may start before its
    /// database; use [`check`] to know. Makes no database: see [`create_if_none`](Self::create_if_none).
    ///
    /// [`check`]: workers_domain::ports::SchemaAdmin::check
    ///
    /// Connections to Postgres live on the runtime that this was called on.
    ///
    /// # Errors
    ///
    /// When SQLite's file cannot be closed to other users, or when the root certificates for Postgres cannot be read.
    #[expect(clippy::unused_async, reason = "makes it plain that a runtime is needed, which the pool takes hold of")]
    pub async fn connect(url: &DatabaseUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Self::open(url, Access::Use, options)
    }

    /// The same for one who only looks: nothing is changed, neither SQLite's files nor their modes, and what would
    /// change something fails.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    #[expect(clippy::unused_async, reason = "as above")]
    pub async fn look(url: &DatabaseUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        Self::open(url, Access::Look, options)
    }

    fn open(url: &DatabaseUrl, access: Access, options: &StorageOptions) -> Result<Self, ConnectError> {
        let backend = match url.kind() {
            Kind::Postgres(url) => Backend::Postgres(Arc::new(PgStore::connect(url, options)?)),
            Kind::Sqlite(path) => Backend::Sqlite(Arc::new(SqliteStore::open(path, access, options)?)),
        };
        Ok(Self { backend })
    }

    /// Reads all of SQLite's file, which must be there, and sees that it is sound. Waits no longer than `limit` for
    /// that; beyond it the look goes on, and what it finds is in the log and in every [`check`].
    /// Postgres looks after its own.
    ///
    /// [`check`]: workers_domain::ports::SchemaAdmin::check
    ///
    /// # Errors
    ///
    /// [`RepositoryError::Damaged`], with the path; or when the file cannot be read.
    pub async fn verify(&self, limit: Duration) -> Result<(), RepositoryError> {
        match &self.backend {
            Backend::Postgres(_) => Ok(()),
            Backend::Sqlite(store) => store.verify(limit).await,
        }
    }

    /// Whether there is a database: SQLite's file. Of Postgres' it is not known before it was asked.
    ///
    /// # Errors
    ///
    /// When the file cannot be looked at, or what was written last to another one that was there is still beside it.
    pub async fn is_there(&self) -> Result<bool, ConnectError> {
        self.with_file(SqliteStore::is_there).await.map(|is_there| is_there.unwrap_or(true))
    }

    /// Makes an empty database where there is none: SQLite's file, and the directory it is in. A database of Postgres
    /// is its administrator's to make.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or what was written last to one that has gone is still there.
    pub async fn create_if_none(&self) -> Result<(), ConnectError> {
        self.with_file(SqliteStore::create_if_none).await.map(drop)
    }

    /// Does something with SQLite's file on a thread that may block; nothing where there is none.
    async fn with_file<R: Send + 'static>(
        &self,
        work: impl FnOnce(&SqliteStore) -> Result<R, ConnectError> + Send + 'static,
    ) -> Result<Option<R>, ConnectError> {
        let Backend::Sqlite(store) = &self.backend else { return Ok(None) };
        let store = Arc::clone(store);
        let done = tokio::task::spawn_blocking(move || work(&store)).await;
        done.map_err(|error| ConnectError::Pool(error.into()))?.map(Some)
    }

    /// Writes a copy of SQLite's file, as it is at one moment, to a path where there is nothing yet. Others may read
    /// and write meanwhile.
    ///
    /// # Errors
    ///
    /// [`BackupError`]; nothing is left of the copy then.
    pub async fn back_up(&self, to: &Path) -> Result<(), BackupError> {
        let Backend::Sqlite(store) = &self.backend else { return Err(BackupError::Postgres) };
        if !self.is_there().await? {
            return Err(BackupError::NoDatabase);
        }
        store.back_up(to).await
    }

    /// How many connections there may be; `None` for SQLite, which does not limit them.
    ///
    /// # Errors
    ///
    /// When the database cannot be reached.
    pub async fn connection_limits(&self) -> Result<Option<ConnectionLimits>, RepositoryError> {
        match &self.backend {
            Backend::Postgres(store) => store.connection_limits().await.map(Some),
            Backend::Sqlite(_) => Ok(None),
        }
    }

    /// What is kept there.
    #[must_use]
    pub fn store(&self) -> Arc<dyn Store> {
        match &self.backend {
            Backend::Postgres(store) => Arc::<PgStore>::clone(store),
            Backend::Sqlite(store) => Arc::<SqliteStore>::clone(store),
        }
    }
}
