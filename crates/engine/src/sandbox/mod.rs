//! Sandboxes, behind the port's traits.
//!
//! [`LocalSandbox`] is a sandbox; [`Running`](running::Running) is its processes, once it has any;
//! [`LocalCommand`](command::LocalCommand) is one command in it.

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
