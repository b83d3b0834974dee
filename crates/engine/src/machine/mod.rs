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
//! Machines have a launcher of their own, which makes nothing else: their users may become others, which the launcher
//! of other sandboxes rules out for all that it makes. The files of all machines have owners from one range of user ids
//! on disk; each machine that runs has a range of its own, and its layers are shown to it as if they belonged there.

use std::ffi::CStr;

use crate::server::ids::Ranges;

mod base;
mod command;
mod files;
mod freeze;
mod images;
mod local;
mod provider;

pub use provider::{MachineEngine, MachineOptions};

/// The ordinary user and its home, as the hosted service's images have them, so that what was written for those runs
/// here.
pub(crate) const USER: &str = "ubuntu";
pub(crate) const HOME: &str = "/vercel";

/// Where our own node appears: ahead of the system's on `PATH`.
pub(crate) const NODE: &str = "usr/local/bin/node";

/// The attribute by which a directory of a layer hides those below it.
const OPAQUE: &CStr = c"user.overlay.opaque";

/// How many user ids a machine has, its root's the first.
pub(crate) const IDS: u32 = 0x1_0000;

/// The first of the ids that machines' files have on disk, behind those of other sandboxes and of their files.
pub(crate) const FIRST_ID: u32 = 0x7200_0000;

/// The first host user id of machines that run: each has [`IDS`] of its own.
const FIRST_OF_RUNNING: u32 = 0x8000_0000;

/// How many machines a launcher has ids for.
pub(crate) const MOST_MACHINES: u32 = 0x100;

/// How many launchers of an engine have ids of their own. They take turns, so that a new one does not use those of
/// processes that an earlier one has left behind.
pub(crate) const LAUNCHERS: u32 = 4;

/// The ranges of ids of engines on this host. The last of all ids is none.
pub(crate) const ID_RANGES: Ranges = Ranges { kind: "machines", count: 0x1F };

/// The first host user id of the machines of an engine with this range.
fn first_of_engine(range: u32) -> u32 {
    FIRST_OF_RUNNING + range * LAUNCHERS * MOST_MACHINES * IDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_machines_overlap_with_no_others_and_are_all_ids() {
        let last = |first: u32| {
            first.checked_add(LAUNCHERS * MOST_MACHINES * IDS - 1).filter(|last| *last != u32::MAX).unwrap()
        };
        let ranges: Vec<_> =
            (0..ID_RANGES.count).map(|number| (first_of_engine(number), last(first_of_engine(number)))).collect();
        assert!(ranges.is_sorted_by(|one, next| one.1 < next.0));
        assert!(FIRST_ID + IDS <= ranges[0].0 && ranges.iter().all(|(first, _)| first % IDS == 0));
    }
}
