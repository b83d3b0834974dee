//! Sandboxes, behind the port's traits.
//!
//! [`LocalSandbox`] is a sandbox; [`Running`](running::Running) is its processes, once it has any;
//! [`LocalCommand`](command::LocalCommand) is one command in it. [`Core`] is what all sandboxes of an engine share.

mod ahead;
pub(crate) mod command;
mod core;
mod expectations;
mod local;
pub(crate) mod output;
mod own;
mod parked_child;
mod program;
mod ready;
pub(crate) mod running;

pub(crate) use self::core::Core;
pub(crate) use ahead::expect;
pub(crate) use expectations::Expectations;
pub(crate) use local::LocalSandbox;
pub(crate) use ready::ReadySandboxes;
