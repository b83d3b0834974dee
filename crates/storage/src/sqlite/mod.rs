//! Workers on SQLite.

mod error;
mod file;
mod migrations;
mod pool;
mod repository;
mod rows;
mod schema;

pub(crate) use repository::SqliteWorkerRepository;
