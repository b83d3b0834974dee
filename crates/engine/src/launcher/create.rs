//! The launcher's side of making a sandbox: clone, map the child's ids, put it into its cgroup, release it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, Signal, WaitOptions};
use workers_engine_sys::{Cloned, NewNamespaces, clone_process, exit_now, keep_only};

use super::creator::clone_as;
use super::devices::Devices;
use super::enter::{InitSetup, Prepared, enter};
use super::ids::{IdRange, map_ids};
use super::isolation_layer::IsolationLayer;
use super::layers::LayerFactory;
use super::networks::Networks;
use super::sandbox_entry::SandboxEntry;
use super::setup::Setup;
use crate::cgroup::{Group, GroupLimits};
use crate::container;
use crate::message::{CreateSandbox, Failure, FromInit};
use crate::wire;

/// The sandbox's init counts as one of its processes.
const INIT_PROCESSES: u32 = 1;

/// What the launcher needs to make sandboxes.
pub(super) struct SandboxFactory {
    pub(super) setup: Setup,
    /// The host's devices, to make each sandbox's own files of; `None` where sandboxes use the host's files.
    pub(super) devices: Option<Devices>,
    /// Makes the layers of containers; `None` for a launcher of workers' sandboxes.
    pub(super) layers: Option<LayerFactory>,
    /// The pool of network namespaces; `None` where each sandbox makes its own.
    pub(super) networks: Option<Networks>,
    /// A pipe. A process that holds the reading end sees it close when the launcher has exited.
    pub(super) lifeline: (OwnedFd, OwnedFd),
}

/// Makes a sandbox. Returns when its first process has been released and begins to isolate itself.
pub(super) fn create(
    factory: &mut SandboxFactory,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
) -> io::Result<SandboxEntry> {
    let group =
        factory.setup.context.configuration.isolation.as_ref().map(|isolation| isolation.cgroups.group(&order.name));
    if let Some(group) = &group {
        let processes = order.processes.saturating_add(INIT_PROCESSES);
        let dies_as_one = factory.layers.is_none();
        // Before the clone, so that a group that cannot be limited costs no process.
        group.make(GroupLimits { memory_bytes: order.memory_bytes, processes, dies_as_one })?;
    }
    let made = clone_into(factory, order, slot, channel, group.as_ref());
    match made {
        Ok(ClonedInit { pid, pidfd, network, members }) => {
            // When a container's memory is full, the kernel kills some of its processes and the container goes on, so
            // there is no watch.
            let is_watched = factory.layers.is_none();
            let memory_watch = group.as_ref().filter(|_| is_watched).and_then(Group::watch_memory);
            let name = order.name.clone();
            Ok(SandboxEntry {
                name,
                pid,
                pidfd,
                group,
                network,
                members,
                memory_watch,
                out_of_memory: false,
                is_set_aside: false,
            })
        }
        Err(error) => {
            if let Some(group) = &group {
                // We report the first error, not that of cleaning up.
                let _ = group.remove();
            }
            Err(error)
        }
    }
}

/// A sandbox's first process, its network namespace if the launcher has made it, and the files through which other
/// processes join its cgroups.
struct ClonedInit {
    pid: Pid,
    pidfd: OwnedFd,
    network: Option<OwnedFd>,
    members: Vec<OwnedFd>,
}

