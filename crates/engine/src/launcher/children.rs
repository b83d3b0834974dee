//! The children of templates, which run programs in sandboxes. A template forks them in such a way that the launcher
//! becomes their parent, so the launcher reaps them.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal};
use workers_engine_sys::try_wait_for;

use crate::message::{CommandName, Exited};

/// The running children of all templates.
#[derive(Default)]
pub(super) struct TemplateChildren {
    entries: HashMap<u64, ChildEntry>,
    next_number: u64,
}

/// A running child.
struct ChildEntry {
    name: CommandName,
    pid: Pid,
    pidfd: OwnedFd,
    /// Whether the server has ordered it killed.
    kill_requested: bool,
}

impl TemplateChildren {
    /// Adds a child; returns its number and the pidfd that reports its end.
    pub(super) fn add(&mut self, name: CommandName, pid: Pid, pidfd: OwnedFd) -> (u64, &OwnedFd) {
        let number = self.next_number;
        self.next_number += 1;
        let entry = self.entries.entry(number).insert_entry(ChildEntry { name, pid, pidfd, kill_requested: false });
        (number, &entry.into_mut().pidfd)
    }

    /// Returns the process ids of all children.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.entries.values().map(|entry| entry.pid).collect()
    }

    /// Kills a child and its process group.
    pub(super) fn kill(&mut self, name: &CommandName) {
        if let Some(entry) = self.entries.values_mut().find(|entry| entry.name == *name) {
            entry.kill_requested = true;
            // Both calls fail when the processes have ended. A young child may not lead a process group yet, so we
            // signal it directly, too.
            let _ = rustix::process::pidfd_send_signal(&entry.pidfd, Signal::KILL);
            let _ = rustix::process::kill_process_group(entry.pid, Signal::KILL);
        }
    }

    /// Reaps a child that has ended, and kills what is left of its process group. Calls `unwatch` while the child's
    /// descriptor is still open, because the launcher's epoll watches it.
    pub(super) fn ended(
        &mut self,
        number: u64,
        unwatch: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> io::Result<Option<(CommandName, Exited)>> {
        let Some(ChildEntry { name, pid, pidfd, kill_requested }) = self.entries.remove(&number) else {
            return Ok(None);
        };
        unwatch(&pidfd)?;
        // Until the child is reaped, no other process group can get its number.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        // If a child was reaped before its template reported it, there is no exit status: then it counts as killed.
        let exited = match try_wait_for(pid) {
            Ok(Some(ended)) => Exited::new(name.command, ended, kill_requested),
            Ok(None) | Err(_) => Exited::killed(name.command, kill_requested),
        };
        Ok(Some((name, exited)))
    }
}

/// Kills all children of this process except `known`, and reaps those that have ended.
pub(super) fn kill_children_but(known: &[Pid]) {
    unknown_children(known).into_iter().for_each(kill_child);
}

/// Kills those children of this process except `known` that are in the pid namespace of `init`, and reaps those that
/// have ended. Returns whether there may have been any. Children of other sandboxes, whose template has forked them
/// but not reported them yet, go on.
pub(super) fn kill_children_in(init: Pid, known: &[Pid]) -> bool {
    let namespace = |pid: Pid| std::fs::read_link(format!("/proc/{}/ns/pid", pid.as_raw_nonzero())).ok();
    let Some(own) = namespace(init) else { return false };
    let mut found = false;
    for child in unknown_children(known) {
        // A child that has ended has no namespace any more, and may have been in this one.
        if namespace(child).is_none_or(|namespace| namespace == own) {
            kill_child(child);
            found = true;
        }
    }
    found
}

fn kill_child(pid: Pid) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    let _ = try_wait_for(pid);
}

/// Reaps the children of this process that have ended, except `known`. A process of a sandbox may have made itself the
/// launcher's child; the sandbox's init cannot end before such a child is reaped.
pub(super) fn reap_children_but(known: &[Pid]) {
    for pid in unknown_children(known) {
        // Those that still run end with their sandbox.
        let _ = try_wait_for(pid);
    }
}

fn unknown_children(known: &[Pid]) -> Vec<Pid> {
    children(rustix::process::getpid()).into_iter().filter(|pid| !known.contains(pid)).collect()
}

/// Kills a child and reaps it, if it ends within about 100 ms; otherwise a later call reaps it.
pub(super) fn kill_and_reap(pid: Pid) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    // No longer, because a launcher that waits holds up all sandboxes.
    for _ in 0..100 {
        if !matches!(try_wait_for(pid), Ok(None)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Returns the children of a single-threaded process, read from `/proc`.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    // The file is missing when the process has ended.
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}
