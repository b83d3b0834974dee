//! The stores on real databases.

#![expect(clippy::unwrap_used, reason = "what the tests share fails by a panic, as the tests do")]

mod broken_rows;
mod listen;
mod lists;
mod many;
mod migrations;
mod pgbouncer;
mod postgres;
mod postgres_faults;
mod recovery;
mod sqlite;
mod sqlite_faults;
mod support;
mod tls;
mod transactions;
