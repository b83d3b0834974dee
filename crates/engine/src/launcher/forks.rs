//! Copies of booted nodes that run programs in sandboxes. They are the launcher's children, although a template forks
//! them.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal};
use workers_engine_sys::try_wait_for;

use crate::message::{CommandName, Exited};

/// All copies that run.
#[derive(Default)]
pub(super) struct Forks {
    running: HashMap<u64, Running>,
    next_number: u64,
}

struct Running {
    name: CommandName,
    pid: Pid,
    pidfd: OwnedFd,
    asked: bool,
}

impl Forks {
    /// Adds a copy; returns its number and the pidfd that reports its end.
    pub(super) fn add(&mut self, name: CommandName, pid: Pid, pidfd: OwnedFd) -> (u64, &OwnedFd) {
        let number = self.next_number;
        self.next_number += 1;
        let running = self.running.entry(number).insert_entry(Running { name, pid, pidfd, asked: false });
        (number, &running.into_mut().pidfd)
    }

    /// Returns the process ids of all copies.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.running.values().map(|running| running.pid).collect()
    }

    /// Kills a copy and its process group.
    pub(super) fn kill(&mut self, name: &CommandName) {
        if let Some(running) = self.running.values_mut().find(|running| running.name == *name) {
            running.asked = true;
            // Both calls fail when the processes have ended. A young copy may not lead a process group yet, so we
            // signal it directly, too.
            let _ = rustix::process::pidfd_send_signal(&running.pidfd, Signal::KILL);
            let _ = rustix::process::kill_process_group(running.pid, Signal::KILL);
        }
    }

    /// Reaps a copy that has ended, and kills what is left of its process group. Calls `unwatch` while the copy's
    /// descriptor is still open, because the launcher's epoll watches it.
    pub(super) fn ended(
        &mut self,
        number: u64,
        unwatch: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> io::Result<Option<(CommandName, Exited)>> {
        let Some(Running { name, pid, pidfd, asked }) = self.running.remove(&number) else { return Ok(None) };
        unwatch(&pidfd)?;
        // Until the copy is reaped, no other process group can get its number.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        // If a copy was reaped before its template reported it, there is no exit status: then it counts as killed.
        let exited = match try_wait_for(pid) {
            Ok(Some(ended)) => Exited::new(name.command, ended, asked),
            Ok(None) | Err(_) => Exited::killed(name.command, asked),
        };
        Ok(Some((name, exited)))
    }
}

/// Kills all children of this process except `known`, and reaps those that have ended. Returns whether there were any.
pub(super) fn kill_children_but(known: &[Pid]) -> bool {
    let unknown = unknown_children(known);
    for pid in &unknown {
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
        let _ = try_wait_for(*pid);
    }
    !unknown.is_empty()
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
    for _ in 0..100 {
        if !matches!(try_wait_for(pid), Ok(None)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Returns the children of a single-threaded process, read from `/proc`.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}
