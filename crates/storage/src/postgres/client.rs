//! A connection to Postgres that leaves no state in the session.
//!
//! Each query is *one unnamed statement*: parse, bind and execute are sent together and end with one sync, so they are
//! one implicit transaction and one round trip. A pooler that assigns server connections per transaction (PgBouncer,
//! and so the pooled endpoints of hosted Postgres) cannot split them up. There are also no prepared statements, which
//! could be missing on another server connection or exist there already. `diesel_async::AsyncPgConnection` names and
//! caches its statements and sets the time zone of the session; that is why we have our own type.
//!
//! The cost is that the server parses and plans each query again. Measured on one machine, a search by id takes 58 µs
//! at the median; with a named statement that is kept, 36 µs; with one that is prepared each time, 100 µs, and 160 µs
//! in the transaction that would make it safe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::QueryResult;
use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{QueryBuilder, QueryFragment};
use futures_util::TryStreamExt;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type};
use tokio_postgres::{Client, NoTls};
use tracing::debug;

use super::channel::RustlsConnector;
use super::error::{diesel_error, spoils_session};
use super::row::PgRow;
use crate::error::chain;

/// A connection whose queries are unnamed statements.
pub(super) struct PgClient {
    client: Client,
    tls: Option<RustlsConnector>,
    /// Set while a response is outstanding. It stays set if the query's future is dropped; the pool then drops the
    /// connection, because the query may still be running, or the network may be down.
    busy: AtomicBool,
    /// Set after an error that shows that the session is no longer usable.
    spoiled: AtomicBool,
    /// Set from the beginning to the end of a transaction. Until then no other caller may use the connection.
    in_transaction: AtomicBool,
    /// The pool generation of the connection.
    generation: u64,
}

/// SQL with its parameters, in the form that Postgres expects.
pub(super) struct Statement {
    sql: String,
    parameters: Vec<(Parameter, Type)>,
}

/// A parameter that Diesel has serialized.
#[derive(Debug)]
struct Parameter(Option<Vec<u8>>);

/// A type lookup that finds nothing, because we have no custom types.
struct BuiltInTypesOnly;

impl PgClient {
    pub(super) fn new(client: Client, tls: Option<RustlsConnector>, generation: u64) -> Self {
        let [busy, spoiled, in_transaction] = [(); 3].map(|()| AtomicBool::new(false));
        Self { client, tls, busy, spoiled, in_transaction, generation }
    }

    /// Returns the pool generation of the connection.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns whether the connection can be lent to a caller.
    pub(super) fn is_usable(&self) -> bool {
        let is_free =
            // Relaxed is enough, because a connection passes from one user to the next through the pool's lock or a
            // channel.
            [&self.busy, &self.spoiled, &self.in_transaction].iter().all(|flag| !flag.load(Ordering::Relaxed));
        is_free && !self.client.is_closed()
    }

    /// Asks the server to cancel the current statement. The connection is not used again, because the cancellation may
    /// reach the server when it already runs the next statement.
    pub(super) async fn cancel(&self) {
        self.spoiled.store(true, Ordering::Relaxed);
        let token = self.client.cancel_token();
        let cancelled = match self.tls.clone() {
            Some(tls) => token.cancel_query(tls).await,
            None => token.cancel_query(NoTls).await,
        };
        // Not an error of the caller, whose statement has taken too long in any case.
        if let Err(error) = cancelled {
            debug!(error = %chain(&error), "failed to cancel a statement");
        }
    }

    /// Returns all rows of a statement at once. With a stream, a reader that stops would leave the connection busy.
    pub(super) async fn rows(&self, statement: &Statement) -> QueryResult<Vec<PgRow>> {
        let running = async {
            // The types are sent along, so that the driver does not prepare the statement to ask the server for them.
            let parameters = statement.parameters.iter().map(|(value, of_type)| (value, of_type.clone()));
            let response = self.client.query_typed_raw(&statement.sql, parameters).await?;
            response.map_ok(PgRow).try_collect().await
        };
        self.track(running).await
    }

    /// Returns the number of rows that a statement has changed.
    pub(super) async fn count(&self, statement: &Statement) -> QueryResult<usize> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> = statement
            .parameters
            .iter()
            .map(|(parameter, of_type)| (parameter as &(dyn ToSql + Sync), of_type.clone()))
            .collect();
        let count = self.track(self.client.execute_typed(&statement.sql, &parameters)).await?;
        usize::try_from(count).map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))
    }

    /// Runs several statements without parameters.
    pub(super) async fn batch(&self, sql: &str) -> QueryResult<()> {
        self.track(self.client.batch_execute(sql)).await
    }

    /// Begins a transaction. If this program or the network fails, the server ends the transaction after waiting
    /// `patience` for the next statement. The setting ends with the transaction.
    pub(super) async fn begin(&self, patience: Duration) -> QueryResult<()> {
        self.in_transaction.store(true, Ordering::Relaxed);
        // The setting is an `int4` of milliseconds, and Postgres takes 0 as no limit.
        let patience = patience.as_millis().clamp(1, i32::MAX as u128);
        self.batch(&format!("BEGIN; SET LOCAL idle_in_transaction_session_timeout = {patience}")).await
    }

    /// Ends a transaction with `COMMIT` or `ROLLBACK`.
    pub(super) async fn end(&self, word: &'static str) -> QueryResult<()> {
        // After a failure the transaction may still be open. The flag then stays, and the connection is not used again.
        self.batch(word).await?;
        self.in_transaction.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Runs `query`, marks the connection as busy until it ends, and records whether its error makes the session
    /// unusable.
    async fn track<R>(&self, query: impl Future<Output = Result<R, tokio_postgres::Error>>) -> QueryResult<R> {
        self.busy.store(true, Ordering::Relaxed);
        let result = query.await;
        self.busy.store(false, Ordering::Relaxed);
        result.map_err(|error| {
            if spoils_session(&error) {
                self.spoiled.store(true, Ordering::Relaxed);
            }
            diesel_error(&error)
        })
    }
}

impl Statement {
    /// Creates a statement without parameters.
    pub(super) fn plain(sql: &str) -> Self {
        Self { sql: sql.to_owned(), parameters: Vec::new() }
    }

    pub(super) fn of(query: &impl QueryFragment<Pg>) -> QueryResult<Self> {
        let mut builder = PgQueryBuilder::default();
        query.to_sql(&mut builder, &Pg)?;
        let mut collector = RawBytesBindCollector::<Pg>::new();
        query.collect_binds(&mut collector, &mut BuiltInTypesOnly, &Pg)?;
        let parameters = collector
            .binds
            .into_iter()
            .zip(&collector.metadata)
            .map(|(bytes, metadata)| {
                let oid = metadata.oid().map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
                let of_type = Type::from_oid(oid).ok_or_else(|| {
                    diesel::result::Error::SerializationError(format!("type {oid} is not built into Postgres").into())
                })?;
                Ok((Parameter(bytes), of_type))
            })
            .collect::<QueryResult<_>>()?;
        Ok(Self { sql: builder.finish(), parameters })
    }
}

impl ToSql for Parameter {
    fn to_sql(&self, _type: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match &self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    // Diesel has already serialized the value for this type.
    fn accepts(_type: &Type) -> bool {
        true
    }

    tokio_postgres::types::to_sql_checked!();
}

impl PgMetadataLookup for BuiltInTypesOnly {
    fn lookup_type(&mut self, _type_name: &str, _schema: Option<&str>) -> PgTypeMetadata {
        // No type has this number, so `Statement::of` will refuse it.
        PgTypeMetadata::from_result(Ok((0, 0)))
    }
}
