//! Ownership and permissions of files and directories.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, Stat, fchmod, fstat};
use rustix::process::geteuid;

use crate::named;

/// The errors of `open` with `O_NOFOLLOW` for a symbolic link; they differ between systems.
const IS_LINK: [rustix::io::Errno; 2] = [rustix::io::Errno::LOOP, rustix::io::Errno::MLINK];

/// The permission bits of group and others.
const OF_OTHERS: u32 = 0o077;

/// Restricts an open file or directory to its owner, if it belongs to us.
pub(crate) fn close(opened: impl AsFd, path: &Path, mode: u32) -> io::Result<()> {
    let status = fstat(&opened)?;
    check_owner(&status, path)?;
    if permissions(&status) == mode {
        return Ok(());
    }
    // Through the descriptor: under the path there may be another file by now.
    fchmod(&opened, Mode::from_raw_mode(mode)).map_err(|error| at(path, error.into()))?;
    // Some file systems accept any mode without applying it.
    let of_others = permissions(&fstat(&opened)?) & OF_OTHERS;
    if of_others == 0 {
        return Ok(());
    }
    Err(refused(path, "is open to other users, and its file system keeps it so: use a directory on another one"))
}

/// Returns an error if the file belongs to another user.
pub(crate) fn check_owner(status: &Stat, path: &Path) -> io::Result<()> {
    let (owner, own) = (status.st_uid, geteuid().as_raw());
    if owner == own {
        return Ok(());
    }
    let why =
        format!("belongs to user {owner}, and this is user {own}: remove it, or give it to this user (`chown {own}`)");
    Err(refused(path, &why))
}

/// Opens a path without following a symbolic link, and without blocking if it is a named pipe.
pub(crate) fn open(path: &Path, flags: OFlags, mode: u32) -> io::Result<std::os::fd::OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::from_raw_mode(mode)).map_err(|error| match error {
        error if IS_LINK.contains(&error) => refused(path, "is a link, which could lead anywhere: remove it"),
        error => at(path, error.into()),
    })
}

pub(crate) fn refused(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", path.display()))
}

pub(crate) fn at(path: &Path, error: io::Error) -> io::Error {
    named(path.display(), error)
}

fn permissions(status: &Stat) -> u32 {
    status.st_mode & 0o7777
}
