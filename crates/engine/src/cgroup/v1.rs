//! Version 1: one hierarchy per controller.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;

use rustix::io::Errno;
use workers_engine_sys::notify_on_memory_exhaustion;

use super::files::{at, keyed_number, lacked_processes, make_directory, number, write};
use super::limits::{GroupLimits, Share};
use super::stats::CgroupStats;

/// The limit of the kernel's memory for sockets. The kernel counts it separately from other memory, and only where it
/// is limited.
const SOCKETS: &str = "memory.kmem.tcp.limit_in_bytes";

/// The least memory for the sockets of a sandbox, in bytes.
const LEAST_FOR_SOCKETS: u64 = 8 << 20;

/// A sandbox's sockets get at most 1/4 of its memory, and at most 1/8 of the memory for the sockets of all sandboxes.
const PART_OF_MEMORY: u64 = 4;
const PART_OF_ALL: u64 = 8;

/// Returns whether the memory of sockets can be limited.
pub(super) fn counts_sockets(memory: &Path) -> bool {
    memory.join(SOCKETS).exists()
}

/// Limits the memory for the sockets of all groups below one together, so that as much is left for the host. This also
/// keeps the kernel's counting enabled: otherwise it would be switched on and off with each sandbox, which takes time.
pub(super) fn limit_all_sockets(memory: &Path) -> io::Result<()> {
    write_if_there(&memory.join(SOCKETS), most_for_sockets())
}

/// Returns half of the host's limit of memory for TCP or UDP sockets, whichever is less, in bytes.
fn most_for_sockets() -> u64 {
    static MOST: OnceLock<u64> = OnceLock::new();
    *MOST.get_or_init(read_most_for_sockets)
}

fn read_most_for_sockets() -> u64 {
    let most = |name: &str| {
        // Of the three numbers in the file, the last one is the limit.
        let pages: u64 = fs::read_to_string(name).ok()?.split_whitespace().last()?.parse().ok()?;
        pages.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
    };
    let most = ["/proc/sys/net/ipv4/tcp_mem", "/proc/sys/net/ipv4/udp_mem"].into_iter().filter_map(most).min();
    // If neither file can be read, each group still gets the least (`write_if_there`).
    most.unwrap_or_default() / 2
}

