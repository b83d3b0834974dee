//! Copies and reads a tree that may be hostile. No link is followed, nothing outside of the tree is opened, and only
//! directories, ordinary files and links are copied.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, fchmod, mkdirat, openat2, readlinkat, statat,
};
use sha2::{Digest, Sha256};

use crate::fault;
use crate::snapshot::manifest::{Digest256, Entry, EntryKind, Manifest};

/// How deep directories may be nested.
const MAX_DEPTH: usize = 100;

/// The most files, directories and links of one tree.
const MAX_ENTRIES: usize = 200_000;

/// The mode of directories: open to all users. The directory that the tree lies in decides who can reach it. For a
/// sandbox, whose user is not ours, the tree is the lower layer of an overlay, which its changes never reach.
pub(crate) const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o777);

/// The owner of snapshots' files on the host, if sandboxes have user ids of their own: an id above all of their ranges
/// that is used for nothing else.
pub(crate) const CONTENT_OWNER: u32 = 0x7100_0000;

/// Gives a file or directory to its owner.
pub(crate) fn give_away(to: impl AsFd, owner: Option<u32>) -> io::Result<()> {
    if let Some(owner) = owner {
        rustix::fs::fchown(to, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
    }
    Ok(())
}

/// The flags with which an ordinary file is opened: never over a link, and without blocking in case it is a pipe.
const FILE_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Returns the mode of a file in a snapshot.
pub(crate) fn file_mode(executable: bool) -> Mode {
    Mode::from_raw_mode(if executable { 0o777 } else { 0o666 })
}

/// Copies the content of one directory into another, which is empty.
///
/// # Errors
///
/// When there is no room, or the tree is too deep or too large, or a name is not UTF-8.
pub(crate) fn copy_tree(from: BorrowedFd<'_>, to: BorrowedFd<'_>, owner: Option<u32>) -> io::Result<Manifest> {
    Walk { owner, entries: Vec::new() }.all(from, Some(to))
}

/// Returns the manifest of a directory's content.
///
/// # Errors
///
/// When something cannot be read, or the tree is too deep or too large, or a name is not UTF-8.
pub(crate) fn survey_tree(tree: BorrowedFd<'_>) -> io::Result<Manifest> {
    Walk { owner: None, entries: Vec::new() }.all(tree, None)
}

/// A walk through a tree that reads everything, and copies it if there is a target.
struct Walk {
    owner: Option<u32>,
    entries: Vec<Entry>,
}

impl Walk {
    fn all(mut self, from: BorrowedFd<'_>, to: Option<BorrowedFd<'_>>) -> io::Result<Manifest> {
        // A directory that was opened with `O_PATH` cannot be listed, so it is opened again.
        let from = open(from, ".", FILE_FLAGS | OFlags::DIRECTORY)?;
        self.directory(from.as_fd(), to, "", 0)?;
        Ok(Manifest::new(self.entries))
    }

    fn directory(
        &mut self,
        from: BorrowedFd<'_>,
        to: Option<BorrowedFd<'_>>,
        prefix: &str,
        depth: usize,
    ) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other(format!("more than {MAX_DEPTH} directories in each other")));
        }
        for item in Dir::read_from(from)? {
            let item = item?;
            let name = item.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            if self.entries.len() >= MAX_ENTRIES {
                return Err(io::Error::other(format!("more than {MAX_ENTRIES} files")));
            }
            let text = name.to_str().map_err(|_| io::Error::other("a file name that is not UTF-8"))?;
            let path = format!("{prefix}{text}");
            let named = |error: io::Error| fault::named(&path, error);
            // Before anything is opened, so that pipes and devices are skipped without opening them.
            let kind = match FileType::from_raw_mode(statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
                FileType::Directory => {
                    let source = open(from, text, FILE_FLAGS | OFlags::DIRECTORY).map_err(named)?;
                    let target = to.map(|to| self.new_directory(to, text)).transpose()?;
                    self.entries.push(Entry { path: path.clone(), kind: EntryKind::Directory });
                    let to = target.as_ref().map(OwnedFd::as_fd);
                    self.directory(source.as_fd(), to, &format!("{path}/"), depth + 1)?;
                    continue;
                }
                FileType::RegularFile => self.file(from, to, text).map_err(named)?,
                FileType::Symlink => {
                    let target = readlinkat(from, name, Vec::new())?;
                    to.map_or(Ok(()), |to| rustix::fs::symlinkat(&target, to, name))?;
                    let target = target.into_string().map_err(|_| io::Error::other("a link that is not UTF-8"))?;
                    EntryKind::Link { target }
                }
                // Sockets, pipes and devices are skipped.
                _ => continue,
            };
            self.entries.push(Entry { path, kind });
        }
        Ok(())
    }

    fn new_directory(&self, to: BorrowedFd<'_>, name: &str) -> io::Result<OwnedFd> {
        mkdirat(to, name, DIRECTORY_MODE)?;
        let made = open(to, name, FILE_FLAGS | OFlags::DIRECTORY)?;
        // The umask takes bits from the mode with which something is made.
        fchmod(&made, DIRECTORY_MODE)?;
        give_away(&made, self.owner)?;
        Ok(made)
    }

    fn new_file(&self, to: BorrowedFd<'_>, name: &str, executable: bool) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = file_mode(executable);
        let created = openat2(to, name, flags, mode, ResolveFlags::BENEATH)?;
        fchmod(&created, mode)?;
        give_away(&created, self.owner)?;
        Ok(File::from(created))
    }

    fn file(&self, from: BorrowedFd<'_>, to: Option<BorrowedFd<'_>>, name: &str) -> io::Result<EntryKind> {
        let source = open(from, name, FILE_FLAGS)?;
        // We check the open file, because the name may mean another file by now.
        let status = rustix::fs::fstat(&source)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("no longer an ordinary file"));
        }
        let executable = status.st_mode & 0o111 != 0;
        let mut target = to.map(|to| self.new_file(to, name, executable)).transpose()?;
        let mut source = File::from(source);
        let (mut hasher, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; 64 * 1024]);
        loop {
            let length = source.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            if let Some(target) = &mut target {
                target.write_all(bytes)?;
            }
            size += u64::try_from(length).unwrap_or_default();
        }
        Ok(EntryKind::File { executable, size, digest: Digest256::finish(hasher) })
    }
}

