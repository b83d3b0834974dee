//! Private directories.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fstat};
use rustix::process::geteuid;

use crate::DIRECTORY_MODE;
use crate::owner::{at, check_owner, close, open, refused};

/// The sticky bit, which is set on directories that are shared by all users, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// Creates the data directory and its missing parents, and restricts it to its owner. Returns its path without symbolic
/// links.
///
/// # Errors
///
/// If the directory cannot be created, or cannot be restricted to its owner.
pub fn make_data_directory(path: &Path) -> io::Result<PathBuf> {
    // A symbolic link to the directory is allowed if it was created by root or by us. A link of another user could lead
    // anywhere.
    if let Ok(status) = fs::symlink_metadata(path)
        && status.is_symlink()
        && ![0, geteuid().as_raw()].contains(&status.uid())
    {
        return Err(refused(path, &format!("is a link of user {}: remove it", status.uid())));
    }
    make(path, true)?;
    let path = path.canonicalize().map_err(|error| at(path, error))?;
    // Checked before opening: another user's directory may be impossible to open, and that error would not say what to
    // do.
    check_owner(&rustix::fs::stat(&path)?, &path)?;
    let opened = open(&path, OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
    // Restricting the root directory or a shared directory would lock out the other users of the host.
    if path.parent().is_none() || fstat(&opened)?.st_mode & STICKY != 0 {
        return Err(refused(&path, "is for all users of this machine: use a directory of its own"));
    }
    close(opened, &path, DIRECTORY_MODE)?;
    Ok(path)
}

/// Restricts the data directory to its owner, if it exists.
///
/// # Errors
///
/// If it cannot be restricted to its owner.
pub fn close_data_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => make_data_directory(path).map(drop),
    }
}

/// Creates a directory inside one that is already restricted, and restricts it. Missing parents are not created: if a
/// data directory was moved away, a new one would take its place, and it could not be moved back.
///
/// # Errors
///
/// If the directory cannot be created, is a link or belongs to another user, or if its parent does not exist.
pub fn make_directory(path: &Path) -> io::Result<()> {
    make(path, false)?;
    close(open(path, OFlags::RDONLY | OFlags::DIRECTORY, 0)?, path, DIRECTORY_MODE)
}

fn make(path: &Path, with_those_above: bool) -> io::Result<()> {
    match DirBuilder::new().recursive(with_those_above).mode(DIRECTORY_MODE).create(path) {
        // Whether an existing entry is a directory is checked when it is opened.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_directory_is_closed_whether_it_is_new_or_was_open() {
        let root = tempfile::tempdir().unwrap();
        let (new, old) = (root.path().join("a/new"), root.path().join("old"));
        fs::create_dir(&old).unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o2777)).unwrap();
        for path in [&new, &old] {
            make_data_directory(path).unwrap();
            assert_eq!(mode(path), 0o700);
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
            make_directory(path).unwrap();
            assert_eq!(mode(path), 0o700);
        }
        assert_eq!(mode(&root.path().join("a")), 0o700);
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_made_to_be_closed() {
        let root = tempfile::tempdir().unwrap();
        close_data_directory(&root.path().join("none")).unwrap();
        assert!(!root.path().join("none").exists());
    }

    #[test]
    fn a_link_to_the_data_directory_is_followed_and_one_within_it_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let (target, link) = (root.path().join("target"), root.path().join("link"));
        fs::create_dir(&target).unwrap();
        symlink(&target, &link).unwrap();
        assert_eq!(make_data_directory(&link).unwrap(), target.canonicalize().unwrap());
        let error = make_directory(&link).unwrap_err().to_string();
        assert!(error.contains("link"), "{error}");
    }

    #[test]
    fn a_directory_for_everybody_is_left_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        for path in [root.path(), Path::new("/")] {
            let before = mode(path);
            let error = make_data_directory(path).unwrap_err().to_string();
            assert!(error.contains("for all users"), "{error}");
            assert_eq!(mode(path), before);
        }
    }

    #[test]
    fn a_directory_or_a_link_of_another_user_is_refused_with_its_path() {
        if !geteuid().is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let (other, link) = (root.path().join("other"), root.path().join("link"));
        fs::create_dir(&other).unwrap();
        chown(&other, Some(12345), Some(12345)).unwrap();
        symlink(root.path().join("target"), &link).unwrap();
        fs::create_dir(root.path().join("target")).unwrap();
        std::os::unix::fs::lchown(&link, Some(12345), None).unwrap();
        for path in [&other, &link] {
            for refused in [make_data_directory(path).map(drop), make_directory(path)] {
                let error = refused.unwrap_err().to_string();
                assert!(error.starts_with(path.to_str().unwrap()), "{error}");
            }
        }
        assert!(make_data_directory(&other).unwrap_err().to_string().contains("chown 0"));
    }
}
