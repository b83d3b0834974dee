//! The directories of the records, and checks that they are still the same and have room.
//!
//! A path is a name, and what it refers to can change under a running server: the data directory is moved, a disk is
//! mounted over it, a copy is restored. The next start would not find what is written then, so nothing is written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;
use workers_private_files::make_directory;

/// A file system with fewer free bytes than this counts as full: room for a few records.
const LEAST_BYTES: u64 = 64 << 10;
/// A file system with fewer free files than this counts as full.
const LEAST_FILES: u64 = 4;

/// Why a request that changes something is refused while records cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file system is full.
    Full,
    /// The file system is read-only.
    ReadOnly,
    /// The directory is away, is another one, or cannot be used.
    Unavailable,
}

impl Fault {
    /// Classifies an I/O error.
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            _ => Self::Unavailable,
        }
    }
}

/// The directories as they were at the start.
pub(super) struct Home {
    directories: Vec<(PathBuf, Identity)>,
}

/// Identifies a directory independently of its path: device and inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    number: u64,
}

impl Home {
    /// Creates those of the directories that do not exist, and records the identity of each.
    pub(super) fn open(directories: Vec<PathBuf>) -> io::Result<Self> {
        let open = |path: PathBuf| {
            make_directory(&path)?;
            let identity = Identity::of(&path)?;
            Ok((path, identity))
        };
        Ok(Self { directories: directories.into_iter().map(open).collect::<io::Result<_>>()? })
    }

    /// Checks that each directory still exists and is the same one.
    pub(super) fn check_identity(&self) -> io::Result<()> {
        self.directories.iter().try_for_each(|(path, identity)| {
            if Identity::of(path)? == *identity {
                return Ok(());
            }
            let message = format!(
                "{} is another directory than the server was started with; put that one back, or start the server anew to \
                 use what is there now",
                path.display()
            );
            Err(io::Error::other(message))
        })
    }

    /// Checks that a record could be written to each directory.
    pub(super) fn check(&self) -> io::Result<()> {
        self.check_identity()?;
        self.directories.iter().try_for_each(|(path, _)| check_room(path))
    }
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::metadata(path).map_err(|error| named(path, &error))?;
        Ok(Self { device: found.dev(), number: found.ino() })
    }
}

fn check_room(path: &Path) -> io::Result<()> {
    let found = rustix::fs::statvfs(path).map_err(|error| named(path, &error.into()))?;
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(named(path, &io::ErrorKind::ReadOnlyFilesystem.into()));
    }
    // Root may use the blocks that a file system reserves for it.
    let is_root = rustix::process::geteuid().is_root();
    let (blocks, files) = if is_root { (found.f_bfree, found.f_ffree) } else { (found.f_bavail, found.f_favail) };
    // Some file systems report no number of files.
    let has_files = found.f_files == 0 || files >= LEAST_FILES;
    if blocks.saturating_mul(found.f_frsize) < LEAST_BYTES || !has_files {
        return Err(named(path, &io::ErrorKind::StorageFull.into()));
    }
    Ok(())
}

/// Adds the path to an I/O error.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_went_or_was_replaced_is_missed_and_one_that_is_put_back_is_the_same() {
        let root = tempfile::tempdir().unwrap();
        let (path, away) = (root.path().join("records"), root.path().join("away"));
        let home = Home::open(vec![path.clone()]).unwrap();
        home.check().unwrap();
        fs::rename(&path, &away).unwrap();
        let missing = home.check().unwrap_err();
        assert_eq!((Fault::of(&missing), missing.kind()), (Fault::Unavailable, io::ErrorKind::NotFound));
        fs::create_dir(&path).unwrap();
        let replaced = home.check().unwrap_err().to_string();
        assert!(replaced.starts_with(path.to_str().unwrap()) && replaced.contains("another"), "{replaced}");
        fs::remove_dir(&path).unwrap();
        fs::rename(&away, &path).unwrap();
        home.check().unwrap();
    }

    #[test]
    fn no_room_and_a_file_system_that_can_only_be_read_are_distinguished() {
        for (kind, fault) in [
            (io::ErrorKind::StorageFull, Fault::Full),
            (io::ErrorKind::QuotaExceeded, Fault::Full),
            (io::ErrorKind::ReadOnlyFilesystem, Fault::ReadOnly),
            (io::ErrorKind::PermissionDenied, Fault::Unavailable),
        ] {
            assert_eq!(Fault::of(&named(Path::new("/a"), &kind.into())), fault);
        }
    }
}
