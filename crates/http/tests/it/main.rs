//! The HTTP API from a client's view: a real server on a free port, on fakes of the ports.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect should panic, helpers included")]

mod api;
mod console;
mod embedded;
mod server;
mod support;
