//! Makes one connection.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tracing::debug;

use super::channel::RustlsConnector;
use super::client::PgClient;
use crate::error::chain;

/// How long the making of one connection may take, TLS and log-in included. A hosted database that has gone to sleep
/// takes a few seconds to wake.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What PgBouncer says, under no code of its own, where Postgres has one.
const TOO_MANY_FOR_PGBOUNCER: &str = "no more connections allowed";

/// Why there is no connection.
pub(super) enum ConnectFailure {
    /// The server has as many as it allows.
    TooMany(String),
    /// Everything else.
    Other(String),
}

/// Makes a connection, whose end its client or the server brings about.
pub(super) async fn connect(
    config: &Config,
    tls: Option<RustlsConnector>,
    generation: u64,
) -> Result<PgClient, ConnectFailure> {
    let client = match tls.clone() {
        Some(tls) => connect_with(config, tls).await,
        None => connect_with(config, NoTls).await,
    };
    client.map(|client| PgClient::new(client, tls, generation))
}

async fn connect_with<T>(config: &Config, tls: T) -> Result<tokio_postgres::Client, ConnectFailure>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let Ok(connected) = tokio::time::timeout(CONNECT_TIMEOUT, config.connect(tls)).await else {
        return Err(ConnectFailure::Other(format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())));
    };
    let (client, connection) = connected.map_err(|error| failure(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(error = %chain(&error), "a connection to Postgres ended");
        }
    });
    Ok(client)
}

fn failure(error: &tokio_postgres::Error) -> ConnectFailure {
    let message = chain(error);
    let is_too_many = error.as_db_error().is_some_and(|answer| {
        *answer.code() == SqlState::TOO_MANY_CONNECTIONS || answer.message().contains(TOO_MANY_FOR_PGBOUNCER)
    });
    if is_too_many { ConnectFailure::TooMany(message) } else { ConnectFailure::Other(message) }
}
