//! Sandboxes, behind the port's traits.
//!
//! [`LocalSandbox`] is a sandbox; [`SandboxProcesses`](processes::SandboxProcesses) is its processes, once it has any;
//! [`LocalCommand`](command::LocalCommand) is one command in it. [`EngineCore`] is what all sandboxes of an engine
//! share.

pub(crate) mod command;
mod core;
mod kept_pool;
mod local;
pub(crate) mod output;
mod parked_child;
mod prewarm;
mod prewarm_queue;
pub(crate) mod processes;
mod program;
mod resources;
mod warm_pool;
mod zygote;

pub(crate) use self::core::EngineCore;
pub(crate) use kept_pool::{KeptPool, Purpose};
pub(crate) use local::LocalSandbox;
pub(crate) use prewarm::prewarm;
pub(crate) use prewarm_queue::PrewarmQueue;
pub(crate) use warm_pool::WarmPool;
