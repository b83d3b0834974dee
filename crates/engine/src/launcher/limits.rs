//! Limits that the kernel keeps for each process, and for each user namespace.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use crate::fault::named;

/// Where the limits of the user namespace of a process are.
const OF_NAMESPACE: &str = "/proc/sys/user";

/// Watchers of files in one sandbox, and the files that they watch together.
pub(super) struct Watches {
    watchers: u32,
    files: u32,
}

impl Watches {
    /// For a worker's sandbox. Where it shares the server's user id, the host has 128 watchers for all of them.
    pub(super) const OF_WORKER: Self = Self { watchers: 16, files: 8192 };

    /// For a machine: what a host grants a user, for tools for development watch whole trees.
    pub(super) const OF_MACHINE: Self = Self { watchers: 128, files: 65_536 };
}

/// Bytes of a core file. With 0 the kernel still starts the host's handler of crashes, as root, where there is one;
/// with 1 it does not, and it writes no file that small.
const CORE: u64 = 1;

const OPEN_FILES: u64 = 4096;
const LOCKED_BYTES: u64 = 64 * 1024;

/// Signals that wait, and timers of the `timer_create` kind.
const QUEUED_SIGNALS: u64 = 512;

/// Limits the user namespace of this process, once it has made all namespaces that it is to have. No process in it has
/// the capability to change that once the walls stand.
pub(super) fn limit_namespace(watches: &Watches) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(OF_NAMESPACE, flags, Mode::empty())?;
    // Without a user namespace of its own, no process of a sandbox has the right to make any other. Each limit takes
    // time, so there are no more.
    write_limit(&directory, "max_user_namespaces", 0)?;
    write_limit(&directory, "max_inotify_instances", watches.watchers)?;
    write_limit(&directory, "max_inotify_watches", watches.files)
}

fn write_limit(directory: &OwnedFd, name: &str, limit: u32) -> io::Result<()> {
    let written = match rustix::fs::openat(directory, name, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
        // Not every kernel has all of them, and then it has not what they limit.
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => Err(error),
        Ok(file) => rustix::io::write(file, limit.to_string().as_bytes()),
    };
    written.map(drop).map_err(|error| named(name, error.into()))
}

/// Lets the sandboxes that this process makes have [`CORE`] where the server's own limit is 0. Only root may raise
/// that.
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
        // Nothing ahead of others, whatever the server may.
        (Resource::Rtprio, Some(0)),
        (Resource::Nice, Some(0)),
        (Resource::Fsize, file_bytes),
    ];
    for (resource, wanted) in limits {
        let Some(wanted) = wanted else { continue };
        let hard = rustix::process::getrlimit(resource).maximum;
        let value = Some(hard.map_or(wanted, |hard| hard.min(wanted)));
        rustix::process::setrlimit(resource, Rlimit { current: value, maximum: value })?;
    }
    Ok(())
}
