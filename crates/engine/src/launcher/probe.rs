//! What this machine lets a launcher do, found out by doing it in a child.

use std::ffi::CStr;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rustix::fs::Mode;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, WaitOptions, getegid, geteuid};
use workers_engine_sys::{Cloned, Namespaces, SingleThread, clone_process, enter_own_namespaces, exit_now};

use super::confine::take_inner_ids;
use super::create::{IdRange, map_ids};

/// Whether a user id that is not the launcher's own can be mapped.
pub(super) fn own_uids_work(thread: SingleThread, uid: u32) -> bool {
    geteuid().is_root() && works(thread, Some(uid), || Ok(()))
}

/// Whether an overlay can be mounted, with its changes in memory.
pub(super) fn overlays_work(thread: SingleThread, uid: Option<u32>) -> bool {
    works(thread, uid, || {
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        mount("tmpfs", "/tmp", "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, None)?;
        rustix::process::chdir("/tmp")?;
        for name in ["lower", "upper", "index", "work"] {
            rustix::fs::mkdir(name, Mode::RWXU)?;
        }
        let options: &CStr = c"lowerdir=lower,upperdir=upper,workdir=index,userxattr";
        mount("overlay", "work", "overlay", MountFlags::NOSUID | MountFlags::NODEV, Some(options))?;
        // Making a file and removing it again is where kernels without all that is needed fail.
        rustix::fs::mkdir("work/trial", Mode::RWXU)?;
        Ok(rustix::fs::rmdir("work/trial")?)
    })
}

/// Does something with a process that is alone in a user namespace with these ids.
pub(super) fn in_user_namespace<T>(
    thread: SingleThread,
    ids: IdRange,
    work: impl FnOnce(Pid) -> io::Result<T>,
) -> io::Result<T> {
    let (released, release) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone_process(thread, Namespaces::OWN)? {
        Cloned::Child => {
            drop(release);
            // Until the launcher lets go, or is gone.
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

/// Does something in new namespaces, as the user who is mapped into them; says whether that went well.
fn works(thread: SingleThread, uid: Option<u32>, trial: impl FnOnce() -> io::Result<()>) -> bool {
    let Ok((released, release)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC) else { return false };
    match clone_process(thread, Namespaces::OWN) {
        Ok(Cloned::Child) => {
            drop(release);
            // Whatever happens, no frame of the launcher goes on in the child.
            let code = catch_unwind(AssertUnwindSafe(|| {
                if rustix::io::read(&released, &mut [0; 1]) != Ok(1) {
                    return 1;
                }
                i32::from(
                    enter_own_namespaces(thread)
                        .and_then(|()| take_inner_ids(uid.is_some()))
                        .and_then(|()| trial())
                        .is_err(),
                )
            }));
            exit_now(code.unwrap_or(101))
        }
        Ok(Cloned::Parent { pid, .. }) => {
            let ids = uid.map_or_else(|| (geteuid().as_raw(), getegid().as_raw()), |uid| (uid, uid));
            let mapped = map_ids(pid, ids).is_ok() && rustix::io::write(&release, b"!").is_ok();
            drop(release);
            let ended = rustix::process::waitpid(Some(pid), WaitOptions::empty());
            mapped && ended.is_ok_and(|ended| ended.is_some_and(|(_, status)| status.exit_status() == Some(0)))
        }
        Err(_) => false,
    }
}
