//! The launcher: a process of one thread that makes sandboxes for the server.
//!
//! It is a program of its own, so that its memory, environment and descriptors hold nothing of the server's; it has one
//! thread, so that it may fork whenever it likes; and it outlives the server by the moment it takes to clear away what
//! the server leaves behind when it is killed. In the order in which they run:
//!
//! * [`start`]: becoming the launcher;
//! * [`probe`]: finding out what the machine lets it do;
//! * [`serve`]: its event loop, over [`ToLauncher`](crate::message::ToLauncher) and the ends of sandboxes;
//! * [`create`]: a sandbox is cloned into a network namespace ([`networks`]) under its own id ([`creator`]), its ids
//!   are mapped, its cgroup is joined; then it is released;
//! * [`enter`]: the child walls itself in: [`limits`] bounds it, [`root`] makes the mounts, [`devices`] of its own
//!   among them, [`confine`] gives up privileges;
//! * [`check`]: it looks whether the walls stand;
//! * [`init`]: the child is the sandbox's first process: it starts commands ([`command`]), writes files ([`write`]),
//!   makes sockets ([`names`]) and reaps;
//! * [`templates`]: booted nodes; [`template`] is what runs in them; a copy of one joins a sandbox ([`join`]) to run a
//!   program there, and is the launcher's child ([`forks`]).

pub(crate) mod check;
mod command;
mod confine;
mod create;
mod creator;
pub(crate) mod devices;
mod enter;
mod forks;
mod init;
mod join;
mod layers;
mod limits;
mod machine;
mod names;
mod networks;
mod probe;
mod room;
pub(crate) mod root;
pub(crate) mod serve;
mod start;
mod template;
mod templates;
mod tools;
pub(crate) mod user;
mod write;

pub(crate) use start::{HOOK_ARGUMENT, hook_was_called};
pub use start::{launcher_main, run_launcher_if_asked};
pub use template::serve_template;
