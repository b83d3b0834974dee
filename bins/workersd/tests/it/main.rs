//! The whole server: its own process, a real database, real sandboxes, over HTTP.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod bad_input;
mod examples;
mod life_cycle;
mod live_logs;
mod network;
mod outcomes;
mod postgres;
mod recovery;
mod support;
mod under_load;
