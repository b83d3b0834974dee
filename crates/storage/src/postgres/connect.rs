//! Opens single connections.

use std::time::Duration;

use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls, Socket};
use tracing::debug;

use super::channel::RustlsConnector;
use super::client::PgClient;
use crate::error::chain;

/// How long opening a connection may take, including TLS and log-in. A hosted database that is suspended takes a few
/// seconds to resume.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The message with which PgBouncer refuses a connection. Unlike Postgres it uses no specific error code.
const TOO_MANY_FOR_PGBOUNCER: &str = "no more connections allowed";

/// The reason why a connection could not be opened.
pub(super) enum ConnectFailure {
    /// The server's connection limit is reached.
    TooMany(String),
    /// Any other reason.
    Other(String),
}

/// Opens a connection. It ends when its client is dropped or the server closes it.
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
        // A statement that needs the connection reports the loss, and the pool replaces an idle connection at its next
        // use.
        if let Err(error) = connection.await {
            debug!(error = %chain(&error), "a connection to Postgres ended");
        }
    });
    Ok(client)
}

fn failure(error: &tokio_postgres::Error) -> ConnectFailure {
    let message = chain(error);
    let is_too_many = error.as_db_error().is_some_and(|response| {
        *response.code() == SqlState::TOO_MANY_CONNECTIONS || response.message().contains(TOO_MANY_FOR_PGBOUNCER)
    });
    if is_too_many { ConnectFailure::TooMany(message) } else { ConnectFailure::Other(message) }
}
