//! Making a sandbox, the launcher's side: clone, map its ids, put it into its cgroup, release it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::process::{Pid, Signal, WaitOptions};
use workers_engine_sys::{Cloned, Namespaces, clone_process, exit_now, keep_only};

use super::enter::{Entrance, enter};
use super::init::Left;
use super::serve::{Launcher, Running};
use crate::cgroup::{Group, GroupLimits};
use crate::copy::CONTENT_OWNER;
use crate::message::{CreateSandbox, FromInit};
use crate::wire;

/// Who a sandbox's processes are inside of it.
pub(super) const INNER_ID: u32 = 1000;

/// Who owns snapshots' files inside, where that is not the same.
const CONTENT_INNER_ID: u32 = 1001;

/// The init counts as a process of the sandbox.
const INIT_PROCESSES: u32 = 1;

/// Makes a sandbox; returns when it walls itself in.
pub(super) fn create(
    launcher: &mut Launcher,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
) -> io::Result<Running> {
    let group = launcher.setup.surroundings.configuration.walls.as_ref().map(|walls| walls.cgroups.group(&order.name));
    if let Some(group) = &group {
        let processes = order.processes.saturating_add(INIT_PROCESSES);
        group.make(GroupLimits { memory_bytes: order.memory_bytes, processes })?;
    }
    let made = clone_into(launcher, order, slot, channel, group.as_ref());
    match made {
        Ok((pid, pidfd)) => {
            let memory_watch = group.as_ref().and_then(Group::watch_memory);
            Ok(Running { name: order.name.clone(), pid, pidfd, group, memory_watch, out_of_memory: false })
        }
        Err(error) => {
            if let Some(group) = &group {
                // The first error is the one to tell.
                let _ = group.remove();
            }
            Err(error)
        }
    }
}

fn clone_into(
    launcher: &mut Launcher,
    order: &CreateSandbox,
    slot: u32,
    channel: OwnedFd,
    group: Option<&Group>,
) -> io::Result<(Pid, OwnedFd)> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let namespaces = if group.is_some() { Namespaces::OWN } else { Namespaces::SHARED };
    let lifeline = launcher.lifeline.0.try_clone()?;
    let by_template = launcher.templates.make(order, [&channel, &lifeline, &released])?;
    let cloned = match by_template {
        Some((pid, pidfd)) => Cloned::Parent { pid, pidfd },
        None => clone_process(launcher.setup.thread, namespaces)?,
    };
    match cloned {
        Cloned::Child => {
            // Whatever happens, no frame of the launcher goes on in the child.
            let code = catch_unwind(AssertUnwindSafe(|| {
                if keep_only(&[channel.as_fd(), lifeline.as_fd(), released.as_fd()]).is_err() {
                    return 1;
                }
                match enter(Entrance { setup: &launcher.setup, order, channel, lifeline, released, can_fork: false }) {
                    Left::Exit(code) => code,
                    Left::Become(_) => 1,
                }
            }));
            exit_now(code.unwrap_or(101))
        }
        Cloned::Parent { pid, pidfd } => {
            let prepared = group.map_or(Ok(()), |group| {
                map_ids(pid, outer_ids(launcher, slot))?;
                group.join(pid.as_raw_nonzero().get())
            });
            if let Err(error) = prepared {
                let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
                let message = FromInit::SetupFailed { message: error.to_string() };
                let _ = wire::send(&channel, &message, &[]);
                return Err(error);
            }
            rustix::io::write(&release, b"!")?;
            Ok((pid, pidfd))
        }
    }
}

/// Who a sandbox's processes are on the host.
fn outer_ids(launcher: &Launcher, slot: u32) -> (u32, u32) {
    match &launcher.setup.surroundings.configuration.walls {
        Some(walls) if launcher.setup.surroundings.own_uids => (walls.first_uid + slot, walls.first_uid + slot),
        _ => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
    }
}

/// Maps a user and a group into the user namespace of a child; beside them, when they are not the launcher's own, the owner of
/// snapshots' files: an overlay can copy up only a file whose owner is mapped. Nobody inside can become that user.
pub(super) fn map_ids(pid: Pid, (uid, gid): (u32, u32)) -> io::Result<()> {
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let directory = format!("/proc/{}", pid.as_raw_nonzero());
    let write = |name: &str, text: String| {
        fs::write(format!("{directory}/{name}"), text)
            .map_err(|error| io::Error::new(error.kind(), format!("mapping ids ({name}): {error}")))
    };
    let content = if (uid, gid) == own { String::new() } else { format!("\n{CONTENT_INNER_ID} {CONTENT_OWNER} 1") };
    write("uid_map", format!("{INNER_ID} {uid} 1{content}"))?;
    if !rustix::process::geteuid().is_root() {
        // Who may not map others' groups must give up changing groups first.
        write("setgroups", "deny".to_owned())?;
    }
    write("gid_map", format!("{INNER_ID} {gid} 1{content}"))
}
