//! The data directory, known by more than its name.
//!
//! A name may come to mean another directory while the engine runs: it is moved, or a file system is mounted over it.
//! What is written there then would be in the way when the first one comes back, so nothing is.

use std::error::Error;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use workers_private_files::make_directory;

use crate::fault::named;

/// A directory is not where it was. What is in it is not gone.
#[derive(Debug)]
pub(crate) struct Away(String);

impl fmt::Display for Away {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for Away {}

/// The data directory that the engine was started on.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    path: PathBuf,
    identity: (u64, u64),
}

impl Home {
    /// Takes the directory that is there now.
    ///
    /// # Errors
    ///
    /// When it cannot be looked at.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let identity = identity_of(path).map_err(|error| named(path.display(), error))?;
        Ok(Self { path: path.to_owned(), identity })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still means that directory.
    ///
    /// # Errors
    ///
    /// When it does not, or when that cannot be found out.
    pub(crate) fn check(&self) -> io::Result<()> {
        let what = || format!("the data directory {}", self.path.display());
        match identity_of(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(io::Error::other(Away(format!("{} is another one than at the start", what())))),
            Err(error) if is_for_want(&error) => Err(named(what(), error)),
            Err(error) => Err(io::Error::other(Away(format!("{}: {error}", what())))),
        }
    }

    /// Makes a directory of a cache below, if it is not there. What lies in the way is set aside.
    ///
    /// # Errors
    ///
    /// When the data directory is away, there is no room, or what lies in the way cannot be moved.
    pub(crate) fn make(&self, directory: &Path) -> io::Result<()> {
        self.check()?;
        match make_directory(directory) {
            Err(error) if is_ours(directory) && !is_for_want(&error) => {
                set_aside(directory)?;
                make_directory(directory)
            }
            made => made,
        }
    }
}

/// Whether something lies at a path that belongs to this user. What another user has put there is refused.
fn is_ours(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

fn identity_of(path: &Path) -> io::Result<(u64, u64)> {
    // Opened, so that a directory that may not be entered is an error.
    let found = File::open(path)?.metadata()?;
    Ok((found.dev(), found.ino()))
}

/// Whether something failed because the machine had too little, which says nothing about the files.
pub(crate) fn is_for_want(error: &io::Error) -> bool {
    crate::fault::kind_of(error) != workers_domain::ports::SandboxErrorKind::Failed
}

/// Makes the directories `inner` in `top`, those that are not there yet. `top` itself is never made: if it was moved
/// away meanwhile, another one in its place would be in the way when it comes back.
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

/// Moves what cannot be used out of the way, beside where it was.
///
/// # Errors
///
/// When it cannot be moved.
pub(crate) fn set_aside(path: &Path) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".aside-{}", Uuid::new_v4().simple()));
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).map_err(|error| named(format_args!("{} is in the way", path.display()), error))?;
    tracing::warn!(path = %path.display(), to = %aside.display(), "what cannot be used was set aside; remove it");
    Ok(())
}

/// Removes a file, a link, or a directory with all that is in it. What is not there is no error.
///
/// # Errors
///
/// When something of it cannot be removed.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        // With a file in the place of a directory above it, nothing is there either.
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
        let home = Home::of(&path).unwrap();
        fs::rename(&path, &away).unwrap();
        assert!(home.check().unwrap_err().to_string().contains("data"));
        assert!(home.make(&path.join("cache")).is_err());
        assert!(!path.exists());
        fs::create_dir(&path).unwrap();
        assert!(home.check().unwrap_err().to_string().contains("another one"));
        fs::remove_dir(&path).unwrap();
        fs::rename(&away, &path).unwrap();
        home.make(&path.join("cache")).unwrap();
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
        let home = Home::of(root.path()).unwrap();
        let (file, link) = (root.path().join("file"), root.path().join("link"));
        fs::write(&file, "kept").unwrap();
        symlink("nowhere", &link).unwrap();
        for path in [&file, &link] {
            home.make(path).unwrap();
            assert!(path.symlink_metadata().unwrap().is_dir());
        }
        let aside: Vec<_> = fs::read_dir(root.path()).unwrap().map(|item| item.unwrap().path()).collect();
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
