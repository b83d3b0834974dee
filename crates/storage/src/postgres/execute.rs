//! Runs one statement on a connection, with a time limit.

use std::time::Duration;

use diesel::QueryResult;
use futures_util::future::BoxFuture;

use super::client::{PgClient, Statement};
use super::error::took_too_long;

/// How long the server may take to receive the cancellation of a statement and respond to it.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// A function that runs a statement on a connection.
pub(super) type StatementFn<R> = for<'a> fn(&'a PgClient, &'a Statement) -> BoxFuture<'a, QueryResult<R>>;

/// Runs a statement with a time limit. If it takes longer, it is cancelled, and its connection is kept until the server
/// has acknowledged that: PgBouncer 1.18 crashes if a client disconnects while its query is being cancelled.
pub(super) async fn execute_within<R>(
    connection: &PgClient,
    statement: &Statement,
    execute: StatementFn<R>,
    limit: Duration,
) -> QueryResult<R> {
    let mut running = execute(connection, statement);
    if let Ok(result) = tokio::time::timeout(limit, &mut running).await {
        return result;
    }
    let cancelled = tokio::time::timeout(CANCEL_GRACE, async { tokio::join!(connection.cancel(), running).1 }).await;
    match cancelled {
        // The statement finished at the last moment.
        Ok(Ok(result)) => Ok(result),
        // An error is that of our own cancellation, and says nothing about the limit.
        Ok(Err(_)) | Err(_) => Err(took_too_long(limit)),
    }
}
