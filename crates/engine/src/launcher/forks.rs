//! Copies of booted nodes that run programs in sandboxes. They are the launcher's children, whoever has forked them.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal};
use workers_engine_sys::try_wait_for;

use crate::message::{CommandName, Exited};

/// All that run.
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
    /// Takes one in; its number, and what tells of its end.
    pub(super) fn add(&mut self, name: CommandName, pid: Pid, pidfd: OwnedFd) -> (u64, &OwnedFd) {
        let number = self.next_number;
        self.next_number += 1;
        let running = self.running.entry(number).insert_entry(Running { name, pid, pidfd, asked: false });
        (number, &running.into_mut().pidfd)
    }

    /// The processes.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.running.values().map(|running| running.pid).collect()
    }

    /// Kills one and its process group.
    pub(super) fn kill(&mut self, name: &CommandName) {
        if let Some(running) = self.running.values_mut().find(|running| running.name == *name) {
            running.asked = true;
            // Both fail when they are gone. Young as it is, it may not lead a group yet.
            let _ = rustix::process::pidfd_send_signal(&running.pidfd, Signal::KILL);
            let _ = rustix::process::kill_process_group(running.pid, Signal::KILL);
        }
    }

    /// Reaps one that has ended, and kills what is left of its process group. The launcher alone learns of its end, so
    /// `unwatch` is called while its descriptor is open.
    pub(super) fn ended(
        &mut self,
        number: u64,
        unwatch: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> io::Result<Option<(CommandName, Exited)>> {
        let Some(Running { name, pid, pidfd, asked }) = self.running.remove(&number) else { return Ok(None) };
        unwatch(&pidfd)?;
        // While it is not reaped no other group can have its number.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        // A copy that was reaped before its template told of it has no record of its end: then it counts as killed.
        let exited = match try_wait_for(pid) {
            Ok(Some(ended)) => Exited::new(name.command, ended, asked),
            Ok(None) | Err(_) => Exited::killed(name.command, asked),
        };
        Ok(Some((name, exited)))
    }
}

/// Kills every child of this process but these; whether there was one. Those that are dead are reaped.
pub(super) fn kill_children_but(known: &[Pid]) -> bool {
    let unknown = unknown_children(known);
    for pid in &unknown {
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
        let _ = try_wait_for(*pid);
    }
    !unknown.is_empty()
}

/// Reaps the children of this process that have ended, but these. A process of a sandbox may have made itself the
/// launcher's child; the sandbox's init cannot end before such a child is reaped.
pub(super) fn reap_children_but(known: &[Pid]) {
    for pid in unknown_children(known) {
        // Those that run end with their sandbox.
        let _ = try_wait_for(pid);
    }
}

fn unknown_children(known: &[Pid]) -> Vec<Pid> {
    children(rustix::process::getpid()).into_iter().filter(|pid| !known.contains(pid)).collect()
}

/// Kills a child and reaps it, if it ends within a moment; a later look reaps it otherwise.
pub(super) fn kill_and_reap(pid: Pid) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    for _ in 0..100 {
        if !matches!(try_wait_for(pid), Ok(None)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// The children of a process of one thread, by `/proc`.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}
