//! The connections to a SQLite file: some that read, and one that writes.
//!
//! SQLite has one writer at a time. With one connection for it, writers wait in our queue, in order, and not inside SQLite, so
//! that within this process nothing is ever "locked". Readers see the last committed state meanwhile (write-ahead log).
//!
//! A task runs to its end on a thread that may block, even if whoever asked for it has gone: a connection never comes back in
//! the middle of a transaction. `diesel_async::SyncConnectionWrapper` blocks the asynchronous thread in that case, which a
//! single-threaded runtime answers with a panic; hence this pool.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use tokio::sync::Semaphore;
use workers_domain::ports::RepositoryError;

use super::error::{TaskError, repository_error};
use super::file::{DatabaseFile, Displaced};
use crate::database::StorageOptions;
use crate::error::{ConnectError, unavailable};

/// Set on every connection, in this order: the change to a write-ahead log is the first thing that may have to wait.
///
/// * `busy_timeout`: another process (`workersd migrate`, a backup) may write for a moment; 10 s is longer than any moment, and
///   less than the default of [`StorageOptions::acquire_timeout`].
/// * `synchronous = FULL`: what we acknowledged is on the disk. `NORMAL` would lose the last commits with the power, for inserts
///   of 36 µs in place of 180 µs at the median; few are made.
/// * `foreign_keys`: off by default, for compatibility with the year 2009.
const PRAGMAS: &str = "\
    PRAGMA busy_timeout = 10000; \
    PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; \
    PRAGMA foreign_keys = ON;";

/// How long a connection may take to be set up beside others that set up the same new file, and the pause between two attempts. Each
/// needs the file for less than a millisecond.
const SET_UP_PATIENCE: Duration = Duration::from_secs(10);
const SET_UP_PAUSE: Duration = Duration::from_millis(2);

/// A connection that reads has no business writing.
const READ_ONLY: &str = "PRAGMA query_only = ON;";

/// Connections to one file.
pub(super) struct SqlitePool {
    file: Arc<DatabaseFile>,
    readers: Lane,
    writer: Lane,
}

/// Connections of one kind, at most a fixed number of them, opened when first needed.
struct Lane {
    file: Arc<DatabaseFile>,
    pragmas: &'static [&'static str],
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl SqlitePool {
    /// Opens nothing yet.
    pub(super) fn new(path: &Path, options: &StorageOptions) -> Result<Self, ConnectError> {
        let file = Arc::new(DatabaseFile::new(path)?);
        Ok(Self {
            readers: Lane::new(&file, &[PRAGMAS, READ_ONLY], options.max_connections.max(1), options.acquire_timeout),
            writer: Lane::new(&file, &[PRAGMAS], 1, options.acquire_timeout),
            file,
        })
    }

    /// The file.
    pub(super) fn file(&self) -> &DatabaseFile {
        &self.file
    }

    /// Runs a task that reads.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let result = self.readers.run(|connection| task(connection).map_err(TaskError::from)).await?;
        result.map_err(|error| repository_error(operation, error))
    }

    /// Runs a task that writes.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let result = self.write_raw(|connection| task(connection).map_err(TaskError::from)).await?;
        result.map_err(|error| repository_error(operation, error))
    }

    /// Runs a task that writes and has errors of its own.
    pub(super) async fn write_raw<R: Send + 'static, E: From<ConnectionError> + Send + 'static>(
        &self,
        task: impl FnOnce(&mut SqliteConnection) -> Result<R, E> + Send + 'static,
    ) -> Result<Result<R, E>, RepositoryError> {
        self.writer.run(task).await
    }
}

impl Lane {
    fn new(
        file: &Arc<DatabaseFile>,
        pragmas: &'static [&'static str],
        max_connections: usize,
        acquire_timeout: Duration,
    ) -> Self {
        Self {
            file: Arc::clone(file),
            pragmas,
            permits: Arc::new(Semaphore::new(max_connections)),
            acquire_timeout,
            idle: Arc::default(),
        }
    }

    async fn run<R: Send + 'static, E: From<ConnectionError> + Send + 'static>(
        &self,
        task: impl FnOnce(&mut SqliteConnection) -> Result<R, E> + Send + 'static,
    ) -> Result<Result<R, E>, RepositoryError> {
        let acquiring = Arc::clone(&self.permits).acquire_owned();
        let Ok(permit) = tokio::time::timeout(self.acquire_timeout, acquiring).await else {
            return Err(unavailable(format!("no connection became free within {:?}", self.acquire_timeout)));
        };
        let permit = permit.map_err(unavailable)?;
        let (file, pragmas, idle) = (Arc::clone(&self.file), self.pragmas, Arc::clone(&self.idle));
        let span = tracing::Span::current();
        let work = tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            // Bound to a name so that it is let go last, after the connection is back.
            let _permit = permit;
            file.check()?;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let was_open = taken.is_some();
            let mut connection = match taken.map_or_else(|| connect(file.uri(), pragmas), Ok) {
                Ok(connection) => connection,
                Err(error) => return Ok(Err(error.into())),
            };
            let result = task(&mut connection);
            // What was written to a file that went meanwhile must not be acknowledged.
            let checked = file.check();
            // One that was opened meanwhile may be to another file.
            if was_open || checked.is_ok() {
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            checked.map(|()| result)
        });
        work.await.map_err(unavailable)?.map_err(|displaced: Displaced| unavailable(displaced))
    }
}

fn connect(uri: &str, pragmas: &[&str]) -> ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(uri)?;
    for pragma in pragmas {
        execute_patiently(&mut connection, pragma).map_err(ConnectionError::CouldntSetupConfiguration)?;
    }
    Ok(connection)
}

/// Repeats what SQLite refuses because somebody else is about to do the same: two that turn a new file to a write-ahead log at once
/// would wait for each other, so one is told "locked" without the wait of `busy_timeout`.
fn execute_patiently(connection: &mut SqliteConnection, sql: &str) -> diesel::QueryResult<()> {
    let began = Instant::now();
    loop {
        match connection.batch_execute(sql) {
            Err(diesel::result::Error::DatabaseError(_, information))
                if information.message().contains("locked") && began.elapsed() < SET_UP_PATIENCE =>
            {
                std::thread::sleep(SET_UP_PAUSE);
            }
            result => return result,
        }
    }
}
