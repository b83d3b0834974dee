//! A sandbox that runs, as the launcher keeps it.

use std::os::fd::OwnedFd;

use rustix::process::Pid;

use super::children::kill_and_reap;
use crate::cgroup::{CgroupStats, Group};

/// A sandbox that runs.
pub(super) struct SandboxEntry {
    pub(super) name: String,
    pub(super) pid: Pid,
    pub(super) pidfd: OwnedFd,
    pub(super) group: Option<Group>,
    /// Its network namespace, if the launcher has made it.
    pub(super) network: Option<OwnedFd>,
    /// The files through which processes join its cgroups.
    pub(super) members: Vec<OwnedFd>,
    pub(super) memory_watch: Option<OwnedFd>,
    pub(super) out_of_memory: bool,
    /// Whether the server no longer waits for its end.
    pub(super) is_set_aside: bool,
}

impl SandboxEntry {
    /// Returns what the sandbox has used so far.
    pub(super) fn stats(&self) -> CgroupStats {
        let stats = self.group.as_ref().map(Group::stats).unwrap_or_default();
        // If the launcher killed it before the kernel did (`memory_ran_out`), the kernel has counted no kill.
        CgroupStats { out_of_memory: stats.out_of_memory || self.out_of_memory, ..stats }
    }

    /// Kills a sandbox that was just made, and removes its group.
    pub(super) fn kill_and_remove(&self) {
        // Waits a moment at most: its first process runs already, and other sandboxes wait for the launcher.
        kill_and_reap(self.pid);
        // Nothing can be done about a failure here: the first error is reported.
        let _ = self.group.as_ref().map(Group::remove);
    }
}
