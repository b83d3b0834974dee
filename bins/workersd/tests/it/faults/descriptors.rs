//! Reads and sets how many descriptors a process may have.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::engine::SOON;

/// Sets the soft limit of a process's descriptors. The hard limit stays as it is.
pub(super) fn limit_descriptors(process: u32, most: u64) {
    let arguments = [format!("--pid={process}"), format!("--nofile={most}:")];
    let began = Instant::now();
    // `prlimit` is refused for the moment in which the launcher runs as another user.
    while !Command::new("prlimit").args(&arguments).stderr(Stdio::null()).status().unwrap().success() {
        assert!(began.elapsed() < SOON, "the limit of {process} cannot be changed");
    }
}

pub(super) fn descriptor_limit(process: u32) -> u64 {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

pub(super) fn open_descriptors(process: u32) -> u64 {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count().try_into().unwrap()
}
