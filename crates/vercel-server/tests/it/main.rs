//! The API as a client sees it: a real server on a free port, over fake containers without processes.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect should panic, helpers included")]

mod access;
mod admission;
mod commands;
mod create;
mod faults;
mod files;
mod hosted;
mod lists;
mod log_lines;
mod network;
mod restart;
mod sessions;
mod snapshots;
mod support;
mod usage;
mod wire;
