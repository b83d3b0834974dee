//! Sandboxes as the port sees them.
//!
//! [`LocalSandbox`] is one; [`Running`](running::Running) is its processes, once there are any; [`LocalCommand`](command::LocalCommand) one of them.

mod command;
mod local;
mod program;
mod ready;
mod running;
mod seat;

pub(crate) use local::LocalSandbox;
pub(crate) use ready::ReadySandboxes;
