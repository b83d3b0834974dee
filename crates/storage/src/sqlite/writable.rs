//! Checks whether a directory accepts writes, by writing a small file that leaves nothing behind.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open, statvfs};
use rustix::io::Errno;

/// The data to write: as large as a few pages of SQLite's log.
static SAMPLE: [u8; 64 * 1024] = [0; 64 * 1024];

/// The reason why a directory accepts no writes.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteObstacle {
    /// Its file system is read-only.
    #[error("the file system of {} is read-only: make it writable again", .0.display())]
    ReadOnly(PathBuf),
    /// There are no free blocks or no free inodes, or the quota is used up.
    #[error("there is no room in {}: make some there", .0.display())]
    Full(PathBuf, #[source] io::Error),
}

/// Writes an unnamed file into a directory. Ignores failures for other reasons than those in [`WriteObstacle`].
pub(super) fn find_write_obstacle(directory: &Path) -> Option<WriteObstacle> {
    let status = statvfs(directory).ok()?;
    if status.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some(WriteObstacle::ReadOnly(directory.to_owned()));
    }
    // A trial, because `statvfs` does not know the quota of this user.
    match write_sample(directory) {
        Err(Errno::ROFS) => Some(WriteObstacle::ReadOnly(directory.to_owned())),
        Err(error @ (Errno::NOSPC | Errno::DQUOT)) => Some(WriteObstacle::Full(directory.to_owned(), error.into())),
        // If the file system does not support unnamed files, use its numbers of free blocks and inodes.
        Err(_) if status.f_bavail == 0 || (status.f_files > 0 && status.f_favail == 0) => {
            Some(WriteObstacle::Full(directory.to_owned(), Errno::NOSPC.into()))
        }
        _ => None,
    }
}

fn write_sample(directory: &Path) -> rustix::io::Result<()> {
    let file = open(directory, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
    let mut left = &SAMPLE[..];
    while !left.is_empty() {
        let written = rustix::io::write(&file, left)?;
        left = &left[written..];
    }
    Ok(())
}
