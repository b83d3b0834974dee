//! Sets the user whom the kernel takes for the creator of a sandbox's user namespace.
//!
//! Some resources are counted per user: queued signals, watches of files, namespaces. The kernel charges what a sandbox
//! uses of them to the users of its namespace, and then to the user who created that namespace. If that is the host's
//! root, all sandboxes and the host share one count. So the launcher creates each namespace under the sandbox's own id
//! on the host.

use std::io;

use rustix::fs::{Gid, Uid};
use rustix::process::{getegid, geteuid, getgid, getuid};
use rustix::thread::{CapabilitySets, capabilities, set_capabilities, set_thread_res_gid, set_thread_res_uid};
use workers_engine_sys::{Cloned, exit_now, set_file_ids};

/// Clones this process while it has another effective user and group. The process keeps its capabilities and its rights
/// over files meanwhile, and so does the child until it takes its ids. The parent has its own ids again afterwards.
///
/// # Errors
///
/// When the ids cannot be taken, or the clone fails.
pub(super) fn clone_as(creator: Option<u32>, clone: impl FnOnce() -> io::Result<Cloned>) -> io::Result<Cloned> {
    let Some(creator) = creator else { return clone() };
    let own = Ids::of_this_process();
    let cloned = own.lend_to(creator).and_then(|()| clone());
    // Also after a failure, because one of the two ids may have been taken.
    if !matches!(cloned, Ok(Cloned::Child)) && own.restore().is_err() {
        // A launcher without its own ids can neither make nor kill sandboxes. Its sandboxes end with it, and the server
        // starts another launcher.
        exit_now(1);
    }
    cloned
}

struct Ids {
    user: [Uid; 2],
    group: [Gid; 2],
}

impl Ids {
    fn of_this_process() -> Self {
        Self { user: [getuid(), geteuid()], group: [getgid(), getegid()] }
    }

    fn lend_to(&self, creator: u32) -> io::Result<()> {
        let ([user, effective], [group, effective_group]) = (self.user, self.group);
        // The group first: with the effective user the process loses the effective capability to take a foreign group.
        // The saved ids stay its own, so that it may go back to them.
        set_thread_res_gid(group, Gid::from_raw(creator), effective_group)?;
        set_thread_res_uid(user, Uid::from_raw(creator), effective)?;
        // Only the launcher's own user may walk to the data directory, and the child opens the parts of its root there.
        set_file_ids(effective.as_raw(), effective_group.as_raw())?;
        // The kernel drops the effective capabilities together with the effective id. Some systems require a capability
        // to make a user namespace.
        let sets = capabilities(None)?;
        Ok(set_capabilities(None, CapabilitySets { effective: sets.permitted, ..sets })?)
    }

    fn restore(&self) -> io::Result<()> {
        let ([user, effective], [group, effective_group]) = (self.user, self.group);
        set_thread_res_uid(user, effective, effective)?;
        Ok(set_thread_res_gid(group, effective_group, effective_group)?)
    }
}
