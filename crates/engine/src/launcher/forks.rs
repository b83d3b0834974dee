//! Copies of booted nodes that run programs in sandboxes. They are the launcher's children, whoever has forked them.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, Signal};
use workers_engine_sys::wait_for;

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

    /// Reaps one that has ended, and kills what is left of its process group. Nobody else is told its end, so `unwatch` is called while
    /// its descriptor is open.
    pub(super) fn ended(
        &mut self,
        number: u64,
        unwatch: impl FnOnce(&OwnedFd) -> io::Result<()>,
    ) -> io::Result<Option<(CommandName, Exited)>> {
        let Some(Running { name, pid, pidfd, asked }) = self.running.remove(&number) else { return Ok(None) };
        unwatch(&pidfd)?;
        // While it is not reaped no other group can have its number.
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        let exited = Exited::new(name.command, wait_for(pid)?, asked);
        Ok(Some((name, exited)))
    }
}

/// Kills and reaps every child of this process but these; whether there was one.
pub(super) fn kill_children_but(known: &[Pid]) -> bool {
    let unknown: Vec<_> = children(rustix::process::getpid()).into_iter().filter(|pid| !known.contains(pid)).collect();
    for pid in &unknown {
        let _ = rustix::process::kill_process(*pid, Signal::KILL);
        let _ = wait_for(*pid);
    }
    !unknown.is_empty()
}

/// The children of a process of one thread, by `/proc`.
pub(super) fn children(pid: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|word| Pid::from_raw(word.parse().ok()?)).collect()
}
