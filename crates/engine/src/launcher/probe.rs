//! Finds out what this host lets a launcher do, by doing it in a child.

use std::ffi::CStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, WaitOptions, getegid, geteuid};
use workers_engine_sys::{Cloned, NewNamespaces, SingleThread, clone_process, exit_now, unshare_namespaces};

use super::devices::Devices;
use super::ids::{IdRange, map_ids};
use super::isolation_layer::IsolationLayer;
use super::keeper::ProcessIds;
use super::privileges::take_inner_ids;
use crate::fault::named;
use crate::message::{Configuration, HostFeatures};

/// Finds out what the host lets this launcher do.
///
/// # Errors
///
/// When a piece of the isolation is missing that the operator has not given up explicitly; when an earlier launcher
/// found more; when a failure that may pass (a limit that is reached, no memory) prevents the trial.
pub(super) fn probe(thread: SingleThread, configuration: &Configuration) -> io::Result<HostFeatures> {
    let Some(isolation) = &configuration.isolation else { return Ok(HostFeatures::default()) };
    let own_uids = geteuid().is_root() && works(thread, Some(isolation.first_uid), || Ok(()))?;
    if !own_uids && geteuid().is_root() {
        return Err(io::Error::other(
            "sandboxes cannot have user ids of their own, for the kernel does not let this process map any, and root's own are not for them",
        ));
    }
    if !own_uids && !isolation.may_share_uids {
        return Err(io::Error::other(
            "sandboxes cannot have user ids of their own, for the server is not root: start it as root, or let all of them share \
             the server's id with `--allow-weaker shared-user-id`",
        ));
    }
    let has_overlays = !(cfg!(debug_assertions) && isolation.omitted == Some(IsolationLayer::Overlays));
    let overlays = has_overlays && works(thread, own_uids.then_some(isolation.first_uid), mount_overlay)?;
    let own_devices = own_uids && is_possible(Devices::of_host(&isolation.runtime.devices)?.make())?;
    if !own_devices && !isolation.may_share_uids {
        return Err(io::Error::other(
            "sandboxes cannot have devices of their own, for the kernel does not let this process make any (CAP_MKNOD): \
             let it, or let all of them share the server's id and the host's devices with `--allow-weaker shared-user-id`",
        ));
    }
    let sets_process_ids = works(thread, own_uids.then_some(isolation.first_uid), || ProcessIds::open()?.reset())?;
    let features = HostFeatures { own_uids, overlays, own_devices, sets_process_ids };
    match configuration.required {
        Some(required) if !features.includes(required) => Err(io::Error::other(format!(
            "the host lets a launcher do less than before: {features:?}, before {required:?}"
        ))),
        _ => Ok(features),
    }
}

/// Mounts an overlay, with its changes in memory.
fn mount_overlay() -> io::Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("tmpfs", "/tmp", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None)?;
    rustix::process::chdir("/tmp")?;
    for name in ["lower", "upper", "index", "work"] {
        rustix::fs::mkdir(name, Mode::RWXU)?;
    }
    let options: &CStr = c"lowerdir=lower,upperdir=upper,workdir=index,userxattr";
    mount("overlay", "work", "overlay", MountFlags::NOSUID | MountFlags::NODEV, Some(options))?;
    // Kernels that lack a part of this fail when a file is made or removed.
    rustix::fs::mkdir("work/trial", Mode::RWXU)?;
    Ok(rustix::fs::rmdir("work/trial")?)
}

/// Runs `work` with the id of a process that is alone in a user namespace with these ids.
pub(super) fn in_user_namespace<T>(
    thread: SingleThread,
    ids: IdRange,
    work: impl FnOnce(Pid) -> io::Result<T>,
) -> io::Result<T> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone_process(thread, NewNamespaces::USER_AND_PID)? {
        Cloned::Child => {
            // With its own copy of the writing end open, the child would never see the pipe close.
            drop(release);
            // Blocks until the launcher closes the pipe, or is gone.
            let _ = rustix::io::read(&released, &mut [0; 1]);
            exit_now(0)
        }
        Cloned::Parent { pid, .. } => {
            let done = ids.write(pid).and_then(|()| work(pid));
            drop(release);
            rustix::process::waitpid(Some(pid), WaitOptions::empty())?;
            done
        }
    }
}

/// Runs `trial` in new namespaces, as the user who is mapped into them. Returns whether that is possible here.
///
/// # Errors
///
/// When it failed for a reason that may pass, which says nothing about whether it is possible.
fn works(thread: SingleThread, uid: Option<u32>, trial: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone_process(thread, NewNamespaces::USER_AND_PID) {
        Ok(Cloned::Child) => {
            drop(release);
            // Even after a panic, the child must not run on in the launcher's frames.
            let code = catch_unwind(AssertUnwindSafe(|| {
                if rustix::io::read(&released, &mut [0; 1]) != Ok(1) {
                    return NOT_RELEASED;
                }
                let tried =
                    unshare_namespaces(thread).and_then(|()| take_inner_ids(uid.is_some())).and_then(|()| trial());
                tried.map_or_else(|error| if is_final(&error) { IMPOSSIBLE } else { FAILED }, |()| 0)
            }));
            exit_now(code.unwrap_or(FAILED))
        }
        Ok(Cloned::Parent { pid, .. }) => {
            let ids = uid.map_or_else(|| (geteuid().as_raw(), getegid().as_raw()), |uid| (uid, uid));
            let mapped = map_ids(pid, ids);
            if mapped.is_ok() {
                // Fails if the child has ended meanwhile; its exit status is checked below.
                let _ = rustix::io::write(&release, b"!");
            }
            drop(release);
            let ended = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(pid), WaitOptions::empty()))?;
            // Not before the child is reaped, which has to be done in any case.
            match mapped {
                Err(error) if is_final(&error) => return Ok(false),
                other => other?,
            }
            match ended.and_then(|(_, status)| status.exit_status()) {
                Some(0) => Ok(true),
                Some(IMPOSSIBLE) => Ok(false),
                _ => Err(io::Error::other("a trial of the isolation broke off")),
            }
        }
        Err(error) if is_final(&error) => Ok(false),
        Err(error) => Err(named("a trial of the isolation could not begin", error)),
    }
}

/// Returns whether something was possible.
///
/// # Errors
///
/// As [`works`].
fn is_possible<T>(tried: io::Result<T>) -> io::Result<bool> {
    match tried {
        Err(error) if !is_final(&error) => Err(error),
        other => Ok(other.is_ok()),
    }
}

/// Exit codes of a trial's child: not possible, failed for now, not begun.
const IMPOSSIBLE: i32 = 1;
const FAILED: i32 = 2;
const NOT_RELEASED: i32 = 3;

/// Returns whether a failure means that something is not possible here. After any other failure the next attempt may
/// succeed.
fn is_final(error: &io::Error) -> bool {
    // `NODEV`: the kernel does not know the file system.
    [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::INVAL, Errno::NODEV, Errno::OPNOTSUPP]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_for_lack_of_a_resource_decides_nothing() {
        for errno in [Errno::AGAIN, Errno::NOMEM, Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::INTR, Errno::BUSY] {
            assert!(!is_final(&io::Error::from(errno)), "{errno}");
        }
        assert!(is_final(&io::Error::from(Errno::PERM)) && is_final(&io::Error::from(Errno::NODEV)));
        assert!(!is_final(&io::Error::other("of unknown cause")));
    }
}
