//! Machines: sandboxes with a whole system in them.
//!
//! ```text
//! base/                        the root's lowest layer: /etc and the like, made anew at every start
//! places/                      the layer of /usr below that of snapshots: what is mounted on
//! stage/                       where each machine mounts its own files, unseen by all others
//! images/<snapshot id>/root/   what a snapshot changed of the root, and
//! images/<snapshot id>/usr/    of /usr, as layers of overlays
//! images/<snapshot id>/image.json
//! ```
//!
//! Machines have a launcher of their own, which makes nothing else: their users may become others, which the launcher of other sandboxes
//! rules out for all that it makes. All machines are mapped to one range of user ids, so that the files of snapshots have owners; what keeps
//! them apart are their namespaces.

use std::ffi::CStr;

mod base;
mod command;
mod files;
mod freeze;
mod images;
mod local;
mod provider;

pub use provider::{MachineEngine, MachineOptions};

/// The ordinary user and its home, as the hosted service's images have them, so that what was written for those runs here.
pub(crate) const USER: &str = "ubuntu";
pub(crate) const HOME: &str = "/vercel";

/// Where our own node appears: ahead of the system's on `PATH`.
pub(crate) const NODE: &str = "usr/local/bin/node";

/// The attribute by which a directory of a layer hides those below it.
const OPAQUE: &CStr = c"user.overlay.opaque";

/// The first host user id of machines, behind those of other sandboxes and of their files.
pub(crate) const FIRST_ID: u32 = 0x7200_0000;
