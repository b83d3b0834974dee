//! The store on Postgres.

mod channel;
mod client;
mod connect;
mod connection;
mod cursor;
mod error;
mod execute;
mod listen;
mod migrations;
mod pool;
mod row;
mod session;
mod store;
mod tls;
mod transaction;
mod transaction_handle;
mod url;
mod workers;

pub(crate) use store::PgStore;
pub use url::InvalidPostgresUrlError;
pub(crate) use url::PostgresUrl;
