//! Version 2: one hierarchy.

use std::io;
use std::path::Path;

use super::files::{keyed_number, lacked_processes, number, write};
use super::limits::{GroupLimits, Share};
use super::stats::CgroupStats;

/// Sets the limits of a group.
pub(super) fn set_limits(group: &Path, limits: GroupLimits) -> io::Result<()> {
    write(&group.join("memory.max"), &limits.memory_bytes.to_string())?;
    // A kernel without swap accounting lacks the file.
    let swap = group.join("memory.swap.max");
    if swap.exists() {
        write(&swap, "0")?;
    }
    // A part of a sandbox is of no use: when the kernel kills one of its processes for lack of memory, it kills all.
    write(&group.join("memory.oom.group"), if limits.dies_as_one { "1" } else { "0" })?;
    write(&group.join("pids.max"), &limits.processes.to_string())
}

/// Changes a group's share of the processors. A new group has 100.
pub(super) fn take_share(group: &Path, share: Share) -> io::Result<()> {
    write(&group.join("cpu.weight"), &share.of(100).to_string())
}

/// Returns whether a group's own memory limit was reached.
pub(super) fn has_reached_memory(group: &Path) -> bool {
    // Kernels before 5.2 have no events of the group alone. Our groups have no groups below them, so the hierarchical
    // events are their own.
    let local = group.join("memory.events.local");
    let events = if local.exists() { local } else { group.join("memory.events") };
    keyed_number(&events, "oom").is_some_and(|times| times > 0)
}

/// Returns what a group's processes have used.
pub(super) fn stats(group: &Path) -> CgroupStats {
    let is_killed = keyed_number(&group.join("memory.events"), "oom_kill").is_some_and(|kills| kills > 0);
    let is_own = is_killed && has_reached_memory(group);
    CgroupStats {
        cpu_micros: keyed_number(&group.join("cpu.stat"), "usage_usec"),
        // Kernels before 5.19 do not record the peak.
        max_memory_bytes: number(&group.join("memory.peak")),
        out_of_memory: is_own,
        starved: (is_killed && !is_own) || lacked_processes(group),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        for (name, content) in files {
            fs::write(tree.path().join(name), content).unwrap();
        }
        tree
    }

    #[test]
    fn limits_are_written_and_swap_is_off() {
        let files = ["memory.max", "memory.swap.max", "memory.oom.group", "pids.max"].map(|name| (name, ""));
        let tree = tree(&files);
        set_limits(tree.path(), GroupLimits { memory_bytes: 1 << 20, processes: 7, dies_as_one: true }).unwrap();
        let read = |name| fs::read_to_string(tree.path().join(name)).unwrap();
        assert_eq!(
            [read("memory.max"), read("memory.swap.max"), read("memory.oom.group"), read("pids.max")],
            ["1048576", "0", "1", "7"]
        );
    }

    #[test]
    fn a_group_without_the_memory_controller_names_the_missing_file() {
        let tree = tree(&[("pids.max", "")]);
        let error =
            set_limits(tree.path(), GroupLimits { memory_bytes: 1, processes: 1, dies_as_one: true }).unwrap_err();
        assert!(error.to_string().contains("memory.max"), "{error}");
    }

    #[test]
    fn figures_come_from_the_kernels_files() {
        let tree = tree(&[
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\n"),
            ("memory.peak", "4096\n"),
            ("memory.events", "low 0\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n"),
        ]);
        let expected =
            CgroupStats { cpu_micros: Some(1500), max_memory_bytes: Some(4096), out_of_memory: true, starved: false };
        assert_eq!(stats(tree.path()), expected);
    }

    #[test]
    fn a_kill_for_memory_that_a_group_above_lacked_is_not_the_groups_own() {
        let events = ("memory.events", "oom 1\noom_kill 1\n");
        let tree = tree(&[events, ("memory.events.local", "oom 0\noom_kill 1\n")]);
        let found = stats(tree.path());
        assert!(found.starved && !found.out_of_memory, "{found:?}");
    }

    #[test]
    fn a_group_lacked_processes_when_it_was_refused_some_below_its_own_limit() {
        for (peak, expected) in [("5\n", true), ("100\n", false)] {
            let tree = tree(&[("pids.events", "max 3\n"), ("pids.peak", peak), ("pids.max", "100\n")]);
            assert_eq!(stats(tree.path()).starved, expected);
        }
        let tree = tree(&[("pids.events", "max 0\n"), ("pids.peak", "5\n"), ("pids.max", "100\n")]);
        assert!(!stats(tree.path()).starved);
    }
}
