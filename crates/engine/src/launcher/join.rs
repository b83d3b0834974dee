//! How a child of a template joins a sandbox. The order of the steps matters.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::Mode;
use workers_engine_sys::{install_as, join_namespaces, keep_only, unblock_signals};

use super::check::{ExpectedPrivileges, check_own_isolation};
use super::limits::set_limits;
use super::privileges::{give_up_capabilities, install_filter, take_inner_ids};
use super::proc_self::ProcSelf;
use super::setup::Setup;
use super::steps::{null_device, step};

/// The sandbox that a template's child joins, as descriptors.
pub(super) struct TargetSandbox {
    /// The pidfd of the sandbox's first process.
    pub(super) init: OwnedFd,
    /// The socket to the server.
    pub(super) channel: OwnedFd,
    /// The files through which a process joins the sandbox's cgroups.
    pub(super) members: Vec<OwnedFd>,
}

impl TargetSandbox {
    /// Takes the descriptors in the order in which they are passed: init, channel, then the cgroups' files.
    pub(super) fn new(passed: Vec<OwnedFd>) -> io::Result<Self> {
        let mut passed = passed.into_iter();
        let (Some(init), Some(channel)) = (passed.next(), passed.next()) else {
            return Err(io::Error::other("an order to fork without a sandbox and a channel"));
        };
        Ok(Self { init, channel, members: passed.collect() })
    }
}

/// Makes this process, which has a single thread, a process of the sandbox, with all its isolation. From its start it
/// is killed together with the sandbox's first process, because it was born into that process's pid namespace.
pub(super) fn join(setup: &Setup, target: &TargetSandbox) -> io::Result<()> {
    // What is closed includes the template's socket to the launcher, which no sandbox may have.
    let kept = [&target.init, &target.channel].into_iter().chain(&target.members);
    keep_only(&kept.map(AsFd::as_fd).collect::<Vec<_>>())?;
    // A session of its own, so that its process group can be killed and it has no controlling terminal.
    step("session", rustix::process::setsid())?;
    // Before the process uses anything: from here on the cgroup counts it.
    for file in &target.members {
        step("cgroup", rustix::io::write(file, b"0"))?;
    }
    // With the namespaces come the sandbox's root and all capabilities over what is inside of it.
    step("namespaces", join_namespaces(setup.thread, target.init.as_fd()))?;
    step("taking the sandbox's user id", take_inner_ids(setup.context.features.own_uids))?;
    step("working directory", rustix::process::chdir("/work"))?;
    let null = step("null device", null_device())?;
    // The program brings its own outputs (`park`).
    for number in 0..=2 {
        install_as(null.as_fd(), number)?;
    }
    rustix::process::umask(Mode::from_raw_mode(0o022));
    step("resource limits", set_limits(None))?;
    // The signal handlers stay: they are those of a started node.
    unblock_signals();
    // Last, because every step before uses them.
    step("capabilities", give_up_capabilities())?;
    step("system call filter", install_filter(&setup.filter))?;
    check_own_isolation(&ProcSelf::open()?, &setup.context.host, ExpectedPrivileges::Worker { capabilities: 0 })
}
