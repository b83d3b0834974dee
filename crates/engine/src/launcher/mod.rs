//! The launcher: a single-threaded process that makes sandboxes for the server.
//!
//! It is a separate program, so that its memory, environment and descriptors hold nothing of the server's. It has a
//! single thread, so that it can fork at any time. When the server is killed, the launcher runs on for a moment to
//! clear away what the server leaves behind. Its parts, in the order in which they run:
//!
//! * [`start`]: becoming the launcher;
//! * [`probe`]: finding out what the host lets the launcher do;
//! * [`event_loop`]: the event loop; it handles [`ToLauncher`](crate::message::ToLauncher) messages and the ends of
//!   sandboxes;
//! * [`create`]: clones a sandbox's first process into a network namespace ([`networks`]) under its own id
//!   ([`creator`]), maps its ids, puts it into its cgroup, and releases it;
//! * [`enter`]: the new process isolates itself: [`limits`] limits it, [`root`] makes the mounts, with devices of its
//!   own ([`devices`]), [`privileges`] gives up privileges;
//! * [`check`]: the new process checks that its isolation is complete;
//! * [`init`]: the new process is now the init of the sandbox: it starts commands ([`command`]), writes files
//!   ([`write`]), makes sockets ([`names`]) and reaps;
//! * [`templates`]: manages the templates; [`template`] is the code that runs in them; a child of a template joins a
//!   sandbox ([`join`]) and runs a program there; the launcher is its parent ([`children`]);
//! * [`zygote`]: a child that loads a program and is forked for each run of it, in a sandbox that is kept; [`keeper`]
//!   is the part of init that compares the sandbox after each run.
//!
//! The modules below are shared by these: [`setup`] is the data that they all need, [`ids`] maps ids, [`mounts`] makes
//! mounts, [`proc_self`] reads what the kernel reports about a process, [`isolation_layer`] names the layers that a
//! test can omit.

mod check;
mod children;
mod command;
mod container;
mod create;
mod creator;
pub(crate) mod devices;
mod enter;
pub(crate) mod event_loop;
mod ids;
mod init;
pub(crate) mod isolation_layer;
mod join;
mod keeper;
mod layers;
mod limits;
mod mounts;
mod names;
mod networks;
mod node_descriptors;
mod oom_score;
mod privileges;
mod probe;
pub(crate) mod proc_self;
mod program;
mod root;
mod sandbox_entry;
mod setup;
mod start;
mod steps;
mod template;
mod template_memory;
mod templates;
mod thorough;
mod tools;
pub(crate) mod user;
mod write;
mod zygote;

pub(crate) use start::{HOOK_ARGUMENT, hook_was_called};
pub use start::{launcher_main, run_launcher_if_asked};
pub use template::TEMPLATE_CALLS;
pub(crate) use template_memory::available as available_memory;
#[cfg(feature = "fuzzing")]
pub(crate) use tools::unpack;
pub(crate) use zygote::RUN_PID;
