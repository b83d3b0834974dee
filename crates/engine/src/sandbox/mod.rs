//! Sandboxes, behind the port's traits.
//!
//! [`LocalSandbox`] is a sandbox; [`Running`](running::Running) is its processes, once it has any;
//! [`LocalCommand`](command::LocalCommand) is one command in it. [`Core`] is what all sandboxes of an engine share.

pub(crate) mod command;
mod core;
mod local;
pub(crate) mod output;
mod parked_child;
mod prewarm;
mod prewarm_queue;
mod program;
mod resources;
pub(crate) mod running;
mod warm_pool;

pub(crate) use self::core::Core;
pub(crate) use local::LocalSandbox;
pub(crate) use prewarm::prewarm;
pub(crate) use prewarm_queue::PrewarmQueue;
pub(crate) use warm_pool::WarmPool;
