//! The launcher: a single-threaded process that makes sandboxes for the server.
//!
//! It is a separate program, so that its memory, environment and descriptors hold nothing of the server's. It has a
//! single thread, so that it can fork at any time. When the server is killed, the launcher runs on for a moment to
//! clear away what the server leaves behind. Its parts, in the order in which they run:
//!
//! * [`start`]: becoming the launcher;
//! * [`probe`]: finding out what the host lets the launcher do;
//! * [`serve`]: the event loop; it handles [`ToLauncher`](crate::message::ToLauncher) messages and the ends of
//!   sandboxes;
//! * [`create`]: clones a sandbox's first process into a network namespace ([`networks`]) under its own id
//!   ([`creator`]), maps its ids, puts it into its cgroup, and releases it;
//! * [`enter`]: the child walls itself in: [`limits`] limits it, [`root`] makes the mounts, with devices of its own
//!   ([`devices`]), [`confine`] gives up privileges;
//! * [`check`]: the child checks that its walls stand;
//! * [`init`]: the child is now the sandbox's first process: it starts commands ([`command`]), writes files
//!   ([`write`]), makes sockets ([`names`]) and reaps;
//! * [`templates`]: manages booted nodes; [`template`] is the code that runs in them; a copy of a template joins a
//!   sandbox ([`join`]) to run a program there, and is the launcher's child ([`forks`]).
//!
//! These share what lies below them: [`setup`] is the data that they all need, [`ids`] maps ids, [`mounts`] makes
//! mounts, [`told`] reads what the kernel reports about a process, [`wall`] names the walls.

mod check;
mod command;
mod confine;
mod create;
mod creator;
pub(crate) mod devices;
mod enter;
mod forks;
mod ids;
mod init;
mod join;
mod layers;
mod limits;
mod machine;
mod mounts;
mod names;
mod networks;
mod oom_score;
mod probe;
mod room;
mod root;
mod running;
pub(crate) mod serve;
mod setup;
mod start;
mod steps;
mod template;
mod templates;
pub(crate) mod told;
mod tools;
pub(crate) mod user;
pub(crate) mod wall;
mod write;

pub(crate) use start::{HOOK_ARGUMENT, hook_was_called};
pub use start::{launcher_main, run_launcher_if_asked};
pub use template::serve_template;
#[cfg(feature = "fuzzing")]
pub(crate) use tools::unpack;
