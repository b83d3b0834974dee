//! Network namespaces, made by the launcher, and used again while they are as new.
//!
//! Making and destroying one costs a tenth of what an invocation costs, and most programs never touch theirs. No
//! process of a sandbox has rights over its network, so all that it can leave behind are sockets, and what follows from
//! packets and from attempts to send one: the kernel counts them all ([`COUNTERS`], [`SOCKETS`]). A namespace whose
//! counters stand where they stood when it was made serves another sandbox; any other is destroyed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use workers_engine_sys::{
    Cloned, Namespaces, SingleThread, bring_loopback_up, clone_process, enter_network, leave_network,
};

/// How many wait.
const MOST_IDLE: usize = 32;

/// Below `/proc/self/net`: what was sent and received by the loopback; what each protocol was asked to send and could
/// not; labels of flows, which stay for a while. A kernel without IPv6 lacks some of them.
const COUNTERS: [&str; 4] = ["dev", "snmp", "snmp6", "ip6_flowlabel"];

/// How many sockets there are, whoever holds them: the server may have some that answer for names. Only the first line
/// of it; the others tell of the whole machine.
const SOCKETS: &str = "sockstat";

/// What one of these files has at most.
const COUNTERS_SIZE: usize = 16 * 1024;

/// The namespaces that are not in use.
pub(super) struct Networks {
    thread: SingleThread,
    /// The launcher's own.
    own: OwnedFd,
    idle: Vec<OwnedFd>,
    /// The counters of a new one.
    new: Vec<u8>,
}

impl Networks {
    /// `None` where the launcher may not make any: then each sandbox makes its own.
    pub(super) fn new(thread: SingleThread) -> Option<Self> {
        let mut networks = Self { thread, own: current().ok()?, idle: Vec::new(), new: Vec::new() };
        let first = networks.make().ok()?;
        networks.new = networks.counters(&first).ok()?;
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

    /// Takes one back that no process is in any more.
    ///
    /// # Errors
    ///
    /// When this process cannot get back into its own; then it is of no use any more.
    pub(super) fn give_back(&mut self, network: OwnedFd) -> io::Result<()> {
        if self.idle.len() < MOST_IDLE && self.counters(&network)? == self.new {
            self.idle.push(network);
        }
        Ok(())
    }

    fn counters(&self, network: &OwnedFd) -> io::Result<Vec<u8>> {
        enter_network(self.thread, network.as_fd())?;
        let mut counters = COUNTERS.map(read_counters).concat();
        let sockets = read_counters(SOCKETS);
        enter_network(self.thread, self.own.as_fd())?;
        counters.extend(sockets.split_inclusive(|byte| *byte == b'\n').take(1).flatten());
        Ok(counters)
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

/// The whole of a file, for which there is room from the start: the kernel makes it anew for the first read, and few
/// reads are quick. What cannot be read is as good as empty, each time.
fn read_counters(name: &str) -> Vec<u8> {
    let mut content = Vec::with_capacity(COUNTERS_SIZE);
    if let Ok(file) = File::open(format!("/proc/self/net/{name}")) {
        let _ = file.take(COUNTERS_SIZE as u64).read_to_end(&mut content);
    }
    content
}

/// The namespace that this process is in.
fn current() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
