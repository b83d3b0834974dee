//! Figures of the kernel about the whole host.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::proc::{all, field, namespace};

/// Returns the bytes of kernel memory that cannot be reclaimed.
pub(crate) fn kernel_memory() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kinds = ["SUnreclaim:", "PageTables:", "KernelStack:", "Percpu:"];
    kinds.into_iter().filter_map(|kind| field(&text, kind)).sum::<u64>() * 1024
}

/// Returns the bytes of kernel slab that cannot be reclaimed. First drops reclaimable caches, if permitted: some
/// unreclaimable objects belong to them, for example the nodes of control files that were opened once belong to inodes.
pub(crate) fn slab() -> u64 {
    // `2` drops directory entries and inodes, and no page cache. Without root the write fails, and the figure includes
    // what belongs to them.
    let _ = fs::write("/proc/sys/vm/drop_caches", "2");
    field(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "SUnreclaim:").unwrap_or(0) * 1024
}

/// Counts the network namespaces that have a process in them.
pub(crate) fn networks() -> u64 {
    let networks: BTreeSet<_> = all().filter_map(|process| namespace(process, "net")).collect();
    number(networks.len())
}

/// Counts the network namespaces that the kernel holds, including those that it is still cleaning up.
pub(crate) fn networks_held() -> u64 {
    field(&fs::read_to_string("/proc/slabinfo").unwrap_or_default(), "net_namespace ").unwrap_or(0)
}

/// Counts the directories of control groups.
pub(crate) fn cgroups() -> u64 {
    count(Path::new("/sys/fs/cgroup"), true)
}

/// Counts the control groups that the kernel holds, including dying ones.
pub(crate) fn cgroups_held() -> u64 {
    let text = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    // The columns are name, hierarchy, number of groups, and whether the controller is enabled.
    rows.filter_map(|row| row.split_whitespace().nth(2)?.parse::<u64>().ok()).sum()
}

/// Counts the lines of a process's mount table.
pub(crate) fn mounts(process: u32) -> u64 {
    number(fs::read_to_string(format!("/proc/{process}/mountinfo")).unwrap_or_default().lines().count())
}

/// Counts the open descriptors of a process.
pub(crate) fn descriptors(process: u32) -> u64 {
    number(fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().count())
}

/// Counts the files and directories below a directory.
pub(crate) fn files(directory: &Path) -> u64 {
    count(directory, false)
}

/// Returns the bytes of disk that the content of a directory takes.
pub(crate) fn disk(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| {
        let Ok(metadata) = entry.metadata() else { return 0 };
        // `st_blocks` has units of 512 bytes, whatever the block size of the file system is.
        let own = metadata.blocks() * 512;
        if metadata.is_dir() { own + disk(&entry.path()) } else { own }
    });
    sizes.sum()
}

fn count(directory: &Path, only_directories: bool) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let counts = entries.map(|entry| {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let below = if is_directory { count(&entry.path(), only_directories) } else { 0 };
        below + u64::from(is_directory || !only_directories)
    });
    counts.sum()
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{disk, files};

    #[test]
    fn what_is_below_a_directory_is_counted_at_every_depth() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("inner")).unwrap();
        std::fs::write(directory.path().join("inner/file"), [0; 5000]).unwrap();
        assert_eq!(files(directory.path()), 2);
        assert!(disk(directory.path()) >= 5000);
    }
}
