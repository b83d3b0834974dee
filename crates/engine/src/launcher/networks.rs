//! Network namespaces, made by the launcher, so that a sandbox is born into one.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use workers_engine_sys::{
    Cloned, Namespaces, SingleThread, bring_loopback_up, clone_process, enter_network, leave_network,
};

/// How many wait.
const MOST_IDLE: usize = 32;

/// The namespaces that are not in use.
pub(super) struct Networks {
    thread: SingleThread,
    /// The launcher's own.
    own: OwnedFd,
    idle: Vec<OwnedFd>,
}

impl Networks {
    /// `None` where the launcher may not make any: then each sandbox makes its own.
    pub(super) fn new(thread: SingleThread) -> Option<Self> {
        let mut networks = Self { thread, own: current().ok()?, idle: Vec::new() };
        let first = networks.make().ok()?;
        networks.idle.push(first);
        Some(networks)
    }

    /// One that is new, or as new.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(super) fn take(&mut self) -> io::Result<OwnedFd> {
        self.idle.pop().map_or_else(|| self.make(), Ok)
    }

    /// Takes one back that nothing uses any more, and in which no socket was ever made.
    pub(super) fn give_back(&mut self, network: OwnedFd) {
        if self.idle.len() < MOST_IDLE {
            self.idle.push(network);
        }
    }

    /// Clones this process. The child is born into a namespace; the parent is back in its own.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, or not left again, or the process cannot be cloned.
    pub(super) fn clone_into(&self, network: &OwnedFd, namespaces: Namespaces) -> io::Result<Cloned> {
        enter_network(self.thread, network.as_fd())?;
        let cloned = clone_process(self.thread, namespaces);
        if !matches!(cloned, Ok(Cloned::Child)) {
            enter_network(self.thread, self.own.as_fd())?;
        }
        cloned
    }

    fn make(&self) -> io::Result<OwnedFd> {
        leave_network(self.thread)?;
        let made = bring_loopback_up().and_then(|()| current());
        enter_network(self.thread, self.own.as_fd())?;
        made
    }
}

/// The namespace that this process is in.
fn current() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
