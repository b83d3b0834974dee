//! The store on Postgres and SQLite: all of our SQL.
//!
//! Start with [`DatabaseUrl`] (which database), [`Database::connect`] (how to reach it) and [`Database::store`] (what
//! the use cases get). Its schema is brought up to date with
//! [`SchemaAdmin::apply_migrations`](workers_domain::ports::SchemaAdmin::apply_migrations).
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use workers_domain::access::AccessControl;
//! use workers_domain::ports::PageRequest;
//! use workers_storage::{Database, DatabaseUrl, StorageOptions};
//!
//! let url: DatabaseUrl = "sqlite:///var/lib/workers/workers.sqlite3".parse()?;
//! let database = Database::connect(&url, &StorageOptions::default()).await?;
//! let store = database.store();
//! let applied = store.schema().apply_migrations().await?;
//! // A caller's scope comes from `AccessControl::check`; this is that of the platform's own work.
//! let scope = AccessControl::default().system_scope();
//! let newest = store.workers().list_page(&scope, &PageRequest::first(std::num::NonZeroU32::MIN)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Both backends pass one conformance suite, which is in `workers-testing`. Rows are private types; what leaves this crate
//! is a domain type or an error.
//!
//! A table has one definition for both databases (`schema.rs`), its rows one type for each use, with one way to the
//! domain type and back (`worker_row.rs`), and its columns types that either database knows how to keep
//! (`sql_types.rs`). So a column is added in these, in the domain type, and in a migration for each database. The two
//! backends ask their queries of a *session*, which is a pool or a transaction.
//!
//! Left out on purpose: the rules of a worker's life (`workers-domain`), and any state of a session. Each query to
//! Postgres is one unnamed statement in one round trip, and what a transaction sets ends with it. So it makes no
//! difference whether a pooler such as PgBouncer sits in between, whether it lends connections by the session or by the
//! transaction.

mod cell;
mod database;
mod error;
mod migration;
mod pages;
mod postgres;
mod queries;
mod schema;
mod sql_types;
mod sqlite;
mod stored_id;
mod transaction;
mod url;
mod worker_row;

pub use database::{ConnectionLimits, Database, StorageOptions};
pub use error::{BackupError, ConnectError};
pub use postgres::InvalidPostgresUrlError;
pub use url::{DatabaseUrl, InvalidDatabaseUrlError};
