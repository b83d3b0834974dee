//! The way to the connection of a transaction, which a thread of its own has that may block.
//!
//! The thread owns the connection and the right to write. So a statement goes on to its end even if its caller has
//! gone, and when the transaction is dropped, at whatever point, the thread rolls it back before the next one may
//! write.

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
use super::pool::{Mark, SqlitePool, TASK_PATIENCE, not_done};
use crate::error::unavailable;
use crate::transaction::{BEGIN, COMMIT, End, RollbackReason};

/// The way to the thread that has the connection. When all clones are dropped, the thread rolls back.
#[derive(Clone)]
pub(super) struct Line {
    /// As many wait in it as there are callers: each waits for its answer.
    requests: mpsc::Sender<Request>,
    end: End,
}

enum Request {
    Statement(Job),
    Commit,
}

/// Does something in the transaction, and answers whether it goes on.
type Job = Box<dyn FnOnce(&mut SqliteConnection, &DatabaseFile) -> bool + Send>;

/// What becomes of a transaction, when all has been done in it.
pub(super) type Outcome = JoinHandle<Result<(), RepositoryError>>;

/// Why the transaction is not committed.
enum Stop {
    /// For the reason that was noted.
    RolledBack,
    Database(DieselError),
}

impl From<DieselError> for Stop {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl Line {
    /// Waits for the right to write, and begins.
    pub(super) async fn open(pool: &SqlitePool) -> Result<(Self, Outcome), RepositoryError> {
        let (begun, answer) = oneshot::channel();
        let (requests, inbox) = mpsc::channel();
        let (end, limit) = (End::default(), pool.transaction_timeout());
        let noted = end.clone();
        let task = move |connection: &mut SqliteConnection, file: &DatabaseFile, mark: &Mark| {
            let done = immediately(connection, |connection| {
                let _marked = mark.set();
                // One that is not waited for any more asks nothing, and so is rolled back.
                let _ = begun.send(());
                run(connection, file, &inbox, &noted, limit)
            });
            done.map_err(|stop| match stop {
                Stop::RolledBack => noted.error(),
                Stop::Database(error) => query_error(COMMIT, error, file),
            })
        };
        let outcome = pool.start_transaction(BEGIN, task).await?;
        let Ok(begun) = tokio::time::timeout(TASK_PATIENCE, answer).await else {
            return Err(not_done(BEGIN, TASK_PATIENCE));
        };
        match begun {
            Ok(()) => Ok((Self { requests, end }, outcome)),
            // It has ended before it began.
            Err(_) => Err(match outcome.await.map_err(unavailable)? {
                Err(error) => error,
                Ok(()) => end.error(),
            }),
        }
    }

    /// Does something in the transaction.
    pub(super) async fn ask<R: Send + 'static>(
        &self,
        operation: &'static str,
        task: impl FnOnce(&mut SqliteConnection) -> diesel::QueryResult<R> + Send + 'static,
    ) -> Result<R, RepositoryError> {
        let (reply, answer) = oneshot::channel();
        let end = self.end.clone();
        let job: Job = Box::new(move |connection, file| {
            let answer = task(connection).map_err(|error| query_error(operation, error, file));
            let goes_on = answer.is_ok();
            if !goes_on {
                end.note(RollbackReason::Refused);
            }
            // Its caller may have gone.
            let _ = reply.send(answer);
            goes_on
        });
        if self.requests.send(Request::Statement(job)).is_err() {
            return Err(self.end.error());
        }
        let Ok(answer) = tokio::time::timeout(TASK_PATIENCE, answer).await else {
            return Err(not_done(operation, TASK_PATIENCE));
        };
        answer.unwrap_or_else(|_| Err(self.end.error()))
    }

    /// Stores what was changed, and ends.
    pub(super) async fn commit(&self, outcome: Outcome) -> Result<(), RepositoryError> {
        if self.requests.send(Request::Commit).is_err() {
            return Err(self.end.error());
        }
        let Ok(done) = tokio::time::timeout(TASK_PATIENCE, outcome).await else {
            return Err(not_done(COMMIT, TASK_PATIENCE));
        };
        done.map_err(unavailable)?
    }
}

/// Does what is asked until the transaction is to be committed.
fn run(
    connection: &mut SqliteConnection,
    file: &DatabaseFile,
    inbox: &mpsc::Receiver<Request>,
    end: &End,
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
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Stop::RolledBack),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                end.note(RollbackReason::HeldTooLong(limit));
                return Err(Stop::RolledBack);
            }
        }
    }
}