fn write_if_there(file: &Path, bytes: u64) -> io::Result<()> {
    match write(file, &bytes.max(LEAST_FOR_SOCKETS).to_string()) {
        // The kernel does not count it; `workersd doctor` reports that.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Sets the limits of a group.
pub(super) fn set_limits(memory: &Path, pids: &Path, limits: GroupLimits) -> io::Result<()> {
    let bytes = limits.memory_bytes.to_string();
    write_if_there(
        &memory.join(SOCKETS),
        (limits.memory_bytes / PART_OF_MEMORY).min(most_for_sockets() / PART_OF_ALL),
    )?;
    // Before the limit with swap, which the kernel does not accept below this one.
    write(&memory.join("memory.limit_in_bytes"), &bytes)?;
    // The limit of memory and swap together is the same as of memory alone, so there is no swap. A kernel without swap
    // accounting lacks the file; there we set swappiness to 0.
    let with_swap = memory.join("memory.memsw.limit_in_bytes");
    if with_swap.exists() {
        write(&with_swap, &bytes)?;
    } else {
        write(&memory.join("memory.swappiness"), "0")?;
    }
    write(&pids.join("pids.max"), &limits.processes.to_string())
}

/// Changes a group's share of the processors. A new group has 1024.
pub(super) fn take_share(cpu: &Path, share: Share) -> io::Result<()> {
    write(&cpu.join("cpu.shares"), &share.of(1024).to_string())
}

/// How often the processes of a group are listed and moved, at most. Processes that are made after that stay where they
/// are.
const MOST_PASSES: usize = 8;

/// Makes a group for processor time with a share, and moves the processes of `pids` there. The launcher removes the
/// group in `pids` before this one. So if `pids` is gone, the launcher may have missed this group, and this function
/// removes it.
pub(super) fn join_with_share(cpu: &Path, pids: &Path, share: Share) -> io::Result<()> {
    make_directory(cpu)?;
    take_share(cpu, share).and_then(|()| move_processes(pids, cpu)).inspect_err(|_| {
        // Fails if processes are in it, that is, unless the sandbox has ended. We report the first error.
        let _ = fs::remove_dir(cpu);
    })
}

/// Moves the processes of one group to another, including those that are made meanwhile.
fn move_processes(from: &Path, to: &Path) -> io::Result<()> {
    let members = |group: &Path| {
        let file = group.join("cgroup.procs");
        fs::read_to_string(&file).map_err(|error| at(&file, error))
    };
    let file = to.join("cgroup.procs");
    let joined = File::options().write(true).open(&file).map_err(|error| at(&file, error))?;
    for _ in 0..MOST_PASSES {
        let (all, moved) = (members(from)?, members(to)?);
        let moved: HashSet<&str> = moved.lines().collect();
        let mut left = all.lines().filter(|pid| !moved.contains(pid)).peekable();
        if left.peek().is_none() {
            break;
        }
        for pid in left {
            match rustix::io::write(&joined, pid.as_bytes()) {
                // It has ended.
                Ok(_) | Err(Errno::SRCH) => {}
                Err(error) => return Err(at(&file, error.into())),
            }
        }
    }
    Ok(())
}

/// Returns a descriptor that becomes readable when memory runs out.
pub(super) fn watch(memory: &Path) -> io::Result<OwnedFd> {
    let control = File::open(memory.join("memory.oom_control"))?;
    let registrar = File::options().write(true).open(memory.join("cgroup.event_control"))?;
    notify_on_memory_exhaustion(&control, &registrar)
}

/// The kernel reserves memory in pieces of up to this many bytes, so a group can run out of memory this close to its
/// limit.
const PIECE: u64 = 256 << 10;

/// Returns whether a group's own memory limit was reached. We compare the peak with the limit, because newer kernels do
/// not count how often the limit was reached.
pub(super) fn has_reached_memory(memory: &Path) -> bool {
    let peak = number(&memory.join("memory.max_usage_in_bytes"));
    let limit = number(&memory.join("memory.limit_in_bytes"));
    peak.zip(limit).is_some_and(|(peak, limit)| peak.saturating_add(PIECE) >= limit)
}

/// Makes the peak of memory begin again with what is used now.
pub(super) fn forget_peak(memory: &Path) {
    // It fails only when the group is gone.
    let _ = write(&memory.join("memory.max_usage_in_bytes"), "0");
}

/// Returns what a group's processes have used.
pub(super) fn stats(memory: &Path, pids: &Path, cpuacct: Option<&Path>) -> CgroupStats {
    let is_killed = keyed_number(&memory.join("memory.oom_control"), "oom_kill").is_some_and(|kills| kills > 0);
    let is_own = is_killed && has_reached_memory(memory);
    CgroupStats {
        cpu_micros: cpuacct.and_then(|base| number(&base.join("cpuacct.usage"))).map(|nanos| nanos / 1000),
        max_memory_bytes: number(&memory.join("memory.max_usage_in_bytes")),
        out_of_memory: is_own,
        starved: (is_killed && !is_own) || lacked_processes(pids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_part_of_its_memory_for_sockets() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max", SOCKETS] {
            fs::write(tree.path().join(name), "").unwrap();
        }
        // A quarter of this memory is less than the least for sockets.
        let limits = GroupLimits { memory_bytes: 1 << 20, processes: 7, dies_as_one: true };
        set_limits(tree.path(), tree.path(), limits).unwrap();
        assert_eq!(fs::read_to_string(tree.path().join(SOCKETS)).unwrap(), LEAST_FOR_SOCKETS.to_string());
        limit_all_sockets(tree.path()).unwrap();
        let all: u64 = fs::read_to_string(tree.path().join(SOCKETS)).unwrap().parse().unwrap();
        assert!(all >= LEAST_FOR_SOCKETS && all == most_for_sockets().max(LEAST_FOR_SOCKETS));
    }

    #[test]
    fn a_kernel_that_does_not_count_sockets_limits_the_rest() {
        let tree = tempfile::tempdir().unwrap();
        for name in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max"] {
            fs::write(tree.path().join(name), "").unwrap();
        }
        set_limits(tree.path(), tree.path(), GroupLimits { memory_bytes: 1 << 30, processes: 7, dies_as_one: true })
            .unwrap();
        assert!(!counts_sockets(tree.path()));
        assert_eq!(fs::read_to_string(tree.path().join("memory.limit_in_bytes")).unwrap(), (1 << 30).to_string());
    }
}
