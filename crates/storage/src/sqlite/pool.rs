//! The connections to a SQLite file: several for reading, and one for writing.
//!
//! SQLite allows one writer at a time. With a single writing connection, writers wait in our queue, in order, and not
//! inside SQLite, so that within this process a query never fails as "locked". Readers see the last committed state in
//! the meantime (write-ahead log).
//!
//! A task runs to its end on a blocking thread, even if its caller has gone, so a connection never returns in the
//! middle of a transaction. `diesel_async::SyncConnectionWrapper` would block the asynchronous thread in that case,
//! which panics on a single-threaded runtime; that is why we have our own pool.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::{Connection, ConnectionError, SqliteConnection};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use workers_domain::ports::RepositoryError;

use super::checkpoint::{checkpoint_if_due, checkpoint_now};
use super::error::{connect_error, query_error};
use super::file::{Access, DatabaseFile, UnusableFile};
use super::reserve;
use crate::error::{ConnectError, unavailable};
use crate::options::StorageOptions;

/// Settings of every connection, in this order: `busy_timeout` comes first, because the switch to a write-ahead log may
/// already have to wait.
///
/// * `busy_timeout`: another process (`workersd migrate`, a backup) may write for a moment. 10 s is longer than that,
///   and less than the default of [`StorageOptions::acquire_timeout`].
/// * `synchronous = FULL`: acknowledged writes are on the disk. `NORMAL` could lose the last commits in a power
///   failure. An insert would take 36 µs instead of 180 µs at the median, but there are few inserts.
/// * `wal_autocheckpoint`: off, because we make checkpoints explicitly; see `checkpoint.rs`.
/// * `foreign_keys`: off by default in SQLite, for compatibility with versions before 2009.
const PRAGMAS: &str = "\
    PRAGMA busy_timeout = 10000; \
    PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; \
    PRAGMA wal_autocheckpoint = 0; \
    PRAGMA foreign_keys = ON;";

/// How long setting up a connection may take while others set up the same new file, and the pause between two attempts.
/// Each needs the file for less than a millisecond.
const SET_UP_PATIENCE: Duration = Duration::from_secs(10);
const SET_UP_PAUSE: Duration = Duration::from_millis(2);

/// Prevents writes on a reading connection.
const READ_ONLY: &str = "PRAGMA query_only = ON;";

/// Settings of a connection that must not change anything. It also needs a timeout, because the log's index may be
/// locked for a moment.
const INSPECT_PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON;";

/// Settings of a connection that only tests whether it could write: it does not wait for the lock.
const NO_BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 0;";

/// How long a caller waits for a task: longer than SQLite waits for another process, and no longer than is acceptable
/// for a request. If the disk does not respond, the task continues for as long as that takes, and keeps its connection.
pub(super) const TASK_PATIENCE: Duration = Duration::from_secs(15);

/// How long another process may write without interruption before the database counts as not writable.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);

/// The connections to one file.
pub(super) struct SqlitePool {
    readers: SubPool,
    /// Connections for lists. They take long, so they are separate, and no other query waits for them.
    listers: SubPool,
    writer: SubPool,
    /// A connection that tests whether the others could work.
    prober: SubPool,
    writes: Arc<AtomicU64>,
    /// Set while the writer is in a transaction of ours.
    in_transaction: Flag,
    transaction_timeout: Duration,
    busy_since: Mutex<Option<BusySince>>,
    file: Arc<DatabaseFile>,
}

/// When the file was first found busy, and the number of writes through this pool until then.
#[derive(Clone, Copy)]
struct BusySince {
    since: Instant,
    writes: u64,
}

/// A flag that is set while something lasts.
#[derive(Clone, Default)]
pub(super) struct Flag(Arc<AtomicBool>);

/// Keeps a [`Flag`] set until it is dropped.
pub(super) struct FlagGuard<'a>(&'a Flag);

/// Connections of one kind, at most a fixed number of them. They are opened when they are first needed.
struct SubPool {
    pragmas: &'static [&'static str],
    permits: Arc<Semaphore>,
    acquire_timeout: Duration,
    idle: Arc<Mutex<Vec<SqliteConnection>>>,
    /// Dropped after the connections to it.
    file: Arc<DatabaseFile>,
}

