//! Selects the backend for a database URL.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use workers_domain::ports::{RepositoryError, Store};

use crate::error::{BackupError, ConnectError};
use crate::postgres::PgStore;
use crate::sqlite::{Access, SqliteStore};
use crate::url::{DatabaseUrl, Kind};

/// Default maximum number of connections to Postgres. A query takes about a millisecond, so ten connections carry
/// thousands of queries per second, and ten servers of ours still fit into the hundred connections that Postgres
/// allows.
const DEFAULT_MAX_CONNECTIONS: usize = 10;

/// How long a query waits for a connection: longer than it takes to open one, and shorter than the client of a request
/// waits.
const DEFAULT_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long a statement may take in Postgres. Our slowest one stores 10 MiB of source.
const DEFAULT_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a transaction may stay open. It is shorter than the time that others wait for what it holds: a connection,
/// rows, and on SQLite the write lock.
const DEFAULT_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(8);

/// Options for using a database. Start from [`StorageOptions::default`] and change single fields.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageOptions {
    /// Maximum number of connections. For SQLite, this is the number of reading connections; one writing connection and
    /// a quarter as many connections for lists are added. Values below 1 count as 1. On Postgres, lists use at most a
    /// quarter of the connections, so that invocations do not wait for them.
    pub max_connections: usize,
    /// How long a query waits for a connection before it fails as [`RepositoryError::Unavailable`].
    pub acquire_timeout: Duration,
    /// How long a statement may take in Postgres, for example because its table is locked, before it is cancelled and
    /// fails as [`RepositoryError::Unavailable`]. We measure the time in this process and change no session setting, so
    /// it works with any pooler in between. Migrations have no limit. SQLite has a different limit: it waits 10 s for
    /// another process that writes.
    pub statement_timeout: Duration,
    /// How long a transaction may stay open before it is rolled back and its operations fail as
    /// [`RepositoryError::RolledBack`]. In Postgres it is limited to four fifths of `statement_timeout`, so that the
    /// transaction ends before others stop waiting for the rows that it has locked. It is not an option of the server:
    /// no transaction waits for a client or sandbox, so its duration depends on the database alone.
    pub transaction_timeout: Duration,
}

impl StorageOptions {
    /// Returns how many lists may be read at the same time.
    pub(crate) fn max_listing(&self) -> usize {
        (self.max_connections / 4).max(1)
    }

    /// Returns how long a transaction may stay open in Postgres.
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

/// Limits on the number of connections to Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum number of connections in this pool.
    pub pool: usize,
    /// Maximum number of connections of this user to this database, for all servers and other programs together,
    /// without the connections that are reserved for administrators.
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
        Self::open(url, Access::Use, options)
    }

    /// Like [`connect`](Self::connect), but read-only: neither SQLite's files nor their modes are changed, and
    /// operations that would change something fail.
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