fn clone_into(
    factory: &mut SandboxFactory,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
    group: Option<&Group>,
) -> io::Result<ClonedInit> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    // There is no group only where there is no isolation at all.
    let namespaces = match factory.setup.omitted() {
        _ if group.is_none() => NewNamespaces::NONE,
        Some(IsolationLayer::PidNamespace) => NewNamespaces::USER,
        _ => NewNamespaces::USER_AND_PID,
    };
    let lifeline = factory.lifeline.0.try_clone()?;
    let thread = factory.setup.thread;
    let (ids, layers) = match &mut factory.layers {
        Some(layer_factory) => {
            let (first, layers) = layer_factory.layers(slot, &order.lower)?;
            (OuterIds::Container(first), Some(layers))
        }
        None => (outer_ids(&factory.setup, slot), None),
    };
    // By the launcher, because the child in its user namespace cannot make devices.
    let devices = factory.devices.as_ref().filter(|_| group.is_some()).map(Devices::make).transpose()?;
    let networks = factory.networks.as_mut().filter(|_| group.is_some());
    let creator = ids.creator();
    let (network, cloned) = match networks {
        Some(networks) if factory.setup.omitted() != Some(IsolationLayer::NetworkNamespace) => {
            let network = networks.take()?;
            let cloned = clone_as(creator, || networks.clone_into(&network, namespaces))?;
            (Some(network), cloned)
        }
        _ => (None, clone_as(creator, || clone_process(thread, namespaces))?),
    };
    match cloned {
        Cloned::Child => {
            // Even after a panic, the child must not run on in the launcher's frames.
            let code = catch_unwind(AssertUnwindSafe(|| {
                let prepared = Prepared { has_network: network.is_some(), layers, devices };
                // What is closed includes the child's copies of the writing ends of both pipes. With them open, the
                // child would never see that the launcher has exited.
                let kept = [&channel, &lifeline, &released].into_iter().chain(prepared.all());
                if keep_only(&kept.map(AsFd::as_fd).collect::<Vec<_>>()).is_err() {
                    return 1;
                }
                enter(InitSetup { setup: &factory.setup, order, channel, lifeline, released, prepared })
            }));
            // The code of a Rust program that panics.
            exit_now(code.unwrap_or(101))
        }
        Cloned::Parent { pid, pidfd } => {
            // All before the release, so that the cgroup counts the first step of the child, too.
            let prepared = group.map_or(Ok(Vec::new()), |group| {
                ids.map(pid)?;
                let members = group.members()?;
                let number = pid.as_raw_nonzero().to_string();
                if factory.setup.omitted() != Some(IsolationLayer::Cgroups) {
                    members.iter().try_for_each(|file| rustix::io::write(file, number.as_bytes()).map(drop))?;
                }
                Ok(members)
            });
            match prepared {
                Ok(members) => {
                    rustix::io::write(&release, b"!")?;
                    Ok(ClonedInit { pid, pidfd, network, members })
                }
                Err(error) => {
                    let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                    // The child only waits for its release, so the kill ends it at once, and this does not hold up the
                    // launcher.
                    rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
                    let message = FromInit::SetupFailed(Failure::of(&error));
                    let _ = wire::send(&channel, &message, &[]);
                    Err(error)
                }
            }
        }
    }
}

/// The ids of a sandbox's processes on the host.
#[derive(Clone, Copy)]
enum OuterIds {
    /// The launcher's own user and group.
    Launcher,
    /// A single id that no other sandbox has.
    One(u32),
    /// A container's range of ids, [`container::IDS`] of them, beginning with this one.
    Container(u32),
}

impl OuterIds {
    /// Returns the user that has to create the sandbox's user namespace, if it is not the launcher's own user.
    fn creator(self) -> Option<u32> {
        match self {
            Self::Launcher => None,
            Self::One(first) | Self::Container(first) => Some(first),
        }
    }

    fn map(self, pid: Pid) -> io::Result<()> {
        match self {
            Self::Launcher => map_ids(pid, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())),
            Self::One(id) => map_ids(pid, (id, id)),
            Self::Container(first) => IdRange { inside: 0, outside: first, count: container::IDS }.write(pid),
        }
    }
}

fn outer_ids(setup: &Setup, slot: u32) -> OuterIds {
    if setup.omitted() == Some(IsolationLayer::UserIds) {
        return OuterIds::Launcher;
    }
    match &setup.context.configuration.isolation {
        Some(isolation) if setup.context.features.own_uids => OuterIds::One(isolation.first_uid + slot),
        _ => OuterIds::Launcher,
    }
}
