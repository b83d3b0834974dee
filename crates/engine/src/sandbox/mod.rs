//! Sandboxes as the port sees them.
//!
//! [`LocalSandbox`] is one; [`Running`](running::Running) is its processes, once there are any;
//! [`LocalCommand`](command::LocalCommand) one of them.

pub(crate) mod command;
mod expectations;
mod local;
pub(crate) mod output;
mod program;
mod ready;
pub(crate) mod running;
mod seat;

pub(crate) use expectations::Expectations;
pub(crate) use local::LocalSandbox;
pub(crate) use ready::ReadySandboxes;
