//! Making a sandbox, the child's side. The order of the steps is the design.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use workers_engine_sys::{Shared, bring_loopback_up, enter_own_namespaces_but, leave_network};

use super::check::{Told, Wall, Who, check_cgroups, check_walls};
use super::command::Surroundings;
use super::confine::{
    OF_MACHINE, give_up_capabilities, obey_as_machine, obey_filter, take_inner_ids, take_machine_root,
};
use super::init::Init;
use super::layers::Layers;
use super::limits::{Watches, limit_namespace, set_limits};
use super::machine::{self, Parts};
use super::root::{Sources, build_root};
use super::serve::Setup;
use crate::fault::named;
use crate::message::{CreateSandbox, Failure, FromInit, Walls};
use crate::wire;

/// What the child of the clone has.
pub(super) struct Entrance<'a> {
    pub(super) setup: &'a Setup,
    pub(super) order: &'a CreateSandbox,
    pub(super) channel: OwnedFd,
    pub(super) lifeline: OwnedFd,
    pub(super) released: OwnedFd,
    pub(super) prepared: Prepared,
}

/// What the launcher has made for it.
pub(super) struct Prepared {
    /// Whether it was born into the network namespace that it is to have.
    pub(super) has_network: bool,
    /// For a machine: the layers of its files.
    pub(super) layers: Option<Layers>,
    /// Devices of its own, where the launcher can make them.
    pub(super) devices: Option<OwnedFd>,
}

impl Prepared {
    /// The descriptors.
    pub(super) fn all(&self) -> impl Iterator<Item = &OwnedFd> {
        self.layers.iter().flat_map(Layers::all).chain(&self.devices)
    }
}

/// What is left open once the walls stand.
struct Inside {
    /// The working directory.
    work: OwnedFd,
    /// What the init of a machine has besides.
    machine: Option<Changed>,
}

/// What the init of a machine has.
pub(super) struct Changed {
    /// The directories with its changes.
    pub(super) changes: [OwnedFd; 2],
    /// How soon the kernel turns to it.
    pub(super) score: OomScore,
}

/// The name of the machine inside.
const HOSTNAME: &[u8] = b"sandbox";

/// More than any process of the host has by default, so that the kernel turns to sandboxes first when the machine is
/// out of memory.
const OOM_SCORE: &[u8] = b"800";

/// Walls the process in and is its init; returns its exit code.
pub(super) fn enter(entrance: Entrance<'_>) -> i32 {
    let Entrance { setup, order, channel, lifeline, released, prepared } = entrance;
    let configuration = &setup.surroundings.configuration;
    let ready = match &configuration.walls {
        Some(walls) => wall_in(setup, walls, order, &released, prepared),
        None => prepare_unconfined(order, &released).map(|work| Inside { work, machine: None }),
    };
    drop(released);
    let init = ready.and_then(|Inside { work, machine }| {
        let surroundings = Surroundings::new(setup.thread, configuration.walls.is_some(), &configuration.node)?;
        Init::new(channel.try_clone()?, lifeline, work, surroundings, machine)
    });
    match init {
        Ok(init) => init.run(),
        Err(error) => {
            // If the server is gone there is nobody to tell.
            let _ = wire::send(&channel, &FromInit::SetupFailed(Failure::of(&error)), &[]);
            1
        }
    }
}

fn wall_in(
    setup: &Setup,
    walls: &Walls,
    order: &CreateSandbox,
    released: &OwnedFd,
    prepared: Prepared,
) -> io::Result<Inside> {
    // Before anything else: a launcher that dies takes its sandboxes along.
    step("dying with the launcher", die_with_parent())?;
    // Until then our ids are not mapped and we are not in our cgroup. From here on whatever we use is counted.
    step("waiting for the launcher", await_release(released))?;
    // After joining the cgroup: what the kernel keeps for a namespace is counted, the cgroup namespace's root is the
    // group we are in, and the launcher does not wait for it.
    let told = step("the kernel's directory of the process", Told::open())?;
    step("cgroups", check_cgroups(&told, &walls.cgroups, &order.name))?;
    let shared = match setup.omitted() {
        Some(Wall::IpcNamespace) => Shared::Ipc,
        Some(Wall::CgroupNamespace) => Shared::Cgroup,
        _ => Shared::Nothing,
    };
    step("mount, ipc, uts and cgroup namespaces", enter_own_namespaces_but(setup.thread, shared))?;
    if !prepared.has_network && setup.omitted() != Some(Wall::NetworkNamespace) {
        step("network namespace", leave_network(setup.thread))?;
        step("loopback interface", bring_loopback_up())?;
    }
    // While the host's /proc is there and we are still allowed to write to our own part of it.
    let watches = if walls.machines.is_some() { Watches::OF_MACHINE } else { Watches::OF_WORKER };
    step("limits of the user namespace", limit_namespace(&watches))?;
    if let (Some(machines), Some(layers)) = (&walls.machines, prepared.layers) {
        let parts = step("opening the parts", Parts::open(walls, machines, layers, prepared.devices))?;
        return become_machine(setup, walls, order, parts, &told);
    }
    step("out-of-memory score", raise_oom_score(&told))?;
    // While we are who the launcher is on the host: only it may walk to the data directory.
    let sources = step("opening the parts of the root", Sources::open(walls, order, prepared.devices))?;
    // Before any file is made: who is not mapped cannot own one.
    step("taking the sandbox's user id", take_inner_ids(setup.surroundings.found.own_uids))?;
    // The change of ids has cleared it.
    step("dying with the launcher", die_with_parent())?;
    step("host name", rustix::system::sethostname(HOSTNAME))?;
    build_root(&sources, walls, setup.surroundings.found.overlays, order)?;
    drop(sources);
    let work = step("opening the working directory", open_directory("/work"))?;
    step("resource limits", set_limits(None))?;
    // Last, for every step before needs them.
    if setup.omitted() != Some(Wall::Capabilities) {
        step("capabilities", give_up_capabilities())?;
    }
    if setup.omitted() != Some(Wall::Filter) {
        step("system call filter", obey_filter(&setup.filter))?;
    }
    check_walls(&told, &setup.surroundings.host, Who::Worker)?;
    Ok(Inside { work, machine: None })
}

