//! The store on SQLite.

mod backup;
mod checkpoint;
mod companions;
mod cursor;
mod error;
mod file;
mod immediate;
mod migrations;
mod pair;
mod pool;
mod reserve;
mod session;
mod store;
mod transaction;
mod transaction_handle;
mod verify;
mod workers;
mod writable;

pub(crate) use file::Access;
pub(crate) use store::SqliteStore;
