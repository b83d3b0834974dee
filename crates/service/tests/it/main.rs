//! The use cases, on fakes of every port.
#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod access;
mod background;
mod deploy;
mod invoke;
mod limits;
mod listen;
mod log_lines;
mod logs;
mod outcomes;
mod redeploy;
mod removals;
mod several_servers;
mod support;
mod unread;
mod workers;
