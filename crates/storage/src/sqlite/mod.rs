//! The store on SQLite.

mod backup;
mod checkpoint;
mod companions;
mod error;
mod file;
mod immediate;
mod line;
mod migrations;
mod pair;
mod place;
mod pool;
mod reserve;
mod room;
mod session;
mod store;
mod transaction;
mod verify;
mod workers;

pub(crate) use file::Access;
pub(crate) use store::SqliteStore;
