//! Asking a connection one statement, within the time for it.

use std::time::Duration;

use diesel::QueryResult;
use futures_util::future::BoxFuture;

use super::client::{PgClient, Statement};
use super::error::took_too_long;

/// How long a server may take to hear that it need not go on with a statement, and to say so.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// Asks a statement of a connection.
pub(super) type Ask<R> = for<'a> fn(&'a PgClient, &'a Statement) -> BoxFuture<'a, QueryResult<R>>;

/// Asks within the time for it. What takes longer is cancelled, and its connection kept until the server has heard
/// that: PgBouncer 1.18 does not survive a client that leaves while its query is being cancelled.
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
        // It was done at the last moment.
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(took_too_long(limit)),
    }
}
