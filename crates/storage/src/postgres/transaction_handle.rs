//! A handle to the connection of a transaction, which is owned by a separate task.
//!
//! Because the task owns the connection, a statement runs to its end even if its caller has gone. When the transaction
//! is dropped, at any point, the task rolls it back before the connection is used again.

use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::{Instrument, debug};

use super::client::{PgClient, Statement};
use super::error::{is_conflict, needs_another_session, took_too_long, wrap_in_diesel};
use super::execute::{StatementFn, execute_within};
use super::pool::{PgPool, PooledConnection};
use crate::error::{chain, unavailable};
use crate::transaction::{RollbackCell, RollbackReason, rolled_back};

/// How long the server may take for a rollback. After that we close the connection, which has the same effect.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(1);

/// A handle to the task that owns the connection. When all clones are dropped, the task rolls back.
#[derive(Clone)]
pub(super) struct TransactionHandle {
    pool: PgPool,
    requests: mpsc::Sender<Request>,
    end: RollbackCell,
}

enum Request {
    Statement(Job),
    Commit(oneshot::Sender<QueryResult<()>>),
}

/// Runs a statement, which must end before the given instant, and returns whether the transaction continues.
type Job = Box<dyn for<'a> FnOnce(&'a PgClient, Instant) -> BoxFuture<'a, bool> + Send>;

impl TransactionHandle {
    /// Takes a connection from the pool and begins a transaction. Tries once more on another connection if the error
    /// was specific to the session.
    pub(super) async fn open(pool: &PgPool) -> QueryResult<Self> {
        match Self::open_once(pool).await {
            Err((error, generation)) if needs_another_session(&error) && pool.renew(generation) => {
                Self::open_once(pool).await.map_err(|(error, _)| error)
            }
            opened => opened.map_err(|(error, _)| error),
        }
    }

    /// Makes one attempt. An error is returned together with the generation of the connection.
    async fn open_once(pool: &PgPool) -> Result<Self, (DieselError, u64)> {
        let pooled = pool.acquire().await.map_err(|error| (wrap_in_diesel(error), 0))?;
        let (begun, result) = oneshot::channel();
        // A connection runs one statement at a time, so further requests wait with their callers.
        let (requests, inbox) = mpsc::channel(1);
        let end = RollbackCell::default();
        pool.runtime().spawn(run(pooled, pool.clone(), inbox, end.clone(), begun).in_current_span());
        // Without a result, the task was dropped together with its runtime.
        result.await.unwrap_or_else(|_| Err((wrap_in_diesel(end.error()), 0)))?;
        Ok(Self { pool: pool.clone(), requests, end })
    }

    /// Runs a statement.
    pub(super) async fn execute<R: Send + 'static>(
        &self,
        statement: Statement,
        execute: StatementFn<R>,
    ) -> QueryResult<R> {
        let (reply, result) = oneshot::channel();
        let (pool, end) = (self.pool.clone(), self.end.clone());
        let job: Job = Box::new(move |connection, deadline| {
            let job = async move {
                // No statement may outlast the transaction, because others wait for the rows that it has locked.
                let limit = pool.statement_timeout().min(deadline.saturating_duration_since(Instant::now()));
                let executed = execute_within(connection, &statement, execute, limit).await;
                let result = executed.map_err(|error| {
                    if needs_another_session(&error) {
                        // This transaction cannot continue on another connection, but the next one can use a new one.
                        pool.renew(connection.generation());
                    }
                    // At the deadline the error is that of our own cancellation, which would not say why.
                    if Instant::now() >= deadline {
                        end.record(RollbackReason::HeldTooLong(pool.transaction_timeout()));
                        return wrap_in_diesel(end.error());
                    }
                    // Postgres accepts no further statement in a transaction in which one has failed.
                    end.record(RollbackReason::Refused);
                    if is_conflict(&error) { wrap_in_diesel(rolled_back(error)) } else { error }
                });
                let continues = result.is_ok();
                // The caller may have gone.
                let _ = reply.send(result);
                continues
            };
            job.boxed()
        });
        self.request(Request::Statement(job), result).await
    }

    /// Commits the transaction and ends it.
    pub(super) async fn commit(&self) -> QueryResult<()> {
        let (reply, result) = oneshot::channel();
        self.request(Request::Commit(reply), result).await
    }

    async fn request<R>(&self, request: Request, result: oneshot::Receiver<QueryResult<R>>) -> QueryResult<R> {
        if self.requests.send(request).await.is_err() {
            return Err(wrap_in_diesel(self.end.error()));
        }
        result.await.unwrap_or_else(|_| Err(wrap_in_diesel(self.end.error())))
    }
}

/// Begins a transaction and handles its requests until its end. The connection returns to the pool only if the
/// transaction has certainly ended on it.
async fn run(
    pooled: PooledConnection,
    pool: PgPool,
    mut inbox: mpsc::Receiver<Request>,
    end: RollbackCell,
    begun: oneshot::Sender<Result<(), (DieselError, u64)>>,
) {
    let Some(connection) = pooled.connection() else {
        let _ = begun.send(Err((wrap_in_diesel(unavailable("there is no connection")), 0)));
        return;
    };
    let limit = pool.statement_timeout();
    let opened = match timeout(limit, connection.begin(pool.transaction_timeout())).await {
        Ok(opened) => opened,
        Err(_) => Err(took_too_long(limit)),
    };
    let is_begun = opened.is_ok();
    // If the caller has gone, there will be no requests, so the transaction is rolled back below.
    let _ = begun.send(opened.map_err(|error| (error, connection.generation())));
    if !is_begun {
        return;
    }
    let deadline = Instant::now() + pool.transaction_timeout();
    loop {
        match timeout_at(deadline, inbox.recv()).await {
            Ok(Some(Request::Statement(job))) => {
                if !job(connection, deadline).await {
                    break;
                }
            }
            Ok(Some(Request::Commit(reply))) => {
                // Whether a commit without an answer took effect is unknown. Its connection stays marked as busy, so
                // the pool drops it.
                let done = timeout(limit, connection.end("COMMIT")).await;
                // The caller may have gone; the commit stands all the same.
                let _ = reply.send(done.unwrap_or_else(|_| Err(took_too_long(limit))));
                return;
            }
            // No caller is left that could read a reason.
            Ok(None) => break,
            Err(_) => {
                end.record(RollbackReason::HeldTooLong(pool.transaction_timeout()));
                break;
            }
        }
    }
    match timeout(ROLLBACK_LIMIT, connection.end("ROLLBACK")).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(error = %chain(&error), "failed to roll back; the connection is given up"),
        Err(_) => debug!("the server does not roll back in time; the connection is given up"),
    }
}
