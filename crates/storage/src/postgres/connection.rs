//! A connection type for Diesel's migrations, which run several statements in a transaction.

use diesel::connection::{CacheSize, Instrumentation, InstrumentationEvent};
use diesel::pg::Pg;
use diesel::query_builder::{AsQuery, QueryFragment, QueryId};
use diesel::{ConnectionError, ConnectionResult, QueryResult};
use diesel_async::{AnsiTransactionManager, AsyncConnection, AsyncConnectionCore, SimpleAsyncConnection};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt, StreamExt};

use super::client::{PgClient, Statement};
use super::row::PgRow;

/// A connection that tracks its transaction state.
pub(super) struct UnnamedPgConnection {
    client: PgClient,
    transaction: AnsiTransactionManager,
    instrumentation: Box<dyn Instrumentation>,
}

/// Instrumentation that does nothing. Diesel requires one.
struct NoInstrumentation;

impl UnnamedPgConnection {
    pub(super) fn new(client: PgClient) -> Self {
        Self { client, transaction: AnsiTransactionManager::default(), instrumentation: Box::new(NoInstrumentation) }
    }
}

impl SimpleAsyncConnection for UnnamedPgConnection {
    async fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.client.batch(query).await
    }
}

impl AsyncConnectionCore for UnnamedPgConnection {
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
        let client = &self.client;
        async move {
            let rows = client.rows(&statement?).await?;
            Ok(stream::iter(rows.into_iter().map(Ok)).boxed())
        }
        .boxed()
    }

    fn execute_returning_count<'conn, 'query, T>(&'conn mut self, source: T) -> Self::ExecuteFuture<'conn, 'query>
    where
        T: QueryFragment<Pg> + QueryId + 'query,
    {
        let statement = Statement::of(&source);
        let client = &self.client;
        async move { client.count(&statement?).await }.boxed()
    }
}

impl AsyncConnection for UnnamedPgConnection {
    type TransactionManager = AnsiTransactionManager;

    async fn establish(_database_url: &str) -> ConnectionResult<Self> {
        Err(ConnectionError::BadConnection("a connection is made by the pool, which knows about TLS".to_owned()))
    }

    fn transaction_state(&mut self) -> &mut AnsiTransactionManager {
        &mut self.transaction
    }

    fn instrumentation(&mut self) -> &mut dyn Instrumentation {
        &mut *self.instrumentation
    }

    fn set_instrumentation(&mut self, instrumentation: impl Instrumentation) {
        self.instrumentation = Box::new(instrumentation);
    }

    fn set_prepared_statement_cache_size(&mut self, _size: CacheSize) {}
}

impl Instrumentation for NoInstrumentation {
    fn on_connection_event(&mut self, _event: InstrumentationEvent<'_>) {}
}
