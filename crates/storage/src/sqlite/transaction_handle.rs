//! A handle to the connection of a transaction, which is owned by a separate thread that may block.
//!
//! Because the thread owns the connection and the write lock, a statement runs to its end even if its caller has gone.
//! When the transaction is dropped, at any point, the thread rolls it back before the next one may write.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use diesel::SqliteConnection;
use diesel::result::Error as DieselError;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use workers_domain::ports::RepositoryError;

use super::error::query_error;
use super::file::DatabaseFile;
use super::immediate::immediately;
use super::pool::{Flag, SqlitePool, TASK_PATIENCE, not_done};
use crate::error::unavailable;
use crate::transaction::{BEGIN, COMMIT, RollbackCell, RollbackReason};

/// A handle to the thread that owns the connection. When all clones are dropped, the thread rolls back.
#[derive(Clone)]
pub(super) struct TransactionHandle {
    /// Its length is limited by the number of callers, because each waits for its response.
    requests: mpsc::Sender<Request>,
    end: RollbackCell,
}

enum Request {
    Statement(Job),
    Commit,
}

/// Does something in the transaction, and returns whether the transaction continues.
type Job = Box<dyn FnOnce(&mut SqliteConnection, &DatabaseFile) -> bool + Send>;

/// The final result of a transaction.
pub(super) type Outcome = JoinHandle<Result<(), RepositoryError>>;

/// The reason why the transaction is not committed.
enum Stop {
    /// It was rolled back; the reason is stored in [`RollbackCell`].
    RolledBack,
    Database(DieselError),
}

impl From<DieselError> for Stop {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl TransactionHandle {
    /// Waits for the write lock, and begins a transaction.
    pub(super) async fn open(pool: &SqlitePool) -> Result<(Self, Outcome), RepositoryError> {
        let (begun, result) = oneshot::channel();
        let (requests, inbox) = mpsc::channel();
        let (end, limit) = (RollbackCell::default(), pool.transaction_timeout());
        let noted = end.clone();
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile, flag: &Flag| {
            let done = immediately(connection, |connection| {
                let _guard = flag.set();
                // If the caller has gone, there will be no requests, so the transaction is rolled back.
                let _ = begun.send(());
                run(connection, file, &inbox, &noted, limit)
            });
            done.map_err(|stop| match stop {
                Stop::RolledBack => noted.error(),
                Stop::Database(error) => query_error(COMMIT, error, file),
            })
        };
        let outcome = pool.start_transaction(BEGIN, task).await?;
        // On a time-out `requests` is dropped, so a transaction that begins later is rolled back at once.
        let Ok(begun) = tokio::time::timeout(TASK_PATIENCE, result).await else {
            return Err(not_done(BEGIN, TASK_PATIENCE));
        };
        match begun {
            Ok(()) => Ok((Self { requests, end }, outcome)),
            // The task ended before the transaction began.
            Err(_) => Err(match outcome.await.map_err(unavailable)? {
                Err(error) => error,
                // Only a commit ends the task without an error, and no caller could request one yet.
                Ok(()) => end.error(),
            }),
        }
    }

    /// Does something in the transaction.
    pub(super) async fn execute<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let (reply, result) = oneshot::channel();
        let end = self.end.clone();
        let job: Job = Box::new(move |connection, file| {
            let result = task(connection).map_err(|error| query_error(operation, error, file));
            let continues = result.is_ok();
            // SQLite could go on after a failed statement and Postgres could not; both must behave alike.
            if !continues {
                end.record(RollbackReason::Refused);
            }
            // The caller may have gone.
            let _ = reply.send(result);
            continues
        });
        if self.requests.send(Request::Statement(job)).is_err() {
            return Err(self.end.error());
        }
        let Ok(result) = tokio::time::timeout(TASK_PATIENCE, result).await else {
            return Err(not_done(operation, TASK_PATIENCE));
        };
        result.unwrap_or_else(|_| Err(self.end.error()))
    }

    /// Commits the transaction and ends it.
    pub(super) async fn commit(&self, outcome: Outcome) -> Result<(), RepositoryError> {
        if self.requests.send(Request::Commit).is_err() {
            return Err(self.end.error());
        }
        // The thread goes on after a time-out, so this error leaves open whether the commit takes effect.
        let Ok(done) = tokio::time::timeout(TASK_PATIENCE, outcome).await else {
            return Err(not_done(COMMIT, TASK_PATIENCE));
        };
        done.map_err(unavailable)?
    }
}

/// Handles requests until the commit.
fn run(
    connection: &mut SqliteConnection,
    file: &DatabaseFile,
    inbox: &mpsc::Receiver<Request>,
    end: &RollbackCell,
    limit: Duration,
) -> Result<(), Stop> {
    let deadline = Instant::now() + limit;
    loop {
        match inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Request::Statement(job)) => {
                if !job(connection, file) {
                    return Err(Stop::RolledBack);
                }
            }
            Ok(Request::Commit) => return Ok(()),
            // No caller is left that could read a reason.
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Stop::RolledBack),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                end.record(RollbackReason::HeldTooLong(limit));
                return Err(Stop::RolledBack);
            }
        }
    }
}
