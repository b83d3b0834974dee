//! Limits that the kernel keeps per process, and per user namespace.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use crate::fault::named;

/// The directory with the limits of the current process's user namespace.
const OF_NAMESPACE: &str = "/proc/sys/user";

/// Limits on inotify: the number of watchers in one sandbox, and the number of files that they watch together.
pub(super) struct Watches {
    watchers: u32,
    files: u32,
}

impl Watches {
    /// For a worker's sandbox. Where it shares the server's user id, the host has 128 watchers for all sandboxes
    /// together.
    pub(super) const OF_WORKER: Self = Self { watchers: 16, files: 8192 };

    /// For a container: what a host grants a user, because development tools watch whole trees.
    pub(super) const OF_CONTAINER: Self = Self { watchers: 128, files: 65_536 };
}

/// The limit of a core file's size in bytes. With 0 the kernel still starts the host's crash handler, if there is one,
/// as root. With 1 it does not, and it writes no file that small.
const CORE: u64 = 1;

const OPEN_FILES: u64 = 4096;
const LOCKED_BYTES: u64 = 64 * 1024;

/// Queued signals, and timers made with `timer_create`.
const QUEUED_SIGNALS: u64 = 512;

/// Limits the user namespace of this process, after it has made all its other namespaces. No process in it has the
/// capability to change the limits once the isolation is set up.
pub(super) fn limit_namespace(watches: &Watches) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(OF_NAMESPACE, flags, Mode::empty())?;
    // Without the right to make a user namespace, no process of a sandbox can make any other namespace, so one limit is
    // enough. Each further limit would take time.
    write_limit(&directory, "max_user_namespaces", 0)?;
    write_limit(&directory, "max_inotify_instances", watches.watchers)?;
    write_limit(&directory, "max_inotify_watches", watches.files)
}

fn write_limit(directory: &OwnedFd, name: &str, limit: u32) -> io::Result<()> {
    let written = match rustix::fs::openat(directory, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        // Not every kernel has all of them; a kernel without the limit lacks the limited feature, too.
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => Err(error),
        Ok(file) => rustix::io::write(file, limit.to_string().as_bytes()),
    };
    written.map(drop).map_err(|error| named(name, error.into()))
}

/// Sets the launcher's core limit to [`CORE`], so that its sandboxes can have that value even where the server's own
/// limit is 0. Only root may raise a limit, so for other users it stays 0 there.
pub(super) fn skip_crash_handler() {
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(CORE), maximum: Some(CORE) });
}

/// Limits this process and its descendants.
pub(super) fn set_limits(file_bytes: Option<u64>) -> io::Result<()> {
    let limits = [
        (Resource::Core, Some(CORE)),
        (Resource::Nofile, Some(OPEN_FILES)),
        (Resource::Memlock, Some(LOCKED_BYTES)),
        (Resource::Msgqueue, Some(0)),
        (Resource::Sigpending, Some(QUEUED_SIGNALS)),
        // No priority above other processes, whatever the server itself may have.
        (Resource::Rtprio, Some(0)),
        (Resource::Nice, Some(0)),
        (Resource::Fsize, file_bytes),
    ];
    for (resource, wanted) in limits {
        let Some(wanted) = wanted else { continue };
        // Where the server's own limit is lower it stays: only the host's root may raise one.
        let hard = rustix::process::getrlimit(resource).maximum;
        let value = Some(hard.map_or(wanted, |hard| hard.min(wanted)));
        rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value })?;
    }
    Ok(())
}
