//! The child's side of making a sandbox. The order of the steps matters.

use std::io;
use std::os::fd::OwnedFd;

use rustix::process::Signal;
use rustix::thread::CapabilitySet;
use workers_engine_sys::{KeptNamespace, bring_loopback_up, unshare_namespaces_except, unshare_network};

use super::check::{ExpectedPrivileges, check_cgroups, check_isolation};
use super::command::CommandDefaults;
use super::container::{self, Parts};
use super::init::{ContainerHandles, Init};
use super::isolation_layer::IsolationLayer;
use super::keeper::{Keeper, ProcessIds};
use super::layers::Layers;
use super::limits::{Watches, limit_namespace, set_limits};
use super::oom_score::{OomScore, raise_oom_score};
use super::privileges::{
    OF_CONTAINER, OF_KEEPER, give_up_capabilities_except, install_filter, limit_container_privileges,
    take_container_root, take_inner_ids,
};
use super::proc_self::ProcSelf;
use super::root::{Sources, build_root};
use super::setup::Setup;
use super::steps::{open_directory, step};
use crate::message::{CreateSandbox, Failure, FromInit, IsolationSetup};
use crate::wire;

/// What a new init needs to isolate itself.
pub(super) struct InitSetup<'a> {
    pub(super) setup: &'a Setup,
    pub(super) order: &'a CreateSandbox,
    pub(super) channel: OwnedFd,
    pub(super) lifeline: OwnedFd,
    pub(super) released: OwnedFd,
    pub(super) prepared: Prepared,
}

/// What the launcher has made for the child before the clone.
pub(super) struct Prepared {
    /// Whether the child was born into its network namespace.
    pub(super) has_network: bool,
    /// For a container: the layers of its files.
    pub(super) layers: Option<Layers>,
    /// A file system with devices of the sandbox's own, where the launcher can make one.
    pub(super) devices: Option<OwnedFd>,
}

impl Prepared {
    /// Returns the descriptors that the child must keep open.
    pub(super) fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        self.layers.iter().flat_map(Layers::all).chain(&self.devices)
    }
}

/// The descriptors of an init that has isolated itself.
struct InitHandles {
    /// The working directory.
    work: OwnedFd,
    /// What only the init of a container has.
    container: Option<ContainerHandles>,
    /// What only the init of a sandbox that is kept has.
    keeper: Option<Keeper>,
}

/// The host name inside.
const HOSTNAME: &[u8] = b"sandbox";

/// Isolates the process and runs as its init; returns the exit code.
pub(super) fn enter(init_setup: InitSetup<'_>) -> i32 {
    let InitSetup { setup, order, channel, lifeline, released, prepared } = init_setup;
    let configuration = &setup.context.configuration;
    let ready = match &configuration.isolation {
        Some(isolation) => isolate(setup, isolation, order, &released, prepared),
        None => {
            prepare_without_isolation(order, &released).map(|work| InitHandles { work, container: None, keeper: None })
        }
    };
    drop(released);
    let init = ready.and_then(|InitHandles { work, container, keeper }| {
        let defaults = CommandDefaults::new(setup.thread, configuration.isolation.is_some(), &configuration.node)?;
        // A second descriptor, because the first one is needed to report a failure.
        Init::new(channel.try_clone()?, lifeline, work, defaults, container, keeper)
    });
    match init {
        Ok(init) => init.run(),
        Err(error) => {
            // Fails if the server is gone; then there is no receiver for the error.
            let _ = wire::send(&channel, &FromInit::SetupFailed(Failure::of(&error)), &[]);
            1
        }
    }
}

