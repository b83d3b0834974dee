//! What the steps of several processes have in common: the name of a step that fails, and the files that they open.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};

use crate::fault::named;

pub(super) fn open_directory(path: &str) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens `/dev/null`, as input of a process without input and as output of a process without output.
pub(super) fn null_device() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// Adds the name of the failed step to the error.
pub(super) fn step<T, E: Into<io::Error>>(name: &str, result: Result<T, E>) -> io::Result<T> {
    result.map_err(|error| named(name, error.into()))
}
