//! Control groups, versions 1 and 2: how much memory, how many processes, which share of the processors.
//!
//! A [`CgroupPlan`] says below which directories the groups of sandboxes are made: for version 1 one directory a
//! controller, for version 2 one for all. Finding the plan is in [`discover`]; making, reading and removing a group is
//! here and knows nothing of the server.

pub(crate) mod discover;
mod v1;
mod v2;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::fault::named;
use crate::message::Figures;

/// Where the groups of sandboxes are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CgroupPlan {
    /// A hierarchy a controller.
    V1 {
        /// Below it, memory is limited.
        memory: PathBuf,
        /// Below it, processes are counted.
        pids: PathBuf,
        /// Below it, processor time is counted, if the machine has that controller.
        cpuacct: Option<PathBuf>,
        /// Below it, processor time is shared out, if the machine has that controller and lets us. Often the same
        /// directory; where it is not, a group is made there only for a sandbox whose share is to be small, for joining
        /// costs each sandbox time.
        cpu: Option<PathBuf>,
    },
    /// One hierarchy.
    V2 {
        /// Below it, everything.
        base: PathBuf,
    },
}

/// What a group allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimits {
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Processes and threads.
    pub(crate) processes: u32,
    /// Whether all of it ends when memory runs out, and not only a process that the kernel chooses.
    pub(crate) dies_as_one: bool,
}

/// How much processor time a group gets when others want it, too, beside what a new group gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// What may become long.
    Quarter,
    /// What is long.
    Eighth,
}

impl Share {
    /// In the kernel's numbers, from that of a new group.
    const fn of(self, new: u32) -> u32 {
        match self {
            Self::Quarter => new / 4,
            Self::Eighth => new / 8,
        }
    }
}

/// The group of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    plan: CgroupPlan,
}

impl CgroupPlan {
    /// Every directory below which each sandbox has a group from its start to its end.
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

    /// The directory below which some sandboxes have a group later on, for processor time alone.
    pub(crate) fn later_base(&self) -> Option<&Path> {
        match self {
            Self::V1 { cpu, .. } => cpu.as_deref().filter(|cpu| !self.bases().contains(cpu)),
            Self::V2 { .. } => None,
        }
    }

    /// The same plan one level down.
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

    /// Whether the kernel counts what it holds for the sockets of a group. In version 2 that is memory like any other.
    pub(crate) fn counts_sockets(&self) -> bool {
        match self {
            Self::V1 { memory, .. } => v1::counts_sockets(memory),
            Self::V2 { .. } => true,
        }
    }

    /// The group of this name, made or not.
    pub(crate) fn group(&self, name: &str) -> Group {
        Group { plan: self.below(name) }
    }
}

impl Group {
    /// Makes it, with its limits.
    ///
    /// # Errors
    ///
    /// When a directory or a limit cannot be made; then nothing of it is left.
    pub(crate) fn make(&self, limits: GroupLimits) -> io::Result<()> {
        let made = self.make_directories().and_then(|()| match &self.plan {
            CgroupPlan::V1 { memory, pids, .. } => v1::set_limits(memory, pids, limits),
            CgroupPlan::V2 { base } => v2::set_limits(base, limits),
        });
        made.inspect_err(|_| {
            // The first error is the one to tell.
            let _ = self.remove();
        })
    }

    fn make_directories(&self) -> io::Result<()> {
        self.plan.bases().into_iter().try_for_each(make_directory)
    }

    /// The files through which a process joins: it is written the process's id, or `0` by the process itself.
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

    /// A descriptor that is readable when memory runs out, where that is to be watched: version 2 kills the group by
    /// itself.
    pub(crate) fn watch_memory(&self) -> Option<OwnedFd> {
        match &self.plan {
            CgroupPlan::V1 { memory, .. } => v1::watch(memory).ok(),
            CgroupPlan::V2 { .. } => None,
        }
    }

    /// What its processes have used.
    pub(crate) fn figures(&self) -> Figures {
        match &self.plan {
            CgroupPlan::V1 { memory, pids, cpuacct, .. } => v1::figures(memory, pids, cpuacct.as_deref()),
            CgroupPlan::V2 { base } => v2::figures(base),
        }
    }

    /// Changes its share of the processors, where the machine shares out processor time by group. Processes that are
    /// being made meanwhile may keep the share that they have.
    ///
    /// # Errors
    ///
    /// When the kernel refuses. A group that has gone is no error, nor is one that processors are not shared out to.
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

    /// Whether its own limit of memory was reached. A kernel of version 1 tells all groups below when one above them is
    /// full.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        match &self.plan {
            CgroupPlan::V1 { memory, .. } => v1::has_reached_memory(memory),
            CgroupPlan::V2 { base } => v2::has_reached_memory(base),
        }
    }

    /// Kills all that is in it, by the lists that the kernel keeps.
    pub(crate) fn kill(&self) {
        for pid in self.processes() {
            // It may have ended by itself meanwhile.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// The processes in it.
    pub(crate) fn processes(&self) -> HashSet<Pid> {
        let listed = self.plan.bases().into_iter().map(|directory| fs::read_to_string(directory.join("cgroup.procs")));
        let listed: Vec<_> = listed.filter_map(Result::ok).collect();
        listed.iter().flat_map(|text| text.lines()).filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect()
    }

    /// Removes it. What does not exist is no error.
    ///
    /// # Errors
    ///
    /// When a process is still in it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        // In this order: see `v1::join_with_share`.
        let directories = self.plan.bases().into_iter().chain(self.plan.later_base());
        directories.into_iter().try_for_each(|directory| match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(directory, error)),
            _ => Ok(()),
        })
    }
}

/// Makes the directory of a group, if it is not there.
fn make_directory(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(directory, error)),
        _ => Ok(()),
    }
}

/// Writes to a control file that exists.
fn write(file: &Path, value: &str) -> io::Result<()> {
    let written = fs::OpenOptions::new().write(true).open(file).and_then(|mut opened| {
        use io::Write;
        opened.write_all(value.as_bytes())
    });
    written.map_err(|error| at(file, error))
}

/// A number from a control file.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// A number after a word in a control file of words and numbers.
fn keyed_number(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Whether a group was refused processes though it never had as many as it may: one above it had none left.
fn lacked_processes(pids: &Path) -> bool {
    let is_refused = keyed_number(&pids.join("pids.events"), "max").is_some_and(|times| times > 0);
    // Older kernels do not keep the peak, and then it may have been its own limit.
    let peak = || number(&pids.join("pids.peak"));
    is_refused && peak().zip(number(&pids.join("pids.max"))).is_some_and(|(peak, limit)| peak < limit)
}

/// An error that says which file it is about.
fn at(path: &Path, error: io::Error) -> io::Error {
    named(path.display(), error)
}
