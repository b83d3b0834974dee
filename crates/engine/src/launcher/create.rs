//! The launcher's side of making a sandbox: clone, map the child's ids, put it into its cgroup, release it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, Signal, WaitOptions};
use workers_engine_sys::{Cloned, Namespaces, clone_process, exit_now, keep_only};

use super::check::Wall;
use super::creator::clone_as;
use super::devices::Devices;
use super::enter::{Entrance, Prepared, enter};
use super::serve::{Launcher, Running};
use crate::cgroup::{Group, GroupLimits};
use crate::copy::CONTENT_OWNER;
use crate::fault::named;
use crate::machine;
use crate::message::{CreateSandbox, Failure, FromInit};
use crate::wire;

/// The user and group id of a sandbox's processes inside of it.
pub(super) const INNER_ID: u32 = 1000;

/// The user and group id that owns snapshots' files inside, where the owner is not the sandbox's own user.
const CONTENT_INNER_ID: u32 = 1001;

/// The sandbox's init counts as one of its processes.
const INIT_PROCESSES: u32 = 1;

/// Makes a sandbox. Returns when its first process has been released and begins to wall itself in.
pub(super) fn create(
    launcher: &mut Launcher,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
) -> io::Result<Running> {
    let group = launcher.setup.surroundings.configuration.walls.as_ref().map(|walls| walls.cgroups.group(&order.name));
    if let Some(group) = &group {
        let processes = order.processes.saturating_add(INIT_PROCESSES);
        let dies_as_one = launcher.host.is_none();
        group.make(GroupLimits { memory_bytes: order.memory_bytes, processes, dies_as_one })?;
    }
    let made = clone_into(launcher, order, slot, channel, group.as_ref());
    match made {
        Ok(Made { pid, pidfd, network, members }) => {
            // When a machine's memory is full, the kernel kills some of its processes and the machine goes on, so there
            // is no watch.
            let is_watched = launcher.host.is_none();
            let memory_watch = group.as_ref().filter(|_| is_watched).and_then(Group::watch_memory);
            let name = order.name.clone();
            Ok(Running {
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
struct Made {
    pid: Pid,
    pidfd: OwnedFd,
    network: Option<OwnedFd>,
    members: Vec<OwnedFd>,
}

fn clone_into(
    launcher: &mut Launcher,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
    group: Option<&Group>,
) -> io::Result<Made> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let namespaces = match launcher.setup.omitted() {
        _ if group.is_none() => Namespaces::SHARED,
        Some(Wall::PidNamespace) => Namespaces::OWN_USER,
        _ => Namespaces::OWN,
    };
    let lifeline = launcher.lifeline.0.try_clone()?;
    let thread = launcher.setup.thread;
    let (ids, layers) = match &mut launcher.host {
        Some(host) => {
            let (first, layers) = host.layers(slot, &order.lower)?;
            (OuterIds::Machine(first), Some(layers))
        }
        None => (outer_ids(launcher, slot), None),
    };
    let devices = launcher.devices.as_ref().filter(|_| group.is_some()).map(Devices::make).transpose()?;
    let networks = launcher.networks.as_mut().filter(|_| group.is_some());
    let creator = ids.creator();
    let (network, cloned) = match networks {
        Some(networks) if launcher.setup.omitted() != Some(Wall::NetworkNamespace) => {
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
                let kept = [&channel, &lifeline, &released].into_iter().chain(prepared.all());
                if keep_only(&kept.map(AsFd::as_fd).collect::<Vec<_>>()).is_err() {
                    return 1;
                }
                enter(Entrance { setup: &launcher.setup, order, channel, lifeline, released, prepared })
            }));
            exit_now(code.unwrap_or(101))
        }
        Cloned::Parent { pid, pidfd } => {
            let prepared = group.map_or(Ok(Vec::new()), |group| {
                ids.map(pid)?;
                let members = group.members()?;
                let number = pid.as_raw_nonzero().to_string();
                if launcher.setup.omitted() != Some(Wall::Cgroups) {
                    members.iter().try_for_each(|file| rustix::io::write(file, number.as_bytes()).map(drop))?;
                }
                Ok(members)
            });
            match prepared {
                Ok(members) => {
                    rustix::io::write(&release, b"!")?;
                    Ok(Made { pid, pidfd, network, members })
                }
                Err(error) => {
                    let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
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
    /// A machine's range of ids, [`machine::IDS`] of them, beginning with this one.
    Machine(u32),
}

impl OuterIds {
    /// Returns the user that has to create the sandbox's user namespace, if it is not the launcher's own user.
    fn creator(self) -> Option<u32> {
        match self {
            Self::Launcher => None,
            Self::One(first) | Self::Machine(first) => Some(first),
        }
    }

    fn map(self, pid: Pid) -> io::Result<()> {
        match self {
            Self::Launcher => map_ids(pid, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())),
            Self::One(id) => map_ids(pid, (id, id)),
            Self::Machine(first) => IdRange { inside: 0, outside: first, count: machine::IDS }.write(pid),
        }
    }
}

fn outer_ids(launcher: &Launcher, slot: u32) -> OuterIds {
    if launcher.setup.omitted() == Some(Wall::UserIds) {
        return OuterIds::Launcher;
    }
    match &launcher.setup.surroundings.configuration.walls {
        Some(walls) if launcher.setup.surroundings.found.own_uids => OuterIds::One(walls.first_uid + slot),
        _ => OuterIds::Launcher,
    }
}

/// A range of `count` ids that is mapped into a user namespace: `inside` is the first id there, `outside` the first one
/// on the host.
#[derive(Clone, Copy)]
pub(super) struct IdRange {
    pub(super) inside: u32,
    pub(super) outside: u32,
    pub(super) count: u32,
}

impl IdRange {
    /// Maps the range, both users and groups, into the user namespace of a child.
    pub(super) fn write(self, pid: Pid) -> io::Result<()> {
        let Self { inside, outside, count } = self;
        ["uid_map", "gid_map"]
            .into_iter()
            .try_for_each(|name| write_map(pid, name, format!("{inside} {outside} {count}")))
    }
}

fn write_map(pid: Pid, name: &str, text: String) -> io::Result<()> {
    fs::write(format!("/proc/{}/{name}", pid.as_raw_nonzero()), text)
        .map_err(|error| named(format_args!("mapping ids ({name})"), error))
}

/// Maps a user and a group into the user namespace of a child. If they are not the launcher's own, it also maps the
/// owner of snapshots' files, because an overlay can copy up only a file whose owner is mapped. No process inside can
/// become that user.
pub(super) fn map_ids(pid: Pid, (uid, gid): (u32, u32)) -> io::Result<()> {
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let write = |name: &str, text: String| write_map(pid, name, text);
    let content = if (uid, gid) == own { String::new() } else { format!("\n{CONTENT_INNER_ID} {CONTENT_OWNER} 1") };
    write("uid_map", format!("{INNER_ID} {uid} 1{content}"))?;
    if !rustix::process::geteuid().is_root() {
        // A process that may not map others' groups must first forbid changing groups.
        write("setgroups", "deny".to_owned())?;
    }
    write("gid_map", format!("{INNER_ID} {gid} 1{content}"))
}
