//! Private files.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, fstat};

use crate::FILE_MODE;
use crate::owner::{at, close, open, refused};

/// Opens a file for reading and writing, creates it if necessary, and restricts it to its owner.
///
/// # Errors
///
/// If the file cannot be created, is not a regular file, belongs to another user, or has more than one name (hard
/// links).
pub fn open_file(path: &Path) -> io::Result<File> {
    take(path, OFlags::RDWR | OFlags::CREATE)
}

/// Restricts a file to its owner, if it exists.
///
/// # Errors
///
/// If it is not a regular file, belongs to another user, or has more than one name.
pub fn close_file(path: &Path) -> io::Result<()> {
    match take(path, OFlags::RDONLY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map(drop),
    }
}

/// Returns the content of a file.
///
/// # Errors
///
/// If it does not exist, is not a regular file, belongs to another user, or has more than one name.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    take(path, OFlags::RDONLY)?.read_to_end(&mut bytes).map_err(|error| at(path, error))?;
    Ok(bytes)
}

/// Replaces a file atomically: at any time either the old or the new content exists, complete and on disk.
///
/// # Errors
///
/// If the file cannot be written.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = PathBuf::from(path).into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    // Removes the remains of an earlier attempt that was interrupted.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&new, error)),
        _ => {}
    }
    // With `O_EXCL`, a file or a link that another process has put there since then is refused.
    let written = take(&new, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL).and_then(|mut file| {
        file.write_all(bytes)?;
        // Before the rename: otherwise a power failure could leave the new name with an empty file.
        file.sync_all()?;
        fs::rename(&new, path)?;
        // The rename is a change of the directory, which has to be on disk too.
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    });
    written.map_err(|error| at(path, error))
}

fn take(path: &Path, flags: OFlags) -> io::Result<File> {
    let opened = open(path, flags, FILE_MODE)?;
    let status = fstat(&opened)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(refused(path, "is no ordinary file: remove it"));
    }
    // Under its other name it could be any other file of ours.
    if status.st_nlink > 1 {
        return Err(refused(path, "has a second name: remove one of the two"));
    }
    close(&opened, path, FILE_MODE)?;
    Ok(opened.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_file_is_closed_whether_it_is_new_or_was_open() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        open_file(&path).unwrap().write_all(b"text").unwrap();
        assert_eq!(mode(&path), 0o600);
        // Bits that are too many go, such as set-user-id, and the missing right to write comes back.
        for loose in [0o666, 0o644, 0o4755, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(loose)).unwrap();
            assert_eq!(read_file(&path).unwrap(), b"text");
            assert_eq!(mode(&path), 0o600);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        close_file(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_what_was_never_finished_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(root.path().join("file.new"), b"unfinished").unwrap();
        for text in [b"long text".as_slice(), b"short"] {
            replace_file(&path, text).unwrap();
            assert_eq!((read_file(&path).unwrap(), mode(&path)), (text.to_vec(), 0o600));
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_there_is_not_made_to_be_closed_or_read() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("none");
        close_file(&path).unwrap();
        assert_eq!(read_file(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!path.exists());
    }

    #[test]
    fn a_link_a_second_name_and_a_pipe_are_refused_with_their_path() {
        let root = tempfile::tempdir().unwrap();
        let [target, link, name, pipe] = ["target", "link", "name", "pipe"].map(|name| root.path().join(name));
        fs::write(&target, b"text").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&target, &link).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        let refuse = |path: &Path| {
            for refused in [open_file(path).map(drop), read_file(path).map(drop), close_file(path)] {
                let error = refused.unwrap_err().to_string();
                assert!(error.starts_with(path.to_str().unwrap()), "{error}");
            }
        };
        refuse(&link);
        refuse(&pipe);
        fs::hard_link(&target, &name).unwrap();
        refuse(&name);
        assert_eq!(mode(&target), 0o644);
    }

    #[test]
    fn a_file_of_another_user_is_refused_with_its_path() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        fs::write(&path, b"text").unwrap();
        if chown(&path, Some(12345), Some(12345)).is_err() {
            // Only root may change the owner of a file.
            return;
        }
        for refused in [open_file(&path).map(drop), read_file(&path).map(drop), close_file(&path)] {
            let error = refused.unwrap_err().to_string();
            assert!(error.starts_with(path.to_str().unwrap()) && error.contains("12345"), "{error}");
        }
    }
}
