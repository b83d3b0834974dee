//! The connections to Postgres.

use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{self, Object};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, PoolError, RecyclingMethod};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tracing::{Instrument, debug};
use workers_domain::ports::RepositoryError;

use super::channel::RustlsConnector;
use super::connection::UnnamedPgConnection;
use super::url::PostgresUrl;
use super::{error::repository_error, tls};
use crate::database::StorageOptions;
use crate::error::{ConnectError, chain, unavailable};

/// How long the making of one connection may take, TLS and log-in included. A hosted database that has gone to sleep takes
/// a few seconds to wake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a query may take. The slowest of ours stores 10 MiB of source over a slow line.
const QUERY_TIMEOUT: Duration = Duration::from_mins(1);

/// Hands out connections, at most a fixed number at a time. One that was lost is replaced when it is next asked for, so the
/// pool recovers by itself from a restart of the database.
pub(super) struct PgPool {
    inner: deadpool::Pool<UnnamedPgConnection>,
    acquire_timeout: Duration,
}

impl PgPool {
    pub(super) fn new(url: &PostgresUrl, options: &StorageOptions) -> Result<Self, ConnectError> {
        let config = url.config.clone();
        let tls = tls::connector(url)?;
        // The threads of a web server have runtimes of their own, which come and go; connections outlive them.
        let runtime = Handle::current();
        let mut manager_config = ManagerConfig::default();
        manager_config.custom_setup = Box::new(move |_| {
            let connecting = connect(config.clone(), tls.clone());
            let connecting = runtime.spawn(connecting.in_current_span());
            connecting.map(|result| result.unwrap_or_else(|panic| Err(bad_connection(&panic)))).boxed()
        });
        // A lost connection shows as closed, so there is no need to ask the server before each query.
        manager_config.recycling_method = RecyclingMethod::Fast;
        let manager = AsyncDieselConnectionManager::new_with_config("", manager_config);
        let inner = deadpool::Pool::builder(manager)
            .max_size(options.max_connections.max(1))
            .build()
            .map_err(|error| ConnectError::Pool(error.into()))?;
        Ok(Self { inner, acquire_timeout: options.acquire_timeout })
    }

    /// A connection for a while.
    pub(super) async fn acquire(&self) -> Result<Object<UnnamedPgConnection>, RepositoryError> {
        match tokio::time::timeout(self.acquire_timeout, self.inner.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(deadpool::PoolError::Backend(PoolError::ConnectionError(error)))) => Err(unavailable(error)),
            Ok(Err(error)) => Err(unavailable(error)),
            Err(_) => Err(unavailable(format!("no connection became free within {:?}", self.acquire_timeout))),
        }
    }
}

/// Awaits a query within its time. One that takes longer is abandoned, and its connection dropped.
pub(super) async fn bounded<R>(
    operation: &'static str,
    query: impl Future<Output = diesel::QueryResult<R>> + Send,
) -> Result<R, RepositoryError> {
    match tokio::time::timeout(QUERY_TIMEOUT, query).await {
        Ok(result) => result.map_err(|error| repository_error(operation, error)),
        Err(_) => Err(unavailable(format!("the {operation} got no answer within {} s", QUERY_TIMEOUT.as_secs()))),
    }
}

async fn connect(config: Config, tls: Option<RustlsConnector>) -> diesel::ConnectionResult<UnnamedPgConnection> {
    match tls {
        Some(tls) => connect_with(&config, tls).await,
        None => connect_with(&config, NoTls).await,
    }
}

async fn connect_with<T>(config: &Config, tls: T) -> diesel::ConnectionResult<UnnamedPgConnection>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let Ok(connected) = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(tls)).await else {
        return Err(ConnectionError::BadConnection(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())));
    };
    let (client, connection) = connected.map_err(|error| bad_connection(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(error = %chain(&error), "a connection to Postgres ended");
        }
    });
    Ok(UnnamedPgConnection::new(client))
}

fn bad_connection(error: &dyn std::error::Error) -> ConnectionError {
    ConnectionError::BadConnection(chain(error))
}
