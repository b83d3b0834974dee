//! Network namespaces, which the launcher makes and uses again as long as they are unchanged.
//!
//! Making and destroying one costs a tenth of what an invocation costs, and most programs never use theirs. No process
//! of a sandbox has rights over its network. So it can leave behind only sockets, and the effects of packets that it
//! sent or tried to send, and the kernel counts all of them ([`COUNTERS`], [`SOCKETS`]). A namespace whose counters are
//! the same as when it was made serves another sandbox; any other is destroyed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{Mode, OFlags};
use workers_engine_sys::{
    Cloned, NewNamespaces, SingleThread, bring_loopback_up, clone_process, enter_network, unshare_network,
};

/// How many unused namespaces are kept.
const MOST_IDLE: usize = 32;

/// Files below `/proc/self/net`: the packets sent and received by the loopback interface; for each protocol, what it
/// could not send; flow labels, which stay for a while. A kernel without IPv6 lacks some of them.
const COUNTERS: [&str; 4] = ["dev", "snmp", "snmp6", "ip6_flowlabel"];

/// The file with the number of sockets, of all processes: the name server of the sandbox may have some. Only its first
/// line counts; the others describe the whole host.
const SOCKETS: &str = "sockstat";

/// How many bytes are read at once: more than each of these files usually has.
const COUNTERS_SIZE: usize = 16 * 1024;

/// The namespaces that are not in use.
pub(super) struct Networks {
    thread: SingleThread,
    /// The launcher's own namespace.
    own: OwnedFd,
    idle: Vec<OwnedFd>,
    /// The counters of a new namespace.
    new: Vec<u8>,
}

impl Networks {
    /// Makes the first namespace. Returns `None` where the launcher may not make any: then each sandbox makes its own.
    pub(super) fn new(thread: SingleThread) -> Option<Self> {
        let mut networks = Self { thread, own: current().ok()?, idle: Vec::new(), new: Vec::new() };
        let first = networks.make().ok()?;
        networks.new = networks.counters(&first).ok()?;
        networks.idle.push(first);
        Some(networks)
    }

    /// Returns a namespace that is new, or unchanged since it was made.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub(super) fn take(&mut self) -> io::Result<OwnedFd> {
        self.idle.pop().map_or_else(|| self.make(), Ok)
    }

    /// Takes back a namespace that no process is in any more. It is kept if it is unchanged.
    ///
    /// # Errors
    ///
    /// When this process cannot return to its own namespace; then the launcher cannot go on.
    pub(super) fn give_back(&mut self, network: OwnedFd) -> io::Result<()> {
        if self.idle.len() < MOST_IDLE && self.counters(&network)? == self.new {
            self.idle.push(network);
        }
        Ok(())
    }

    fn counters(&self, network: &OwnedFd) -> io::Result<Vec<u8>> {
        // The files below `/proc/self/net` show the namespace that their reader is in.
        enter_network(self.thread, network.as_fd())?;
        let counters = NetworkCounters::open().read();
        enter_network(self.thread, self.own.as_fd())?;
        Ok(counters)
    }

    /// Clones this process. The child is born into `network`; the parent returns to its own namespace.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, or not left again, or the process cannot be cloned.
    pub(super) fn clone_into(&self, network: &OwnedFd, namespaces: NewNamespaces) -> io::Result<Cloned> {
        enter_network(self.thread, network.as_fd())?;
        let cloned = clone_process(self.thread, namespaces);
        if !matches!(cloned, Ok(Cloned::Child)) {
            enter_network(self.thread, self.own.as_fd())?;
        }
        cloned
    }

    fn make(&self) -> io::Result<OwnedFd> {
        unshare_network(self.thread)?;
        let made = bring_loopback_up().and_then(|()| current());
        // Also after a failure: the launcher must not stay in the new namespace.
        enter_network(self.thread, self.own.as_fd())?;
        made
    }
}

/// The counters of the network that this process is in, opened once to be read again and again.
pub(super) struct NetworkCounters {
    /// Those that can be opened; the others count as empty, each time.
    counters: [Option<File>; COUNTERS.len()],
    sockets: Option<File>,
}

impl NetworkCounters {
    /// Opens them.
    pub(super) fn open() -> Self {
        let open = |name: &str| File::open(format!("/proc/self/net/{name}")).ok();
        Self { counters: COUNTERS.map(open), sockets: open(SOCKETS) }
    }

    /// Reads what shows whether the network was used.
    pub(super) fn read(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(COUNTERS_SIZE);
        for file in self.counters.iter().flatten() {
            append(file, &mut all);
        }
        let first = all.len();
        if let Some(sockets) = &self.sockets {
            append(sockets, &mut all);
        }
        let end = all.get(first..).and_then(|text| text.iter().position(|byte| *byte == b'\n'));
        all.truncate(end.map_or(all.len(), |end| first + end));
        all
    }
}

/// Appends the content of one of the kernel's files, which it generates at each read from the start. A file that cannot
/// be read counts as empty.
fn append(file: &File, all: &mut Vec<u8>) {
    let start = all.len();
    let mut read = 0;
    loop {
        all.resize(start + read + COUNTERS_SIZE, 0);
        let room = all.get_mut(start + read..).unwrap_or_default();
        let offset = u64::try_from(read).unwrap_or(u64::MAX);
        match file.read_at(room, offset) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                read = 0;
                break;
            }
        }
    }
    all.truncate(start + read);
}

/// Opens the network namespace that this process is in.
fn current() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