/// The rest of the way for a machine, whose root has users and rights over them.
fn become_machine(
    setup: &Setup,
    walls: &Walls,
    order: &CreateSandbox,
    parts: Parts,
    told: &Told,
) -> io::Result<Inside> {
    let score = step("out-of-memory score", OomScore::open(told))?;
    step("taking the machine's root", take_machine_root())?;
    // The change of ids has cleared it.
    step("dying with the launcher", die_with_parent())?;
    step("host name", rustix::system::sethostname(HOSTNAME))?;
    let changes = machine::build(&parts, walls, order)?;
    drop(parts);
    let work = step("opening the home", open_directory("."))?;
    step("resource limits", set_limits(None))?;
    step("system call filter and capabilities", obey_as_machine(&setup.filter))?;
    check_walls(told, &setup.surroundings.host, Who::MachineRoot { capabilities: OF_MACHINE.bits() })?;
    Ok(Inside { work, machine: Some(Changed { changes, score }) })
}

/// Without walls: only a directory, limits and an end together with the launcher.
fn prepare_unconfined(order: &CreateSandbox, released: &OwnedFd) -> io::Result<OwnedFd> {
    // Termination, not death: this init has to end its processes itself.
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    step("waiting for the launcher", await_release(released))?;
    step("session", rustix::process::setsid())?;
    step("adopting orphans", rustix::process::set_child_subreaper(Some(rustix::process::getpid())))?;
    step("working directory", rustix::process::chdir(&order.directory))?;
    step("resource limits", set_limits(Some(order.disk_bytes)))?;
    step("opening the working directory", open_directory("."))
}

fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

/// Also notices a launcher that died before we asked to die with it: then the pipe is closed.
fn await_release(released: &OwnedFd) -> io::Result<()> {
    let read = rustix::io::retry_on_intr(|| rustix::io::read(released, &mut [0; 1]))?;
    if read == 1 { Ok(()) } else { Err(io::Error::other("the launcher is gone")) }
}

/// How soon the kernel turns to a process when memory runs out: to the commands of a machine before its init, without
/// which there is no machine.
pub(super) struct OomScore {
    file: OwnedFd,
    own: Vec<u8>,
}

impl OomScore {
    fn open(told: &Told) -> io::Result<Self> {
        let file = told.file("oom_score_adj", OFlags::RDWR)?;
        let mut own = vec![0; 16];
        let length = rustix::io::read(&file, &mut own)?;
        own.truncate(length);
        Ok(Self { file, own: own.trim_ascii().to_vec() })
    }

    /// Does something in which children are made: they are the first to go.
    pub(super) fn for_children<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        rustix::io::pwrite(&self.file, OOM_SCORE, 0)?;
        let done = work();
        rustix::io::pwrite(&self.file, &self.own, 0)?;
        Ok(done)
    }
}

/// For as long as the process and its descendants live.
pub(super) fn raise_oom_score(told: &Told) -> io::Result<()> {
    rustix::io::write(told.file("oom_score_adj", OFlags::WRONLY)?, OOM_SCORE)?;
    Ok(())
}

pub(super) fn open_directory(path: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// What a process reads that has no input, and writes to that has no output.
pub(super) fn null_device() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Names the step that failed.
pub(super) fn step<T, E: Into<io::Error>>(name: &str, result: Result<T, E>) -> io::Result<T> {
    result.map_err(|error| named(name, error.into()))
}

/// The working directory as the init keeps it.
pub(super) fn same(work: &OwnedFd) -> io::Result<OwnedFd> {
    work.as_fd().try_clone_to_owned()
}
