//! Containers: sandboxes with a whole system in them.
//!
//! ```text
//! base/                        the root's lowest layer: /etc and the like, made anew at every start
//! places/                      the layer of /usr below that of snapshots: what is mounted on
//! stage/                       where each container mounts its own files, unseen by all others
//! images/<snapshot id>/root/   what a snapshot changed of the root, and
//! images/<snapshot id>/usr/    of /usr, as layers of overlays
//! images/<snapshot id>/image.json
//! ```
//!
//! Containers have a launcher of their own, which makes nothing else: the users of a container may become other users,
//! and the launcher of other sandboxes rules that out for all its processes. On disk, the files of all containers have
//! owners from one range of user ids. Each running container has its own range, and its layers are mounted so that the
//! files appear to belong to that range.

use std::ffi::CStr;

use crate::server::ids::Ranges;

mod base;
mod command;
mod files;
mod freeze;
mod images;
mod local;
mod provider;

pub use provider::{ContainerEngine, ContainerOptions};

/// The ordinary user and its home, the same as in the hosted service's images, so that programs written for those run
/// here.
pub(crate) const USER: &str = "ubuntu";
pub(crate) const HOME: &str = "/vercel";

/// The path of our own node, ahead of the system's on `PATH`.
pub(crate) const NODE: &str = "usr/local/bin/node";

/// The attribute of a directory in a layer that hides the same directory in the layers below.
const OPAQUE: &CStr = c"user.overlay.opaque";

/// How many user ids a container has; the first one is its root's.
pub(crate) const IDS: u32 = 0x1_0000;

/// The first of the ids that own containers' files on disk. They lie above the ids of other sandboxes and of their
/// files.
pub(crate) const FIRST_ID: u32 = 0x7200_0000;

/// The first host user id of running containers; each has [`IDS`] of its own.
const FIRST_OF_RUNNING: u32 = 0x8000_0000;

/// How many containers a launcher has ids for.
pub(crate) const MOST_CONTAINERS: u32 = 0x100;

/// How many ranges of ids the launchers of an engine use in turn, so that a new launcher does not use the ids of
/// processes that an earlier one has left behind.
pub(crate) const LAUNCHERS: u32 = 4;

/// The ranges of ids of engines on this host. The highest id is left out, because it stands for "no id".
pub(crate) const ID_RANGES: Ranges = Ranges { kind: "machines", count: 0x1F };

/// Returns the first host user id of the containers of an engine with this range.
fn first_of_engine(range: u32) -> u32 {
    FIRST_OF_RUNNING + range * LAUNCHERS * MOST_CONTAINERS * IDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_containers_overlap_with_no_others_and_are_all_ids() {
        let last = |first: u32| {
            first.checked_add(LAUNCHERS * MOST_CONTAINERS * IDS - 1).filter(|last| *last != u32::MAX).unwrap()
        };
        let ranges: Vec<_> =
            (0..ID_RANGES.count).map(|number| (first_of_engine(number), last(first_of_engine(number)))).collect();
        assert!(ranges.is_sorted_by(|one, next| one.1 < next.0));
        assert!(FIRST_ID + IDS <= ranges[0].0 && ranges.iter().all(|(first, _)| first % IDS == 0));
    }
}
