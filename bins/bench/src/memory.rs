//! What processes take, shared pages counted by share.

use std::collections::BTreeSet;
use std::fs;

/// Proportional set size of a process and all below it, in bytes.
pub(crate) fn pss_of_tree(ancestor: u32) -> u64 {
    tree(ancestor).into_iter().map(pss).sum()
}

fn pss(process: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|value| value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

fn tree(ancestor: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([ancestor]);
    loop {
        let before = found.len();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        for process in processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()) {
            if parent(process).is_some_and(|parent| found.contains(&parent)) {
                found.insert(process);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Behind the name, which may hold anything, stand state and parent.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