impl SqlitePool {
    /// Creates a pool. Opens no connection yet.
    pub(super) fn new(path: &Path, access: Access, options: &StorageOptions) -> Result<Self, ConnectError> {
        let file = Arc::new(DatabaseFile::new(path, access)?);
        let sub_pool = |pragmas: &'static [&'static str], max_connections| {
            let pragmas = if access == Access::Inspect { &[INSPECT_PRAGMAS][..] } else { pragmas };
            SubPool::new(&file, pragmas, max_connections, options.acquire_timeout)
        };
        Ok(Self {
            readers: sub_pool(&[PRAGMAS, READ_ONLY], options.max_connections.max(1)),
            listers: sub_pool(&[PRAGMAS, READ_ONLY], options.max_listing()),
            writer: sub_pool(&[PRAGMAS], 1),
            prober: sub_pool(&[PRAGMAS, NO_BUSY_TIMEOUT], 1),
            file,
            writes: Arc::default(),
            in_transaction: Flag::default(),
            transaction_timeout: options.transaction_timeout,
            busy_since: Mutex::new(None),
        })
    }

    /// Returns the file.
    pub(super) fn file(&self) -> &Arc<DatabaseFile> {
        &self.file
    }

    /// Runs a task that reads.
    pub(super) async fn read<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        self.readers.run(operation, Some(TASK_PATIENCE), reading(operation, task)).await
    }

    /// Runs a task that reads a list.
    pub(super) async fn read_list<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        self.listers.run(operation, Some(TASK_PATIENCE), reading(operation, task)).await
    }

    /// Runs a task that writes.
    pub(super) async fn write<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile| {
            checkpoint_if_due(connection, file);
            task(connection).map_err(|error| query_error(operation, error, file))
        };
        let written = self.writer.run(operation, Some(TASK_PATIENCE), task).await?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    /// Runs a task that writes in order to free room. On a full disk, it is tried again with the reserved room.
    pub(super) async fn write_to_make_room<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl Fn(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile| {
            checkpoint_if_due(connection, file);
            let attempt = |connection: &mut SqliteConnection| {
                task(connection).map_err(|error| query_error(operation, error, file))
            };
            match attempt(connection) {
                Err(RepositoryError::Full { .. }) if reserve::release(file.path()) => {
                    checkpoint_now(connection, file);
                    let done = attempt(connection);
                    // A second checkpoint truncates the log again, so that its room can be reserved for the next task.
                    checkpoint_now(connection, file);
                    reserve::keep(file.path());
                    done
                }
                done => done,
            }
        };
        let written = self.writer.run(operation, Some(TASK_PATIENCE), task).await?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        Ok(written)
    }

    /// Runs a task that writes without a time limit, and that converts its errors itself.
    pub(super) async fn write_at_length<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile| {
            checkpoint_if_due(connection, file);
            task(connection, file)
        };
        self.writer.run(operation, None, task).await
    }

    /// Runs a task that reads the database and writes elsewhere, without a time limit.
    pub(super) async fn read_at_length<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        self.writer.run(operation, None, task).await
    }

    /// Starts a task that writes for as long as a transaction is open. The task sets the flag that it gets meanwhile.
    pub(super) async fn start_transaction(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile, &Flag) -> Result<(), RepositoryError> + Send + 'static,
    ) -> Result<JoinHandle<Result<(), RepositoryError>>, RepositoryError> {
        let (writes, flag) = (Arc::clone(&self.writes), self.in_transaction.clone());
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile| {
            checkpoint_if_due(connection, file);
            let done = task(connection, file, &flag);
            if done.is_ok() {
                writes.fetch_add(1, Ordering::Relaxed);
            }
            done
        };
        self.writer.start(operation, task).await
    }

    /// Returns how long a transaction may stay open.
    pub(super) const fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout
    }

    /// Runs a task that tests whether the other connections could work. It does not wait for another writer.
    pub(super) async fn probe<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        self.prober.run(operation, Some(TASK_PATIENCE), task).await
    }

    /// Records whether the file was found busy. It is an error if that lasts and nothing is written through this pool
    /// in the meantime.
    pub(super) fn note_busy(&self, is_busy: bool) -> Result<(), RepositoryError> {
        let mut noted = self.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        // A transaction of ours may hold the lock for longer than that, and is no other process.
        if !is_busy || self.in_transaction.is_set() {
            *noted = None;
            return Ok(());
        }
        let now = BusySince { since: Instant::now(), writes: self.writes.load(Ordering::Relaxed) };
        // A write of ours since then shows that the lock was free in between.
        let first = noted.filter(|first| first.writes == now.writes).unwrap_or(now);
        *noted = Some(first);
        if first.since.elapsed() < BUSY_PATIENCE {
            return Ok(());
        }
        Err(unavailable(format!("another process has kept the database locked for {:?}", first.since.elapsed())))
    }
}

