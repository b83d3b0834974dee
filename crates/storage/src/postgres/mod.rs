//! The store on Postgres.

mod asking;
mod channel;
mod client;
mod connect;
mod connection;
mod error;
mod line;
mod listen;
mod migrations;
mod place;
mod pool;
mod row;
mod session;
mod store;
mod tls;
mod transaction;
mod url;
mod workers;

pub(crate) use store::PgStore;
pub use url::InvalidPostgresUrlError;
pub(crate) use url::PostgresUrl;
