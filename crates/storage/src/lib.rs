#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! Both backends pass one conformance suite, which is in `workers-testing`. Rows are private types; what leaves this
//! crate is a domain type or an error.
//!
//! A table has one definition for both databases (`schema.rs`), its rows one type for each use, with one way to the
//! domain type and back (`worker_row.rs`), and its columns types that either database knows how to keep
//! (`sql_types.rs`). So a column is added in these, in the domain type, and in a migration for each database. The two
//! backends ask their queries of a *session*, which is a pool or a transaction.

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
