//! The connections to a SQLite file: some that read, and one that writes.
//!
//! SQLite has one writer at a time. With one connection for it, writers wait in our queue, in order, and not inside SQLite, so
//! that within this process nothing is ever "locked". Readers see the last committed state meanwhile (write-ahead log).
//!
//! A task runs to its end on a thread that may block, even if whoever asked for it has gone: a connection never comes back in
//! the middle of a transaction. `diesel_async::SyncConnectionWrapper` blocks the asynchronous thread in that case, which a
//! single-threaded runtime answers with a panic; hence this pool.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use tokio::sync::Semaphore;
use workers_domain::ports::RepositoryError;
use workers_private_files::{close_file, open_file};

use super::error::{TaskError, repository_error};
use crate::database::StorageOptions;
use crate::error::{ConnectError, unavailable};

/// The mode of a directory that is made for the file. One that is there may be for others, too.
const DIRECTORY_MODE: u32 = 0o700;

/// What SQLite adds to the file's name for its companions.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

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
    readers: Lane,
    writer: Lane,
}

/// Connections of one kind, at most a fixed number of them, opened when first needed.
struct Lane {
    path: Arc<str>,
    pragmas: &'static [&'static str],
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
}

impl SqlitePool {
    /// Creates the file, and the directory it is in, if there is none.
    pub(super) fn open(path: &Path, options: &StorageOptions) -> Result<Self, ConnectError> {
        let failed = |source| ConnectError::CreateFile { path: path.to_owned(), source };
        // Absolute, so that SQLite cannot take a name like `file:x` for a URI.
        let path = std::path::absolute(path).map_err(failed)?;
        create_file(&path).map_err(failed)?;
        let Some(path) = path.to_str() else {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "the path must be valid UTF-8")));
        };
        let path: Arc<str> = path.into();
        Ok(Self {
            readers: Lane::new(&path, &[PRAGMAS, READ_ONLY], options.max_connections.max(1), options.acquire_timeout),
            writer: Lane::new(&path, &[PRAGMAS], 1, options.acquire_timeout),
        })
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
        path: &Arc<str>,
        pragmas: &'static [&'static str],
        max_connections: usize,
        acquire_timeout: Duration,
    ) -> Self {
        Self {
            path: Arc::clone(path),
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
        let (path, pragmas, idle) = (Arc::clone(&self.path), self.pragmas, Arc::clone(&self.idle));
        let span = tracing::Span::current();
        let work = tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            // Bound to a name so that it is let go last, after the connection is back.
            let _permit = permit;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match taken {
                Some(connection) => connection,
                None => connect(&path, pragmas)?,
            };
            let result = task(&mut connection);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            result
        });
        work.await.map_err(unavailable)
    }
}

fn connect(path: &str, pragmas: &[&str]) -> ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(path)?;
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

/// Creates the file before SQLite does, so that no other user can read it at any moment: it has the source of every worker. Its
/// companions get the same mode from SQLite; those that are there already may be older than that.
fn create_file(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(directory)?;
    }
    open_file(path)?;
    COMPANIONS.iter().try_for_each(|companion| {
        let mut name = path.as_os_str().to_owned();
        name.push(companion);
        close_file(Path::new(&name))
    })
}
