//! What it takes to kill a sandbox.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

/// A sandbox, so that it can be killed from any thread.
pub(super) struct KillTarget {
    /// The name of the sandbox.
    name: String,
    /// The pidfd of its first process, to kill the sandbox with; set once it has processes.
    init: OnceLock<OwnedFd>,
    was_killed: AtomicBool,
}

impl KillTarget {
    /// Makes it for the sandbox of this name, which has no process yet.
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), init: OnceLock::new(), was_killed: AtomicBool::new(false) }
    }

    /// Returns the name of the sandbox.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sets the first process.
    pub(super) fn set_init(&self, pidfd: OwnedFd) {
        // Set only once: a second one would belong to another sandbox.
        let _ = self.init.set(pidfd);
    }

    /// Kills the sandbox, and logs the reason the first time.
    pub(super) fn kill(&self, reason: &'static str) {
        let Some(init) = self.init.get() else { return };
        if !self.was_killed.swap(true, Ordering::AcqRel) {
            tracing::warn!(sandbox.id = self.name, reason, "a sandbox was killed");
        }
        // It may have ended.
        let _ = rustix::process::pidfd_send_signal(init, Signal::KILL);
    }
}