/// Wraps a task so that its errors are converted.
fn reading<R>(
    operation: &'static str,
    task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R>,
) -> impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> {
    move |connection, file| task(connection).map_err(|error| query_error(operation, error, file))
}

impl Flag {
    /// Sets the flag until the returned value is dropped.
    pub(super) fn set(&self) -> FlagGuard<'_> {
        self.0.store(true, Ordering::Relaxed);
        FlagGuard(self)
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for FlagGuard<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

impl SubPool {
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

    /// Runs a task, and waits for it at most `patience`.
    async fn run<R: Send + 'static>(
        &self,
        operation: &'static str,
        patience: Option<Duration>,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let work = self.start(operation, task).await?;
        let Some(patience) = patience else { return work.await.map_err(unavailable)? };
        let Ok(done) = tokio::time::timeout(patience, work).await else { return Err(not_done(operation, patience)) };
        done.map_err(unavailable)?
    }

    /// Starts a task as soon as there is a connection for it.
    async fn start<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection, &DatabaseFile) -> Result<R, RepositoryError> + Send + 'static,
    ) -> Result<JoinHandle<Result<R, RepositoryError>>, RepositoryError> {
        let acquiring = Arc::clone(&self.permits).acquire_owned();
        let Ok(permit) = tokio::time::timeout(self.acquire_timeout, acquiring).await else {
            return Err(unavailable(format!("no connection became free within {:?}", self.acquire_timeout)));
        };
        let permit = permit.map_err(unavailable)?;
        let (file, pragmas, idle) = (Arc::clone(&self.file), self.pragmas, Arc::clone(&self.idle));
        let span = tracing::Span::current();
        Ok(tokio::task::spawn_blocking(move || {
            let _entered = span.entered();
            // Bound to a name so that it is dropped last, after the connection has been returned.
            let _permit = permit;
            // SQLite keeps the file open that it has opened. After a replacement it would read and write a file without
            // a name.
            file.check().map_err(unusable)?;
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let was_open = taken.is_some();
            let mut connection = match taken {
                Some(connection) => connection,
                None => connect(operation, &file, pragmas)?,
            };
            let result = task(&mut connection, &file);
            // If the file was removed or replaced in the meantime, the write must not be acknowledged.
            let checked = file.check();
            if !was_open && checked.is_ok() {
                // The log exists by now.
                file.note_log();
            }
            match (&checked, was_open) {
                // A connection opened in the meantime may refer to the new file.
                (Err(_), false) => leave_open(connection),
                (Ok(()), _) if is_spoiled(&result) || is_in_transaction(&mut connection) => drop(connection),
                _ => idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection),
            }
            checked.map_err(unusable)?;
            result
        }))
    }
}

impl Drop for SubPool {
    fn drop(&mut self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        if !idle.is_empty() && self.file.check().is_err() {
            idle.into_iter().for_each(leave_open);
        }
    }
}

/// Leaves a connection open until the process ends. Closing the last connection copies the log into the file and
/// removes the log, which is only right if the two belong together.
fn leave_open(connection: SqliteConnection) {
    std::mem::forget(connection);
}

/// Returns whether a connection is still in a transaction, or its transaction could not be ended. Closing the
/// connection ends it.
fn is_in_transaction(connection: &mut SqliteConnection) -> bool {
    let status = AnsiTransactionManager::transaction_manager_status_mut(connection);
    !matches!(status.transaction_depth(), Ok(None))
}

