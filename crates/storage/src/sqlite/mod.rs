//! Workers on SQLite.

mod backup;
mod checkpoint;
mod error;
mod file;
mod migrations;
mod pair;
mod place;
mod pool;
mod repository;
mod reserve;
mod room;
mod rows;
mod schema;
mod verify;

pub(crate) use file::Access;
pub(crate) use repository::SqliteWorkerRepository;
