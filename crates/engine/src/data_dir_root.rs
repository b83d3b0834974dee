//! The data directory, identified by device and inode and not only by its path.
//!
//! While the engine runs, the path may come to mean another directory: the directory is moved, or a file system is
//! mounted over it. Files that are written to the other directory would be in the way when the first one comes back, so
//! we write nothing then.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use workers_private_files::make_directory;

use crate::fault::{DataDirMissing, named};

/// The data directory that the engine was started on.
#[derive(Debug, Clone)]
pub(crate) struct DataDirRoot {
    path: PathBuf,
    identity: (u64, u64),
}

impl DataDirRoot {
    /// Identifies the directory that is at a path now.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let identity = identity_of(path).map_err(|error| named(path.display(), error))?;
        Ok(Self { path: path.to_owned(), identity })
    }

    /// Returns its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the path still means the same directory.
    ///
    /// # Errors
    ///
    /// When it does not, or when that cannot be found out.
    pub(crate) fn check(&self) -> io::Result<()> {
        let what = || format!("the data directory {}", self.path.display());
        match identity_of(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(io::Error::other(DataDirMissing(format!("{} is another one than at the start", what())))),
            Err(error) if is_for_lack_of_resource(&error) => Err(named(what(), error)),
            Err(error) => Err(io::Error::other(DataDirMissing(format!("{}: {error}", what())))),
        }
    }

    /// Makes a directory of a cache in the data directory, if it is missing. Something that is in the way is set aside.
    ///
    /// # Errors
    ///
    /// When the data directory is missing, there is no room, or what is in the way cannot be moved.
    pub(crate) fn make(&self, directory: &Path) -> io::Result<()> {
        self.check()?;
        match make_directory(directory) {
            Err(error) if is_ours(directory) && !is_for_lack_of_resource(&error) => {
                set_aside(directory)?;
                make_directory(directory)
            }
            made => made,
        }
    }
}

/// Returns whether a path exists and belongs to this user. What another user has put there is refused.
fn is_ours(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    // Opened, so that a directory that may not be entered is an error.
    let found = File::open(path)?.metadata()?;
    Ok((found.dev(), found.ino()))
}

/// Returns whether something failed for lack of a resource, which says nothing about the files.
pub(crate) fn is_for_lack_of_resource(error: &io::Error) -> bool {
    crate::fault::kind_of(error) != workers_domain::ports::SandboxErrorKind::Failed
}

/// Makes the directories of `inner` in `top`, if they are missing. `top` itself is never made: if it was moved away
/// meanwhile, another one in its place would be in the way when it comes back.
///
/// # Errors
///
/// When one cannot be made.
pub(crate) fn make_below(top: &Path, inner: &Path) -> io::Result<()> {
    let mut path = top.to_owned();
    for component in inner.components() {
        path.push(component);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(named(path.display(), error)),
            _ => {}
        }
    }
    Ok(())
}

/// Renames what is unusable, so that it is out of the way but stays in the same directory.
///
/// # Errors
///
/// When it cannot be moved.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    // A new name each time, so that nothing that was set aside before is replaced.
    aside.push(format!(".aside-{}", Uuid::new_v4().simple()));
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).map_err(|error| named(format_args!("{} is in the way", path.display()), error))?;
    tracing::warn!(path = %path.display(), to = %aside.display(), "what cannot be used was set aside; remove it");
    Ok(())
}

/// Removes a file, a link, or a directory with all that is in it. A missing path is fine.
///
/// # Errors
///
/// When a part of it cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    // Of a link, the link itself is removed and not what it leads to.
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        // If a file is in the place of a directory above it, the path does not exist either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        other => other.map_err(|error| named(path.display(), error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_directory_that_was_moved_away_is_missed_and_not_made_again() {
        let root = tempfile::tempdir().unwrap();
        let (path, away) = (root.path().join("data"), root.path().join("away"));
        fs::create_dir(&path).unwrap();
        let root_of_data = DataDirRoot::of(&path).unwrap();
        fs::rename(&path, &away).unwrap();
        assert!(root_of_data.check().unwrap_err().to_string().contains("data"));
        assert!(root_of_data.make(&path.join("cache")).is_err());
        assert!(!path.exists());
        fs::create_dir(&path).unwrap();
        assert!(root_of_data.check().unwrap_err().to_string().contains("another one"));
        fs::remove_dir(&path).unwrap();
        fs::rename(&away, &path).unwrap();
        root_of_data.make(&path.join("cache")).unwrap();
    }

    #[test]
    fn directories_are_made_below_one_that_is_there_and_in_no_other() {
        let root = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            make_below(root.path(), Path::new("a/b/c")).unwrap();
        }
        assert!(root.path().join("a/b/c").is_dir());
        let away = root.path().join("away");
        assert_eq!(make_below(&away, Path::new("a/b")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!away.exists());
    }

    #[test]
    fn what_lies_in_the_way_of_a_cache_is_set_aside_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let root_of_data = DataDirRoot::of(root.path()).unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        fs::write(&file, "kept").unwrap();
        symlink("nowhere", &link).unwrap();
        for path in [&file, &link] {
            root_of_data.make(path).unwrap();
            assert!(path.symlink_metadata().unwrap().is_dir());
        }
        let aside: Vec<_> = fs::read_dir(root.path()).unwrap().map(|item| item.unwrap().path()).collect();
        // The two new directories, and what lay in their way.
        assert_eq!(aside.len(), 4);
        assert!(aside.iter().any(|path| fs::read(path).is_ok_and(|bytes| bytes == b"kept")));
    }

    #[test]
    fn anything_can_be_removed_and_what_is_not_there_too() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("path");
        fs::create_dir_all(path.join("below")).unwrap();
        remove(&path).unwrap();
        fs::write(&path, "").unwrap();
        remove(&path.join("below")).unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(!path.exists());
    }
}
