//! A session runs queries: on the pool, which lends a connection for each statement, or on a transaction, which has its
//! own.

use std::sync::Arc;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel_async::{AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::SemaphorePermit;
use tracing::Instrument;
use workers_domain::ports::RepositoryError;

use super::client::Statement;
use super::error::{needs_another_session, wrap_in_diesel};
use super::execute::{StatementFn, execute_within};
use super::pool::PgPool;
use super::row::PgRow;
use super::transaction_handle::TransactionHandle;
use crate::error::unavailable;

/// A pool or a transaction, as a connection for Diesel. Cheap to clone.
#[derive(Clone)]
pub(super) struct PgSession {
    source: Source,
}

/// Where the connection for a statement comes from.
#[derive(Clone)]
enum Source {
    /// From the pool. Each statement is its own transaction.
    Pool(PgPool),
    /// From a transaction.
    Transaction(TransactionHandle),
}

impl PgSession {
    /// Creates a session in which each statement is its own transaction.
    pub(super) fn new(pool: &PgPool) -> Self {
        Self { source: Source::Pool(pool.clone()) }
    }

    /// Creates a session whose statements belong to this transaction.
    pub(super) fn within(transaction: TransactionHandle) -> Self {
        Self { source: Source::Transaction(transaction) }
    }

    /// Waits for permission to read a list, which lasts until the permit is dropped. A transaction needs none, because
    /// it already has its connection.
    pub(super) async fn list_permit(&self) -> Result<Option<SemaphorePermit<'_>>, RepositoryError> {
        match &self.source {
            Source::Pool(pool) => pool.list_permit().await.map(Some),
            Source::Transaction(_) => Ok(None),
        }
    }

    async fn execute<R: Send + 'static>(&self, statement: Statement, execute: StatementFn<R>) -> QueryResult<R> {
        match &self.source {
            Source::Pool(pool) => Self::execute_alone(pool, statement, execute).await,
            Source::Transaction(handle) => handle.execute(statement, execute).await,
        }
    }

    /// Runs one statement on a connection. Tries once more on another connection if the error was specific to the
    /// session; the first attempt has changed nothing then.
    async fn execute_alone<R: Send + 'static>(
        pool: &PgPool,
        statement: Statement,
        execute: StatementFn<R>,
    ) -> QueryResult<R> {
        let statement = Arc::new(statement);
        match Self::execute_once(pool, &statement, execute).await {
            (Err(error), generation) if needs_another_session(&error) && pool.renew(generation) => {
                Self::execute_once(pool, &statement, execute).await.0
            }
            (result, _) => result,
        }
    }

    /// Runs one statement. It runs to its end or its time limit even if the caller has gone: if we closed the
    /// connection instead, the server would keep working, for example for as long as a table is locked.
    async fn execute_once<R: Send + 'static>(
        pool: &PgPool,
        statement: &Arc<Statement>,
        execute: StatementFn<R>,
    ) -> (QueryResult<R>, u64) {
        let pooled = match pool.acquire().await {
            Ok(pooled) => pooled,
            // There was no connection, so there is no generation to renew. The number is not used after this error.
            Err(error) => return (Err(wrap_in_diesel(error)), 0),
        };
        let (statement, limit) = (Arc::clone(statement), pool.statement_timeout());
        let executed = pool.runtime().spawn(
            async move {
                match pooled.connection() {
                    Some(connection) => {
                        (execute_within(connection, &statement, execute, limit).await, connection.generation())
                    }
                    None => (Err(wrap_in_diesel(unavailable("there is no connection"))), 0),
                }
            }
            .in_current_span(),
        );
        executed.await.unwrap_or_else(|error| (Err(wrap_in_diesel(unavailable(error))), 0))
    }
}

impl SimpleAsyncConnection for PgSession {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        let statement = Statement::plain(query);
        self.execute(statement, |connection, statement| connection.count(statement).boxed()).await.map(drop)
    }
}

impl AsyncConnectionCore for PgSession {
    type ExecuteFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<usize>>;
    type LoadFuture<'conn, 'query> = BoxFuture<'conn, QueryResult<Self::Stream<'conn, 'query>>>;
    type Stream<'conn, 'query> = BoxStream<'static, QueryResult<PgRow>>;
    type Row<'conn, 'query> = PgRow;
    type Backend = Pg;

    fn load<'conn, 'query, T>(&'conn mut self, source: T) -> Self::LoadFuture<'conn, 'query>
    where
        T: AsQuery + 'query,
        T::Query: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = Statement::of(&source.as_query());
        async move {
            let statement = statement?;
            let rows = self.execute(statement, |connection, statement| connection.rows(statement).boxed()).await?;
            Ok(stream::iter(rows.into_iter().map(Ok)).boxed())
        }
        .boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = Statement::of(&source);
        async move {
            let statement = statement?;
            self.execute(statement, |connection, statement| connection.count(statement).boxed()).await
        }
        .boxed()
    }
}

/// Converts the error of a failed query to an error of the port.
pub(super) fn map_error<R>(operation: &'static str, result: QueryResult<R>) -> Result<R, RepositoryError> {
    result.map_err(|error| super::error::repository_error(operation, error))
}
