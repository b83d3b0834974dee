//! Runs one statement on a connection, with a time limit.

use std::time::Duration;

use diesel::QueryResult;
use futures_util::future::BoxFuture;

use super::client::{PgClient, Statement};
use super::error::took_too_long;

/// How long the server may take to receive the cancellation of a statement and respond to it.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// A function that runs a statement on a connection.
pub(super) type Ask<R> = for<'a> fn(&'a PgClient, &'a Statement) -> BoxFuture<'a, QueryResult<R>>;

/// Runs a statement with a time limit. If it takes longer, it is cancelled, and its connection is kept until the server
/// has acknowledged that: PgBouncer 1.18 crashes if a client disconnects while its query is being cancelled.
pub(super) async fn bounded<R>(
    connection: &PgClient,
    statement: &Statement,
    ask: Ask<R>,
    limit: Duration,
) -> QueryResult<R> {
    let mut asking = ask(connection, statement);
    if let Ok(answer) = tokio::time::timeout(limit, &mut asking).await {
        return answer;
    }
    let cancelled = tokio::time::timeout(CANCEL_GRACE, async { tokio::join!(connection.cancel(), asking).1 }).await;
    match cancelled {
        // The statement finished at the last moment.
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(took_too_long(limit)),
    }
}
