//! What this host has for sandboxes: its hardware, and the limits of the kernel and of our own cgroups.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};
use workers_domain::Resources;

use crate::cgroup::discover::own_groups;

/// The most descriptors of the server that one sandbox can take up, without those of its commands.
///
/// Ten are for the sandbox itself: its channel, two for its init, its working directory, two layers while it is frozen,
/// two sockets for DNS, two spare ones. Each of 64 connections that wait takes three (the sandbox's socket, the host's
/// socket and the calling process), each of 32 DNS queries one, and each of 8 DNS connections two.
pub const SANDBOX_DESCRIPTORS: u64 = 10 + 64 * 3 + 32 + 8 * 2;

/// Returns what this host has in total, including what is in use: the operator has to estimate how much other programs
/// use, and to reserve it. Reads files of the kernel, so call it on a thread that may block.
///
/// # Errors
///
/// When the kernel does not report how much memory there is.
pub fn host_capacity() -> io::Result<Resources> {
    let meminfo = fs::read_to_string("/proc/meminfo")?;
    let installed = memory_of(&meminfo).ok_or_else(|| io::Error::other("/proc/meminfo has no `MemTotal`"))?;
    let memory = own_groups("memory")?;
    let pids = own_groups("pids")?;
    let processors = std::thread::available_parallelism()?.get() as u64;
    // Processes of sandboxes count for the user who made their namespaces, which is ours.
    let of_user = getrlimit(Resource::Nproc).current;
    let open = getrlimit(Resource::Nofile).current;
    Ok(Resources {
        sandboxes: least(
            NAMESPACES.iter().map(|kind| number(Path::new(&format!("/proc/sys/user/max_{kind}_namespaces")))),
        ),
        // Version 1 writes a number of 63 bits where there is no limit.
        memory_bytes: least([Some(installed), limit(&memory, "memory.limit_in_bytes"), limit(&memory, "memory.max")]),
        // `available_parallelism` takes affinity and the quota of our group into account.
        millicores: processors * 1000,
        pids: least([
            number(Path::new("/proc/sys/kernel/pid_max")),
            number(Path::new("/proc/sys/kernel/threads-max")),
            limit(&pids, "pids.max"),
            of_user,
        ]),
        descriptors: least([open, number(Path::new("/proc/sys/fs/file-max"))]),
    })
}

/// The kinds of namespaces; a sandbox takes one of each.
const NAMESPACES: [&str; 7] = ["user", "pid", "net", "mnt", "ipc", "uts", "cgroup"];

/// Returns the lowest of the limits that exist.
fn least(limits: impl IntoIterator<Item = Option<u64>>) -> u64 {
    limits.into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// Returns the lowest limit of these groups. The word `max` means no limit.
fn limit(groups: &[PathBuf], file: &str) -> Option<u64> {
    groups.iter().filter_map(|group| number(&group.join(file))).min()
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Returns the total memory in bytes.
fn memory_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_something_of_everything() {
        let host = host_capacity().unwrap();
        let smallest =
            Resources { sandboxes: 1, memory_bytes: 64 << 20, millicores: 1000, pids: 100, descriptors: 100 };
        assert_eq!(smallest.shortage(host), None, "{host:?}");
        // 2^60 bytes or more would be the number that version 1 writes for no limit; the kernel has at most 2^22
        // process ids.
        assert!(host.memory_bytes < 1 << 60 && host.pids <= 1 << 22, "{host:?}");
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory_of("MemFree: 1 kB\nMemTotal:       24683656 kB\n"), Some(24_683_656 << 10));
        assert_eq!(memory_of("MemTotal: much\n"), None);
    }

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let tree = tempfile::tempdir().unwrap();
        let inner = tree.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        let groups = [inner.clone(), tree.path().to_owned()];
        assert_eq!(limit(&groups, "memory.max"), None);
        fs::write(tree.path().join("memory.max"), "1000\n").unwrap();
        assert_eq!(limit(&groups, "memory.max"), Some(1000));
        fs::write(inner.join("memory.max"), "500\n").unwrap();
        assert_eq!(limit(&groups, "memory.max"), Some(500));
        assert_eq!(least([Some(7), None, Some(3)]), 3);
        assert_eq!(least([None]), u64::MAX);
    }
}
