//! What the kernel tells of processes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::AddAssign;
use std::path::PathBuf;

/// Memory in bytes: shared pages counted by share, and what is nobody else's.
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

/// What these processes take.
pub(crate) fn memory(processes: impl IntoIterator<Item = u32>) -> Memory {
    let mut sum = Memory::default();
    for process in processes {
        // One that has ended takes nothing.
        sum += rollup(&fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default());
    }
    sum
}

fn rollup(text: &str) -> Memory {
    let figure = |name| field(text, name).unwrap_or(0) * 1024;
    Memory { pss: figure("Pss:"), private: figure("Private_Clean:") + figure("Private_Dirty:") }
}

/// The number behind a name at the start of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
}

/// The processes below a process.
pub(crate) fn below(ancestor: u32) -> BTreeSet<u32> {
    let parents: BTreeMap<u32, u32> = all().filter_map(|process| Some((process, parent(process)?))).collect();
    let mut found = BTreeSet::from([ancestor]);
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

/// The processes that a process has started itself.
pub(crate) fn children(ancestor: u32) -> BTreeSet<u32> {
    below(ancestor).into_iter().filter(|process| parent(*process) == Some(ancestor)).collect()
}

/// The children of a process, each with all below it.
pub(crate) fn families(ancestor: u32) -> Vec<BTreeSet<u32>> {
    children(ancestor).into_iter().map(|child| below(child).into_iter().chain([child]).collect()).collect()
}

/// Those of the processes below a process that are in another process namespace, by namespace. Who would look into a
/// namespace must be allowed to trace its processes.
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

/// The name of a namespace that a process is in.
pub(crate) fn namespace(process: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{process}/ns/{kind}")).ok()
}

/// Every process of the machine.
pub(crate) fn all() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything, stand state and parent.
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
