//! Workers on Postgres.

mod channel;
mod client;
mod connect;
mod connection;
mod error;
mod listen;
mod migrations;
mod place;
mod pool;
mod repository;
mod row;
mod rows;
mod schema;
mod session;
mod tls;
mod url;

pub(crate) use repository::PgWorkerRepository;
pub use url::InvalidPostgresUrlError;
pub(crate) use url::PostgresUrl;
