//! Reserves disk space for operations that free space. Deleting a worker is first written to the log, which has to grow
//! for it just when the disk is full.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tracing::debug;
use workers_private_files::open_file;

use super::companions::LOG_BYTES;

/// Space for several deletions: each changes a few pages of four kilobytes.
const REMOVALS: u64 = 256 * 1024;

/// The sizes to try. The first one also covers the growth of the file when the whole log is copied into it, after which
/// the log starts again. The second one is for small disks.
const SIZES: [u64; 2] = [LOG_BYTES + REMOVALS, REMOVALS];

/// Reserves the space, unless it is already reserved. If there is not enough, nothing is left behind.
pub(super) fn keep(database: &Path) {
    let path = path_of(database);
    let kept = fs::metadata(&path).map_or(0, |found| found.len());
    for bytes in SIZES.into_iter().filter(|bytes| *bytes > kept) {
        match take(&path, bytes) {
            Ok(()) => return,
            Err(error) => debug!(error = &error as &dyn std::error::Error, bytes, "failed to keep room for removals"),
        }
        // What a failed attempt has left is of no use. Room that was reserved before stays.
        if kept == 0 {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Releases the space. Returns whether any was reserved.
pub(super) fn release(database: &Path) -> bool {
    fs::remove_file(path_of(database)).is_ok()
}

fn take(path: &Path, bytes: u64) -> io::Result<()> {
    let mut file = open_file(path)?;
    // Setting only the length would make a sparse file, which reserves nothing.
    match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            // Not zeros: a file system may store those without using space.
            let written = io::copy(&mut io::repeat(1).take(bytes), &mut file).and_then(|_| file.flush());
            // Some file systems take the room only when they write to the disk.
            written.and_then(|()| file.sync_data())
        }
        done => Ok(done?),
    }
}

fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-room");
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken_once_and_given_up_once() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("workers.sqlite3");
        assert!(!release(&database));
        keep(&database);
        keep(&database);
        assert_eq!(fs::metadata(directory.path().join("workers.sqlite3-room")).unwrap().len(), SIZES[0]);
        assert!(release(&database) && !release(&database));
    }

    #[test]
    fn where_it_cannot_be_taken_nothing_is_left() {
        // No user can make a file in `/proc`.
        keep(Path::new("/proc/workers.sqlite3"));
        assert!(!release(Path::new("/proc/workers.sqlite3")));
    }
}
