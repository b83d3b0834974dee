//! The whole server: its own process, a real database, real sandboxes, over HTTP.

mod bad_input;
mod examples;
mod life_cycle;
mod live_logs;
mod outcomes;
mod postgres;
mod recovery;
mod support;
mod under_load;
