//! The repositories against real databases.

#![expect(clippy::unwrap_used, reason = "what the tests share fails by a panic, as the tests do")]

mod migrations;
mod pgbouncer;
mod postgres;
mod recovery;
mod sqlite;
mod support;
mod tls;
