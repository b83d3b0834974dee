//! Control groups, versions 1 and 2: limits on memory and processes, and shares of the processors.
//!
//! A [`CgroupPlan`] lists the directories below which the groups of sandboxes are made: with version 1 one directory
//! per controller, with version 2 one for all. [`discover`] makes the plan; this module makes, reads and removes
//! groups, and does not depend on the server.

pub(crate) mod discover;
mod files;
mod limits;
mod stats;
mod v1;
mod v2;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use files::{at, make_directory};
pub(crate) use limits::{GroupLimits, Share};
pub(crate) use stats::CgroupStats;

/// The directories in which the groups of sandboxes are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CgroupPlan {
    /// One hierarchy per controller.
    V1 {
        /// The directory in which memory is limited.
        memory: PathBuf,
        /// The directory in which processes are limited.
        pids: PathBuf,
        /// The directory in which processor time is counted, if the host has that controller.
        cpuacct: Option<PathBuf>,
        /// The directory in which shares of the processors are set, if the host has that controller and we may use it.
        /// Often it is the same as `cpuacct`. If not, a group is made there only for a sandbox whose share is to be
        /// small, because joining another group takes time for each sandbox.
        cpu: Option<PathBuf>,
    },
    /// One hierarchy.
    V2 {
        /// The directory for everything.
        base: PathBuf,
    },
}

/// The group of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    plan: CgroupPlan,
}

impl CgroupPlan {
    /// Returns every directory in which each sandbox has a group from its start to its end.
    pub(crate) fn bases(&self) -> Vec<&Path> {
        match self {
            Self::V1 { memory, pids, cpuacct, .. } => {
                let mut bases: Vec<&Path> = vec![memory, pids];
                bases.extend(cpuacct.as_deref());
                bases.dedup();
                bases
            }
            Self::V2 { base } => vec![base],
        }
    }

    /// Returns the directory in which some sandboxes get a group later, only for processor time.
    pub(crate) fn later_base(&self) -> Option<&Path> {
        match self {
            Self::V1 { cpu, .. } => cpu.as_deref().filter(|cpu| !self.bases().contains(cpu)),
            Self::V2 { .. } => None,
        }
    }

    /// Returns the same plan one level down.
    pub(crate) fn below(&self, name: &str) -> Self {
        match self {
            Self::V1 { memory, pids, cpuacct, cpu } => Self::V1 {
                memory: memory.join(name),
                pids: pids.join(name),
                cpuacct: cpuacct.as_ref().map(|base| base.join(name)),
                cpu: cpu.as_ref().map(|base| base.join(name)),
            },
            Self::V2 { base } => Self::V2 { base: base.join(name) },
        }
    }

    /// Returns whether the kernel counts the memory of a group's sockets. In version 2 that is part of the group's
    /// memory.
    pub(crate) fn counts_sockets(&self) -> bool {
        match self {
            Self::V1 { memory, .. } => v1::counts_sockets(memory),
            Self::V2 { .. } => true,
        }
    }

    /// Returns the group with this name, whether it exists or not.
    pub(crate) fn group(&self, name: &str) -> Group {
        Group { plan: self.below(name) }
    }
}

impl Group {
    /// Makes the group, with its limits.
    ///
    /// # Errors
    ///
    /// When a directory or a limit cannot be made; then nothing of the group is left.
    pub(crate) fn make(&self, limits: GroupLimits) -> io::Result<()> {
        let made = self.make_directories().and_then(|()| match &self.plan {
            CgroupPlan::V1 { memory, pids, .. } => v1::set_limits(memory, pids, limits),
            CgroupPlan::V2 { base } => v2::set_limits(base, limits),
        });
        made.inspect_err(|_| {
            // We report the first error, not that of cleaning up.
            let _ = self.remove();
        })
    }

    fn make_directories(&self) -> io::Result<()> {
        self.plan.bases().into_iter().try_for_each(make_directory)
    }

    /// Opens the files through which a process joins. The process's id is written to them, or `0` by the process
    /// itself.
    ///
    /// # Errors
    ///
    /// When one cannot be opened.
    pub(crate) fn members(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |directory: &Path| {
            let file = directory.join("cgroup.procs");
            fs::OpenOptions::new().write(true).open(&file).map(OwnedFd::from).map_err(|error| at(&file, error))
        };
        self.plan.bases().into_iter().map(open).collect()
    }

    /// Returns a descriptor that becomes readable when memory runs out. With version 2 there is none, because there the
    /// kernel kills the whole group.
    pub(crate) fn watch_memory(&self) -> Option<OwnedFd> {
        match &self.plan {
            // Without a watch the kernel still kills a process of the group, and `stats` reports that.
            CgroupPlan::V1 { memory, .. } => v1::watch(memory).ok(),
            CgroupPlan::V2 { .. } => None,
        }
    }

    /// Returns what its processes have used.
    pub(crate) fn stats(&self) -> CgroupStats {
        match &self.plan {
            CgroupPlan::V1 { memory, pids, cpuacct, .. } => v1::stats(memory, pids, cpuacct.as_deref()),
            CgroupPlan::V2 { base } => v2::stats(base),
        }
    }

    /// Makes the peak of memory begin again with what is used now. Where the kernel cannot do that, the old one stays.
    pub(crate) fn forget_peak(&self) {
        match &self.plan {
            CgroupPlan::V1 { memory, .. } => v1::forget_peak(memory),
            // With version 2 the kernel counts from now on only for a descriptor, not for the file.
            CgroupPlan::V2 { .. } => {}
        }
    }

    /// Changes its share of the processors, where the host has shares per group. Processes that are being made
    /// meanwhile may keep their current share.
    ///
    /// # Errors
    ///
    /// When the kernel refuses. It is no error when the group no longer exists or has no shares.
    pub(crate) fn take_share(&self, share: Share) -> io::Result<()> {
        let taken = match &self.plan {
            CgroupPlan::V1 { cpu: Some(cpu), pids, .. } if self.plan.later_base().is_some() => {
                v1::join_with_share(cpu, pids, share)
            }
            CgroupPlan::V1 { cpu: Some(cpu), .. } => v1::take_share(cpu, share),
            CgroupPlan::V1 { cpu: None, .. } => Ok(()),
            CgroupPlan::V2 { base } => v2::take_share(base, share),
        };
        taken.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    /// Returns whether its own memory limit was reached. With version 1, the kernel sends the event to all groups below
    /// one that is full.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        match &self.plan {
            CgroupPlan::V1 { memory, .. } => v1::has_reached_memory(memory),
            CgroupPlan::V2 { base } => v2::has_reached_memory(base),
        }
    }

    /// Kills all processes that the kernel lists in it.
    pub(crate) fn kill(&self) {
        for pid in self.processes() {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Returns the processes in it.
    pub(crate) fn processes(&self) -> HashSet<Pid> {
        // In all directories, because a process joins one after the other; the set removes those that are in several.
        let listed = self.plan.bases().into_iter().map(|directory| fs::read_to_string(directory.join("cgroup.procs")));
        let listed: Vec<_> = listed.filter_map(Result::ok).collect();
        listed.iter().flat_map(|text| text.lines()).filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
    }

    /// Removes it. Having nothing to remove is fine.
    ///
    /// # Errors
    ///
    /// When a process is still in it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        // The order matters: see `v1::join_with_share`.
        let directories = self.plan.bases().into_iter().chain(self.plan.later_base());
        directories.into_iter().try_for_each(|directory| match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory, error)),
            _ => Ok(()),
        })
    }
}
