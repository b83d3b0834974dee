//! Whether a directory takes what is to be written: found out by writing a little, which leaves nothing behind.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open, statvfs};
use rustix::io::Errno;

/// What is written: a few pages of SQLite's log.
static SAMPLE: [u8; 64 * 1024] = [0; 64 * 1024];

/// Why a directory takes nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Obstacle {
    /// Its file system is read-only.
    #[error("the file system of {} is read-only: make it writable again", .0.display())]
    ReadOnly(PathBuf),
    /// There are no blocks or no inodes, or the quota is used up.
    #[error("there is no room in {}: make some there", .0.display())]
    Full(PathBuf, #[source] io::Error),
}

/// Writes a file without a name into a directory. What goes wrong for other reasons than those of [`Obstacle`] is not
/// told.
pub(super) fn find_obstacle(directory: &Path) -> Option<Obstacle> {
    let status = statvfs(directory).ok()?;
    if status.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Some(Obstacle::ReadOnly(directory.to_owned()));
    }
    match write_sample(directory) {
        Err(Errno::ROFS) => Some(Obstacle::ReadOnly(directory.to_owned())),
        Err(error @ (Errno::NOSPC | Errno::DQUOT)) => Some(Obstacle::Full(directory.to_owned(), error.into())),
        // A file system that cannot make files without a name is asked what it has left.
        Err(_) if status.f_bavail == 0 || (status.f_files > 0 && status.f_favail == 0) => {
            Some(Obstacle::Full(directory.to_owned(), Errno::NOSPC.into()))
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
