//! Workers on Postgres.

mod channel;
mod connection;
mod error;
mod migrations;
mod pool;
mod repository;
mod row;
mod rows;
mod schema;
mod tls;
mod url;

pub(crate) use repository::PgWorkerRepository;
pub use url::InvalidPostgresUrlError;
pub(crate) use url::PostgresUrl;