fn isolate(
    setup: &Setup,
    isolation: &IsolationSetup,
    order: &CreateSandbox,
    released: &OwnedFd,
    prepared: Prepared,
) -> io::Result<InitHandles> {
    // Before anything else, so that a launcher that is killed takes its sandboxes with it.
    step("dying with the launcher", die_with_parent())?;
    // Until then our ids are not mapped and we are not in our cgroup. From here on the cgroup counts all that we use.
    step("waiting for the launcher", await_release(released))?;
    // After joining the cgroup, for three reasons: the cgroup counts the kernel's memory for namespaces, its root
    // becomes the root of the cgroup namespace, and the launcher does not wait for this work.
    let proc_self = step("the kernel's directory of the process", ProcSelf::open())?;
    step("cgroups", check_cgroups(&proc_self, &isolation.cgroups, &order.name))?;
    let kept = match setup.omitted() {
        Some(IsolationLayer::IpcNamespace) => KeptNamespace::Ipc,
        Some(IsolationLayer::CgroupNamespace) => KeptNamespace::Cgroup,
        _ => KeptNamespace::None,
    };
    step("mount, ipc, uts and cgroup namespaces", unshare_namespaces_except(setup.thread, kept))?;
    if !prepared.has_network && setup.omitted() != Some(IsolationLayer::NetworkNamespace) {
        step("network namespace", unshare_network(setup.thread))?;
        // It is down in a new namespace. Programs connect to themselves over it, and the name server is on it.
        step("loopback interface", bring_loopback_up())?;
    }
    // While the host's `/proc` is mounted and we may still write to our own part of it.
    let watches = if isolation.containers.is_some() { Watches::OF_CONTAINER } else { Watches::OF_WORKER };
    step("limits of the user namespace", limit_namespace(&watches))?;
    if let (Some(containers), Some(layers)) = (&isolation.containers, prepared.layers) {
        let parts = step("opening the parts", Parts::open(isolation, containers, layers, prepared.devices))?;
        return become_container(setup, isolation, order, parts, &proc_self);
    }
    // Before the change of ids, which makes the process not dumpable: then its files in `/proc` belong to the host's
    // root.
    step("out-of-memory score", raise_oom_score(&proc_self))?;
    let process_ids = order.kept.map(|_| step("process ids", ProcessIds::open())).transpose()?;
    // While our id on the host is still the launcher's: only the launcher's user may walk to the data directory.
    let sources = step("opening the parts of the root", Sources::open(isolation, order, prepared.devices))?;
    // Before any file is made, because an id that is not mapped cannot own a file.
    step("taking the sandbox's user id", take_inner_ids(setup.context.features.own_uids))?;
    // The change of ids has cleared it.
    step("dying with the launcher", die_with_parent())?;
    // A new uts namespace has a copy of the host's name.
    step("host name", rustix::system::sethostname(HOSTNAME))?;
    build_root(&sources, isolation, setup.context.features.overlays, order)?;
    // With a descriptor of one of the host's directories, a path could lead out of the root.
    drop(sources);
    let work = step("opening the working directory", open_directory("/work"))?;
    step("resource limits", set_limits(None))?;
    // Last, because every step before uses them.
    let kept = if order.kept.is_some() { OF_KEEPER } else { CapabilitySet::empty() };
    if setup.omitted() != Some(IsolationLayer::Capabilities) {
        step("capabilities", give_up_capabilities_except(kept))?;
    }
    if setup.omitted() != Some(IsolationLayer::Filter) {
        step("system call filter", install_filter(&setup.filter))?;
    }
    check_isolation(&proc_self, &setup.context.host, ExpectedPrivileges::Worker { capabilities: kept.bits() })?;
    let keeper = process_ids.zip(order.kept).map(|(ids, comparison)| Keeper::new(ids, comparison));
    let keeper = step("what is compared after each run", keeper.transpose())?;
    Ok(InitHandles { work, container: None, keeper })
}

/// Does the remaining steps for a container, which has a root user with rights over the container's other users.
fn become_container(
    setup: &Setup,
    isolation: &IsolationSetup,
    order: &CreateSandbox,
    parts: Parts,
    proc_self: &ProcSelf,
) -> io::Result<InitHandles> {
    let oom_score = step("out-of-memory score", OomScore::open(proc_self))?;
    step("taking the container's root", take_container_root())?;
    // The change of ids has cleared it.
    step("dying with the launcher", die_with_parent())?;
    step("host name", rustix::system::sethostname(HOSTNAME))?;
    let uppers = container::build(&parts, isolation, order)?;
    drop(parts);
    let work = step("opening the home", open_directory("."))?;
    step("resource limits", set_limits(None))?;
    step("system call filter and capabilities", limit_container_privileges(&setup.filter))?;
    check_isolation(
        proc_self,
        &setup.context.host,
        ExpectedPrivileges::ContainerRoot { capabilities: OF_CONTAINER.bits() },
    )?;
    Ok(InitHandles { work, container: Some(ContainerHandles { uppers, oom_score }), keeper: None })
}

/// Prepares a sandbox without isolation: it has only a directory and limits, and ends together with the launcher.
fn prepare_without_isolation(order: &CreateSandbox, released: &OwnedFd) -> io::Result<OwnedFd> {
    // SIGTERM and not SIGKILL, because this init has to end its processes itself.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    step("waiting for the launcher", await_release(released))?;
    step("session", rustix::process::setsid())?;
    // Without a pid namespace, orphans would become children of the host's init, where this process could not find
    // them.
    step("adopting orphans", rustix::process::set_child_subreaper(Some(rustix::process::getpid())))?;
    step("working directory", rustix::process::chdir(&order.directory))?;
    // There is no file system of the sandbox's own that limits all files together, so each file is limited.
    step("resource limits", set_limits(Some(order.disk_bytes)))?;
    step("opening the working directory", open_directory("."))
}

fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Waits until the launcher releases the process. Fails if the launcher exited before we set the parent-death signal,
/// because then the pipe is closed.
fn await_release(released: &OwnedFd) -> io::Result<()> {
    let read = rustix::io::retry_on_intr(|| rustix::io::read(released, &mut [0; 1]))?;
    if read == 1 { Ok(()) } else { Err(io::Error::other("the launcher is gone")) }
}
