//! Figures of the kernel about processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::AddAssign;
use std::path::PathBuf;

/// Memory in bytes. In `pss` a shared page counts in proportion to its sharers; `private` counts unshared pages only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) pss: u64,
    pub(crate) private: u64,
}

impl AddAssign for Memory {
    fn add_assign(&mut self, other: Self) {
        self.pss += other.pss;
        self.private += other.private;
    }
}

/// Returns the memory that these processes take together.
pub(crate) fn memory(processes: impl IntoIterator<Item = u32>) -> Memory {
    let mut sum = Memory::default();
    for process in processes {
        // A process that has ended takes no memory.
        sum += rollup(&fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default());
    }
    sum
}

fn rollup(text: &str) -> Memory {
    let figure = |name| field(text, name).unwrap_or(0) * 1024;
    Memory { pss: figure("Pss:"), private: figure("Private_Clean:") + figure("Private_Dirty:") }
}

/// Returns the number that follows a name at the start of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
}

/// Returns all descendants of a process.
pub(crate) fn below(ancestor: u32) -> BTreeSet<u32> {
    let parents: BTreeMap<u32, u32> = all().filter_map(|process| Some((process, parent(process)?))).collect();
    let mut found = BTreeSet::from([ancestor]);
    // Until nothing is added, because a child may have a lower number than its parent.
    loop {
        let before = found.len();
        found
            .extend(parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(id, _)| *id).collect::<Vec<_>>());
        if found.len() == before {
            found.remove(&ancestor);
            return found;
        }
    }
}

/// Returns the direct children of a process.
pub(crate) fn children(ancestor: u32) -> BTreeSet<u32> {
    below(ancestor).into_iter().filter(|process| parent(*process) == Some(ancestor)).collect()
}

/// Returns one set for each child of a process: the child and its descendants.
pub(crate) fn families(ancestor: u32) -> Vec<BTreeSet<u32>> {
    children(ancestor).into_iter().map(|child| below(child).into_iter().chain([child]).collect()).collect()
}

/// Returns the descendants of a process that are in another PID namespace, one set for each namespace. Reading a
/// process's namespaces takes the permission to trace it.
pub(crate) fn namespaces(ancestor: u32) -> Vec<BTreeSet<u32>> {
    let home = namespace(ancestor, "pid");
    let mut found: BTreeMap<PathBuf, BTreeSet<u32>> = BTreeMap::new();
    for process in below(ancestor) {
        if let Some(namespace) = namespace(process, "pid").filter(|namespace| Some(namespace) != home.as_ref()) {
            found.entry(namespace).or_default().insert(process);
        }
    }
    found.into_values().collect()
}

/// Returns the name of the namespace of this kind that a process is in.
pub(crate) fn namespace(process: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).ok()
}

/// Returns every process of the host.
pub(crate) fn all() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // State and parent follow the name, which may contain any character.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Memory, below, memory, rollup};

    #[test]
    fn private_memory_is_clean_and_dirty() {
        let text = "55 rollup\nRss: 9 kB\nPss:    5 kB\nPss_Dirty:  4 kB\nPrivate_Clean:  1 kB\nPrivate_Dirty:  2 kB\n";
        assert_eq!(rollup(text), Memory { pss: 5 * 1024, private: 3 * 1024 });
    }

    #[test]
    fn a_child_is_below_its_parent() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(below(std::process::id()).contains(&child.id()));
        assert!(memory([child.id()]).pss > 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!below(std::process::id()).contains(&child.id()));
    }
}
