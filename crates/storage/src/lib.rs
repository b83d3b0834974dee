#![doc = include_str!("../README.md")]
//!
//! ## How it is made
//!
//! Both backends pass the same conformance suite, which is in `workers-testing`. Rows are private types; what leaves
//! this crate is a domain type or an error.
//!
//! A table has one definition for both databases (`schema.rs`). Its rows have one type per use, with one conversion to
//! the domain type and back (`worker_row.rs`). Its columns have types that both databases can store (`sql_types.rs`).
//! So to add a column, change these files, the domain type, and add a migration for each database. Both backends run
//! their queries on a *session*, which is a pool or a transaction.

mod cell;
mod database;
mod error;
mod migration;
mod options;
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

pub use database::Database;
pub use error::{BackupError, ConnectError};
pub use options::{ConnectionLimits, StorageOptions};
pub use postgres::InvalidPostgresUrlError;
pub use url::{DatabaseUrl, InvalidDatabaseUrlError};