/// Creates the error for a task that was not done in time.
pub(super) fn not_done(operation: &'static str, patience: Duration) -> RepositoryError {
    unavailable(format!("the {operation} was not done within {patience:?}: the disk does not answer"))
}

fn unusable(unusable: UnusableFile) -> RepositoryError {
    unavailable(unusable)
}

/// Returns whether a connection is no longer usable: one that was opened while the file was read-only stays read-only,
/// and one that has read damaged data may keep it in its cache.
fn is_spoiled<R>(result: &Result<R, RepositoryError>) -> bool {
    matches!(result, Err(RepositoryError::ReadOnly { .. } | RepositoryError::Damaged(_)))
}

fn connect(
    operation: &'static str,
    file: &DatabaseFile,
    pragmas: &[&str],
) -> Result<SqliteConnection, RepositoryError> {
    let failed = |error| connect_error(operation, error, file);
    let uri = file.uri().map_err(unusable)?;
    let mut connection = SqliteConnection::establish(&uri).map_err(failed)?;
    for pragma in pragmas {
        execute_patiently(&mut connection, pragma)
            .map_err(|error| failed(ConnectionError::CouldntSetupConfiguration(error)))?;
    }
    Ok(connection)
}

/// Repeats a statement that SQLite refuses because another connection is about to do the same. Two connections that
/// switch a new file to a write-ahead log at the same time would deadlock, so one of them gets "locked" without waiting
/// for `busy_timeout`.
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;

    /// Lists that begin as soon as they may, and run until they are released.
    struct HeldLists {
        begun: UnboundedReceiver<()>,
        end: Sender<()>,
        listing: Vec<JoinHandle<Result<bool, RepositoryError>>>,
    }

    impl HeldLists {
        fn begin(pool: &Arc<SqlitePool>, number: usize) -> Self {
            let (end, ended) = channel::<()>();
            // All lists share the receiver, so each message ends one of them.
            let ended = Arc::new(Mutex::new(ended));
            let (started, begun) = tokio::sync::mpsc::unbounded_channel();
            let start = |_| {
                let (pool, started, ended) = (Arc::clone(pool), started.clone(), Arc::clone(&ended));
                let list = move |_: &mut SqliteConnection| {
                    started.send(()).unwrap();
                    Ok(ended.lock().unwrap().recv().is_ok())
                };
                tokio::spawn(async move { pool.read_list("list", list).await })
            };
            Self { listing: (0..number).map(start).collect(), begun, end }
        }

        /// Waits until one more list has begun.
        async fn begun(&mut self) {
            self.begun.recv().await.unwrap();
        }

        async fn end(self) {
            for _ in &self.listing {
                self.end.send(()).unwrap();
            }
            for list in self.listing {
                assert!(list.await.unwrap().unwrap());
            }
        }
    }

    fn pool(directory: &Path, max_connections: usize) -> Arc<SqlitePool> {
        let options = StorageOptions { max_connections, ..StorageOptions::default() };
        let pool = SqlitePool::new(&directory.join("workers.sqlite3"), Access::ReadWrite, &options).unwrap();
        pool.file().create_if_none().unwrap();
        Arc::new(pool)
    }

    async fn search(pool: &SqlitePool) {
        pool.read("search", |connection| connection.batch_execute("SELECT 1")).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_reads_no_list_waits_for_none() {
        let directory = tempfile::tempdir().unwrap();
        let pool = pool(directory.path(), 1);
        let mut lists = HeldLists::begin(&pool, 1);
        lists.begun().await;
        search(&pool).await;
        lists.end().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn lists_have_a_quarter_as_many_connections_of_their_own_and_wait_for_each_other() {
        let directory = tempfile::tempdir().unwrap();
        let pool = pool(directory.path(), 8);
        let mut lists = HeldLists::begin(&pool, 20);
        lists.begun().await;
        lists.begun().await;
        for _ in 0..50 {
            search(&pool).await;
        }
        assert!(lists.begun.try_recv().is_err(), "two lists are read, and a third one was begun");
        lists.end().await;
    }
}
