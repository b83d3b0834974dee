//! Worker repositories on Postgres and SQLite: all of our SQL.
//!
//! Start with [`DatabaseUrl`] (which database), [`Database::connect`] (how to reach it) and
//! [`Database::worker_repository`] (what the use cases get). [`Database::apply_migrations`] brings the schema up to date.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use workers_storage::{Database, DatabaseUrl, StorageOptions};
//!
//! let url: DatabaseUrl = "sqlite:///var/lib/workers/workers.sqlite3".parse()?;
//! let database = Database::connect(&url, &StorageOptions::default()).await?;
//! let applied = database.apply_migrations().await?;
//! let newest = database.worker_repository().list_page(None, std::num::NonZeroU32::MIN).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Both backends pass one conformance suite, which is in `workers-testing`. Rows are private types; what leaves this crate
//! is a domain type or an error.
//!
//! Left out on purpose: the rules of a worker's life (`workers-domain`), and any state of a session. Each query to Postgres
//! is one unnamed statement in one round trip, so it makes no difference whether a pooler such as PgBouncer sits in between,
//! in whatever mode.

mod database;
mod error;
mod migration;
mod postgres;
mod record;
mod sqlite;
mod url;

pub use database::{ConnectionLimits, Database, StorageOptions};
pub use error::{BackupError, ConnectError};
pub use postgres::InvalidPostgresUrlError;
pub use url::{DatabaseUrl, InvalidDatabaseUrlError};