/// Opens one entry of a directory, never over a link or onto another mount.
pub(crate) fn open(directory: BorrowedFd<'_>, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    Ok(openat2(directory, path, flags, Mode::empty(), resolve)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn copied(from: &std::path::Path) -> (io::Result<Manifest>, tempfile::TempDir) {
        let to = tempfile::tempdir().unwrap();
        let (source, target) = (File::open(from).unwrap(), File::open(to.path()).unwrap());
        (copy_tree(source.as_fd(), target.as_fd(), None), to)
    }

    #[test]
    fn files_directories_and_links_are_copied_and_links_are_not_followed() {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir(from.path().join("directory")).unwrap();
        fs::write(from.path().join("directory/file"), "text").unwrap();
        symlink("/etc/passwd", from.path().join("link")).unwrap();
        let (manifest, to) = copied(from.path());
        let manifest = manifest.unwrap();
        assert_eq!(manifest.size_bytes(), 4);
        for tree in [from.path(), to.path()] {
            assert_eq!(survey_tree(File::open(tree).unwrap().as_fd()).unwrap(), manifest);
        }
        assert_eq!(fs::read(to.path().join("directory/file")).unwrap(), b"text");
        assert_eq!(fs::read_link(to.path().join("link")).unwrap().to_str(), Some("/etc/passwd"));
    }

    #[test]
    fn a_directory_that_was_opened_as_a_path_only_is_copied_too() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("file"), "text").unwrap();
        let [source, target] = [from.path(), to.path()]
            .map(|path| rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap());
        copy_tree(source.as_fd(), target.as_fd(), None).unwrap();
        assert_eq!(fs::read(to.path().join("file")).unwrap(), b"text");
    }

    #[test]
    fn pipes_and_sockets_are_left_out_and_do_not_block() {
        let from = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, from.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();
        let (manifest, to) = copied(from.path());
        assert_eq!(manifest.unwrap(), Manifest::new(Vec::new()));
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused() {
        let from = tempfile::tempdir().unwrap();
        fs::create_dir_all(from.path().join("d/".repeat(MAX_DEPTH + 2))).unwrap();
        assert!(copied(from.path()).0.unwrap_err().to_string().contains("in each other"));
    }
}
