//! The ids of a sandbox's processes, and mapping them into its user namespace.

use std::fs;
use std::io;

use rustix::process::Pid;

use crate::copy::CONTENT_OWNER;
use crate::fault::named;

/// The user and group id of a sandbox's processes inside of it.
pub(super) const INNER_ID: u32 = 1000;

/// The user and group id that owns snapshots' files inside, where the owner is not the sandbox's own user.
const CONTENT_INNER_ID: u32 = 1001;

/// A range of `count` ids that is mapped into a user namespace: `inside` is the first id there, `outside` the first one
/// on the host.
#[derive(Clone, Copy)]
pub(super) struct IdRange {
    pub(super) inside: u32,
    pub(super) outside: u32,
    pub(super) count: u32,
}

impl IdRange {
    /// Maps the range, both users and groups, into the user namespace of a child.
    pub(super) fn write(self, pid: Pid) -> io::Result<()> {
        let Self { inside, outside, count } = self;
        ["uid_map", "gid_map"]
            .into_iter()
            .try_for_each(|name| write_map(pid, name, format!("{inside} {outside} {count}")))
    }
}

fn write_map(pid: Pid, name: &str, text: String) -> io::Result<()> {
    // In one write, because the kernel accepts a map only once and as a whole.
    fs::write(format!("/proc/{}/{name}", pid.as_raw_nonzero()), text)
        .map_err(|error| named(format_args!("mapping ids ({name})"), error))
}

/// Maps a user and a group into the user namespace of a child. If they are not the launcher's own, it also maps the
/// owner of snapshots' files, because an overlay can copy up only a file whose owner is mapped. No process inside can
/// become that user.
pub(super) fn map_ids(pid: Pid, (uid, gid): (u32, u32)) -> io::Result<()> {
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let write = |name: &str, text: String| write_map(pid, name, text);
    let content = if (uid, gid) == own { String::new() } else { format!("\n{CONTENT_INNER_ID} {CONTENT_OWNER} 1") };
    write("uid_map", format!("{INNER_ID} {uid} 1{content}"))?;
    if !rustix::process::geteuid().is_root() {
        // A process that may not map others' groups must first forbid changing groups.
        write("setgroups", "deny".to_owned())?;
    }
    write("gid_map", format!("{INNER_ID} {gid} 1{content}"))
}
