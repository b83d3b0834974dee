//! Options for using a database, and its limits on the number of connections.

use std::time::Duration;

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
    ///
    /// [`RepositoryError::Unavailable`]: workers_domain::ports::RepositoryError::Unavailable
    pub acquire_timeout: Duration,
    /// How long a statement may take in Postgres, for example because its table is locked, before it is cancelled and
    /// fails as [`RepositoryError::Unavailable`]. We measure the time in this process and change no session setting, so
    /// it works with any pooler in between. Migrations have no limit. SQLite has a different limit: it waits 10 s for
    /// another process that writes.
    ///
    /// [`RepositoryError::Unavailable`]: workers_domain::ports::RepositoryError::Unavailable
    pub statement_timeout: Duration,
    /// How long a transaction may stay open before it is rolled back and its operations fail as
    /// [`RepositoryError::RolledBack`]. In Postgres it is limited to four fifths of `statement_timeout`, so that the
    /// transaction ends before others stop waiting for the rows that it has locked. It is not an option of the server:
    /// no transaction waits for a client or sandbox, so its duration depends on the database alone.
    ///
    /// [`RepositoryError::RolledBack`]: workers_domain::ports::RepositoryError::RolledBack
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
