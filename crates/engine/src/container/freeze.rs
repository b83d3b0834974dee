//! Takes a snapshot of a container's changes: writes a new layer that joins the changes and the layer below them.
//!
//! Unchanged files of the layer below are not copied but hard-linked. A tree may be hostile, like its container: no
//! link is followed, nothing outside of the tree is opened, holes stay holes, and its depth and number of entries are
//! limited. Layers have the format of overlays: a removed file is a character device with number 0, and a directory
//! that hides the one below it has an attribute.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, Dev, Dir, FileType, Gid, Mode, OFlags, RawMode, ResolveFlags, SeekFrom, Stat, Timespec, Timestamps, Uid,
    XattrFlags, chmodat, chownat, fgetxattr, fsetxattr, linkat, mkdirat, mknodat, openat2, readlinkat, statat,
    symlinkat, utimensat,
};
use rustix::io::Errno;

use super::{FIRST_ID, IDS, OPAQUE};

/// How deep directories may be nested.
const MAX_DEPTH: usize = 200;

/// The most files, directories and links of one layer.
const MAX_ENTRIES: usize = 1_000_000;

/// How many bytes are copied at once.
const CHUNK: usize = 1024 * 1024;

const DIRECTORY_FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How the owners of a tree's files are translated to the owners on disk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Owners {
    /// Unchanged, because the tree lies on disk already.
    Same,
    /// From the ids of a container, whose first id is given.
    OfContainer(u32),
}

impl Owners {
    /// Returns the owners of a container's changes. The container can choose the owner of their directory, but only
    /// among its own ids; all of these have the same upper half, and no other container's ids have it.
    pub(super) fn of_changes(changes: BorrowedFd<'_>) -> io::Result<Self> {
        let first = rustix::fs::fstat(changes)?.st_uid / IDS * IDS;
        if first < FIRST_ID {
            return Err(io::Error::other(format!(
                "the changes of a container belong to {first}, which is not an id of a container"
            )));
        }
        Ok(Self::OfContainer(first))
    }

    fn translate(self, id: u32) -> io::Result<u32> {
        let Self::OfContainer(first) = self else { return Ok(id) };
        match id.checked_sub(first).filter(|number| *number < IDS) {
            Some(number) => Ok(FIRST_ID + number),
            None => Err(io::Error::other(format!("its owner {id} is not an id of the container"))),
        }
    }

    fn of(self, status: &Stat) -> io::Result<(Option<Uid>, Option<Gid>)> {
        let (user, group) = (self.translate(status.st_uid)?, self.translate(status.st_gid)?);
        Ok((Some(Uid::from_raw(user)), Some(Gid::from_raw(group))))
    }
}

/// Writes a layer into `target`, an empty directory: `changes`, and all of `below` that they do not hide. Returns the
/// bytes that the layer takes up on disk. Files that are shared with `below` count, too, because they stay when `below`
/// is removed.
///
/// # Errors
///
/// When there is no room, or the tree is too deep or too large.
pub(super) fn freeze(
    changes: BorrowedFd<'_>,
    below: Option<BorrowedFd<'_>>,
    target: BorrowedFd<'_>,
    owners: Owners,
) -> io::Result<u64> {
    let (here, links) = (PathBuf::new(), HashMap::new());
    let shared = HashSet::new();
    let mut freeze = Freeze { root: target, owners, here, size_bytes: 0, entries: 0, links, shared };
    freeze.directory(Some(changes), below, target, 0)?;
    Ok(freeze.size_bytes)
}

struct Freeze<'a> {
    root: BorrowedFd<'a>,
    /// The owners of the changes.
    owners: Owners,
    /// The path of the directory that is being written, below `root`.
    here: PathBuf,
    size_bytes: u64,
    entries: usize,
    /// Files with more than one name: by device and inode, the path at which each was written.
    links: HashMap<(u64, u64), PathBuf>,
    /// Inodes of files of the layer below that were counted already.
    shared: HashSet<u64>,
}

impl Freeze<'_> {
    fn directory(
        &mut self,
        changes: Option<BorrowedFd<'_>>,
        below: Option<BorrowedFd<'_>>,
        target: BorrowedFd<'_>,
        depth: usize,
    ) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(io::Error::other(format!("more than {MAX_DEPTH} directories in each other")));
        }
        let hides = changes.is_some_and(is_opaque);
        // A mark of the layer below is still needed, because layers further down may have the directory, too.
        if hides || below.is_some_and(is_opaque) {
            fsetxattr(target, OPAQUE, b"y", XattrFlags::empty())?;
        }
        let below = below.filter(|_| !hides);
        if let Some(changes) = changes {
            for_each_name(changes, |name| self.changed(changes, below, target, name, depth))?;
        }
        if let Some(below) = below {
            for_each_name(below, |name| {
                let is_hidden = changes.is_some_and(|changes| exists(changes, name));
                if is_hidden { Ok(()) } else { self.unchanged(below, target, name, depth) }
            })?;
        }
        // Last, because entries that are made in a directory change its time.
        let own = changes.map(|changes| (changes, self.owners)).or(below.map(|below| (below, Owners::Same)));
        own.map_or(Ok(()), |(own, owners)| own_directory(target, &rustix::fs::fstat(own)?, owners))?;
        self.take_up(&rustix::fs::fstat(target)?);
        Ok(())
    }

    /// Counts what a file or directory takes up.
    fn take_up(&mut self, status: &Stat) {
        self.size_bytes = self.size_bytes.saturating_add(taken_up(status));
    }

    /// Counts the entry with this name, if it was made: sockets and devices are not.
    fn take_up_named(&mut self, target: BorrowedFd<'_>, name: &CStr) {
        if let Ok(status) = statat(target, name, AtFlags::SYMLINK_NOFOLLOW) {
            self.take_up(&status);
        }
    }

    fn inner(
        &mut self,
        changes: Option<BorrowedFd<'_>>,
        below: Option<BorrowedFd<'_>>,
        target: BorrowedFd<'_>,
        name: &CStr,
        depth: usize,
    ) -> io::Result<()> {
        // Closed to others until all is in it; then `own_directory` sets owner and mode.
        mkdirat(target, name, Mode::RWXU)?;
        let made = open(target, name, DIRECTORY_FLAGS)?;
        self.here.push(OsStr::from_bytes(name.to_bytes()));
        let done = self.directory(changes, below, made.as_fd(), depth + 1);
        self.here.pop();
        done
    }

    fn count(&mut self) -> io::Result<()> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(io::Error::other(format!("more than {MAX_ENTRIES} files")));
        }
        Ok(())
    }

    fn changed(
        &mut self,
        changes: BorrowedFd<'_>,
        below: Option<BorrowedFd<'_>>,
        target: BorrowedFd<'_>,
        name: &CStr,
        depth: usize,
    ) -> io::Result<()> {
        self.count()?;
        let status = statat(changes, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => {
                let inner = open(changes, name, DIRECTORY_FLAGS)?;
                let hidden = below.and_then(|below| open(below, name, DIRECTORY_FLAGS).ok());
                self.inner(Some(inner.as_fd()), hidden.as_ref().map(AsFd::as_fd), target, name, depth)
            }
            FileType::RegularFile => self.copied(changes, target, name, &status, self.owners),
            _ => {
                special(changes, target, name, &status, self.owners)?;
                self.take_up_named(target, name);
                Ok(())
            }
        }
    }

    /// Takes over an unchanged entry of the layer below.
    fn unchanged(
        &mut self,
        below: BorrowedFd<'_>,
        target: BorrowedFd<'_>,
        name: &CStr,
        depth: usize,
    ) -> io::Result<()> {
        self.count()?;
        let status = statat(below, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => {
                let inner = open(below, name, DIRECTORY_FLAGS)?;
                self.inner(None, Some(inner.as_fd()), target, name, depth)
            }
            FileType::RegularFile => {
                match linkat(below, name, target, name, AtFlags::empty()) {
                    // The file already has as many names as the file system permits.
                    Err(Errno::MLINK) => return self.copied(below, target, name, &status, Owners::Same),
                    other => other?,
                }
                if self.shared.insert(status.st_ino) {
                    self.take_up(&status);
                }
                Ok(())
            }
            _ => {
                special(below, target, name, &status, Owners::Same)?;
                self.take_up_named(target, name);
                Ok(())
            }
        }
    }

    fn copied(
        &mut self,
        from: BorrowedFd<'_>,
        target: BorrowedFd<'_>,
        name: &CStr,
        status: &Stat,
        owners: Owners,
    ) -> io::Result<()> {
        // By device and inode, so that several names of one file stay names of one file.
        if let Some(same) = self.links.get(&(status.st_dev, status.st_ino)) {
            return Ok(linkat(self.root, same, target, name, AtFlags::empty())?);
        }
        let source = File::from(open(from, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK)?);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let copy = openat2(target, name, flags, Mode::RUSR, ResolveFlags::BENEATH)?;
        copy_data(&source, copy.as_fd(), status)?;
        self.take_up(&rustix::fs::fstat(&copy)?);
        // After the data, because writing them changes the time.
        own(target, name, status, owners)?;
        if status.st_nlink > 1 {
            self.links.insert((status.st_dev, status.st_ino), self.here.join(OsStr::from_bytes(name.to_bytes())));
        }
        Ok(())
    }
}

/// Calls `work` for every entry except `.` and `..`.
fn for_each_name(directory: BorrowedFd<'_>, mut work: impl FnMut(&CStr) -> io::Result<()>) -> io::Result<()> {
    for item in Dir::read_from(directory)? {
        let item = item?;
        let name = item.file_name();
        if name != c"." && name != c".." {
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", String::from_utf8_lossy(name.to_bytes())))
            };
            work(name).map_err(named)?;
        }
    }
    Ok(())
}

/// Returns what a file or directory takes up, in bytes.
fn taken_up(status: &Stat) -> u64 {
    /// The kernel's unit of `st_blocks`, independent of the file system's block size.
    const BLOCK: u64 = 512;
    u64::try_from(status.st_blocks).unwrap_or_default().saturating_mul(BLOCK)
}

/// Copies the data of a file; holes stay holes.
fn copy_data(source: &File, copy: BorrowedFd<'_>, status: &Stat) -> io::Result<()> {
    let size = u64::try_from(status.st_size).unwrap_or_default();
    let (mut position, mut buffer) = (0, vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK)).max(1)]);
    while position < size {
        let start = match rustix::fs::seek(source, SeekFrom::Data(position)) {
            Ok(start) => start,
            // There is no more data.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(source, SeekFrom::Hole(start))?.min(size);
        position = start;
        while position < end {
            let wanted = usize::try_from(end - position).unwrap_or(CHUNK).min(CHUNK);
            let chunk = buffer.get_mut(..wanted).unwrap_or_default();
            let length = rustix::io::retry_on_intr(|| rustix::io::pread(source, &mut *chunk, position))?;
            if length == 0 {
                break;
            }
            write_at(copy, chunk.get(..length).unwrap_or_default(), position)?;
            position += u64::try_from(length).unwrap_or_default();
        }
        // Also after a read of 0 bytes, so that the loop ends.
        position = position.max(end);
    }
    Ok(rustix::fs::ftruncate(copy, size)?)
}

fn write_at(to: BorrowedFd<'_>, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let length = rustix::io::retry_on_intr(|| rustix::io::pwrite(to, bytes, position))?;
        bytes = bytes.get(length..).unwrap_or_default();
        position += u64::try_from(length).unwrap_or_default();
    }
    Ok(())
}

/// Makes links, pipes, and the marks of removed files. Sockets and other devices are skipped.
fn special(from: BorrowedFd<'_>, target: BorrowedFd<'_>, name: &CStr, status: &Stat, owners: Owners) -> io::Result<()> {
    match FileType::from_raw_mode(status.st_mode) {
        FileType::Symlink => {
            let to = readlinkat(from, name, Vec::new())?;
            symlinkat(&to, target, name)?;
            let (uid, gid) = owners.of(status)?;
            Ok(chownat(target, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
        }
        FileType::CharacterDevice if status.st_rdev == 0 => {
            Ok(mknodat(target, name, FileType::CharacterDevice, Mode::empty(), 0 as Dev)?)
        }
        FileType::Fifo => {
            mknodat(target, name, FileType::Fifo, Mode::RUSR, 0)?;
            own(target, name, status, owners)
        }
        _ => Ok(()),
    }
}

/// Sets owner, mode and time of a file. The owner first, because changing it clears bits of the mode.
fn own(directory: BorrowedFd<'_>, name: &CStr, status: &Stat, owners: Owners) -> io::Result<()> {
    let (uid, gid) = owners.of(status)?;
    chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    chmodat(directory, name, mode(status.st_mode), AtFlags::empty())?;
    Ok(utimensat(directory, name, &times(status), AtFlags::SYMLINK_NOFOLLOW)?)
}

fn own_directory(directory: BorrowedFd<'_>, status: &Stat, owners: Owners) -> io::Result<()> {
    let (uid, gid) = owners.of(status)?;
    rustix::fs::fchown(directory, uid, gid)?;
    rustix::fs::fchmod(directory, mode(status.st_mode))?;
    Ok(rustix::fs::futimens(directory, &times(status))?)
}

fn mode(raw: RawMode) -> Mode {
    // With set-user-id bits: the highest user that they lead to is the container's own root.
    Mode::from_raw_mode(raw & 0o7777)
}

fn times(status: &Stat) -> Timestamps {
    let time =
        |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: i64::try_from(nanoseconds).unwrap_or_default() };
    Timestamps {
        last_access: time(status.st_atime, status.st_atime_nsec),
        last_modification: time(status.st_mtime, status.st_mtime_nsec),
    }
}

fn is_opaque(directory: BorrowedFd<'_>) -> bool {
    let mut value = [0; 1];
    fgetxattr(directory, OPAQUE, &mut value).is_ok_and(|length| length == 1 && value == *b"y")
}

fn exists(directory: BorrowedFd<'_>, name: &CStr) -> bool {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Opens one entry of a directory.
fn open(directory: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> io::Result<OwnedFd> {
    let resolve =
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    Ok(openat2(directory, name, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use rustix::fs::CWD;

    use super::*;

    fn frozen(changes: &Path, below: Option<&Path>) -> (tempfile::TempDir, u64) {
        let target = tempfile::tempdir().unwrap();
        let open = |path: &Path| File::open(path).unwrap();
        let below = below.map(open);
        let size =
            freeze(open(changes).as_fd(), below.as_ref().map(AsFd::as_fd), open(target.path()).as_fd(), Owners::Same)
                .unwrap();
        (target, size)
    }

    /// Returns what the files and directories of a tree take up, each counted once.
    fn disk_usage(root: &Path) -> u64 {
        let ran = std::process::Command::new("du").args(["--block-size=1", "--summarize"]).arg(root).output().unwrap();
        let said = String::from_utf8(ran.stdout).unwrap();
        said.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn remove_mark(directory: &Path, name: &str) {
        mknodat(CWD, directory.join(name), FileType::CharacterDevice, Mode::empty(), 0).unwrap();
    }

    #[test]
    fn files_links_modes_and_names_of_one_file_are_kept() {
        let from = tempfile::tempdir().unwrap();
        fs::write(from.path().join("file"), b"text").unwrap();
        fs::set_permissions(from.path().join("file"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::create_dir(from.path().join("directory")).unwrap();
        fs::hard_link(from.path().join("file"), from.path().join("directory/same")).unwrap();
        symlink("/etc/passwd", from.path().join("link")).unwrap();
        let (to, size) = frozen(from.path(), None);
        let status = |name: &str| fs::symlink_metadata(to.path().join(name)).unwrap();
        assert_eq!((size, status("file").mode() & 0o7777), (disk_usage(to.path()), 0o4751));
        assert_eq!(status("file").ino(), status("directory/same").ino());
        assert_eq!(fs::read_link(to.path().join("link")).unwrap().to_str(), Some("/etc/passwd"));
    }

    #[test]
    fn a_huge_hole_takes_no_room() {
        let from = tempfile::tempdir().unwrap();
        let file = File::create(from.path().join("file")).unwrap();
        file.set_len(1 << 40).unwrap();
        file.write_all_at(b"end", (1 << 40) - 3).unwrap();
        let (to, size) = frozen(from.path(), None);
        let status = fs::metadata(to.path().join("file")).unwrap();
        assert_eq!((size, status.len()), (disk_usage(to.path()), 1 << 40));
        assert!(status.blocks() < 1024);
        let mut end = [0; 3];
        File::open(to.path().join("file")).unwrap().read_exact_at(&mut end, (1 << 40) - 3).unwrap();
        assert_eq!(&end, b"end");
    }

    #[test]
    fn what_was_not_changed_is_the_same_file_and_what_was_removed_is_gone() {
        let (below, changes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(below.path().join("kept/inner")).unwrap();
        for name in ["kept/inner/file", "removed", "replaced"] {
            fs::write(below.path().join(name), b"old").unwrap();
        }
        fs::write(changes.path().join("replaced"), b"new!").unwrap();
        remove_mark(changes.path(), "removed");
        let (to, size) = frozen(changes.path(), Some(below.path()));
        let status = |root: &Path, name: &str| fs::symlink_metadata(root.join(name)).unwrap();
        assert_eq!(size, disk_usage(to.path()));
        assert_eq!(status(below.path(), "kept/inner/file").ino(), status(to.path(), "kept/inner/file").ino());
        assert_eq!(fs::read(to.path().join("replaced")).unwrap(), b"new!");
        // The mark stays, because a layer further down may have the file.
        assert_eq!(status(to.path(), "removed").rdev(), 0);
        assert!(!status(to.path(), "removed").is_file());
    }

    #[test]
    fn a_directory_that_was_made_anew_hides_the_old_one() {
        let (below, changes) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (root, name) in [(&below, "old"), (&changes, "new")] {
            fs::create_dir(root.path().join("directory")).unwrap();
            fs::write(root.path().join("directory").join(name), b"").unwrap();
        }
        let made = File::open(changes.path().join("directory")).unwrap();
        fsetxattr(&made, OPAQUE, b"y", XattrFlags::empty()).unwrap();
        let (to, _) = frozen(changes.path(), Some(below.path()));
        let names: Vec<_> =
            fs::read_dir(to.path().join("directory")).unwrap().map(|item| item.unwrap().file_name()).collect();
        assert_eq!(names, ["new"]);
        assert!(is_opaque(File::open(to.path().join("directory")).unwrap().as_fd()));
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(from.path().join("d/".repeat(MAX_DEPTH + 2))).unwrap();
        let [from, to] = [from.path(), to.path()].map(|path| File::open(path).unwrap());
        assert!(
            freeze(from.as_fd(), None, to.as_fd(), Owners::Same).unwrap_err().to_string().contains("in each other")
        );
    }

    #[test]
    fn owners_on_disk_are_numbered_as_in_the_container_and_others_are_refused() {
        let owners = Owners::OfContainer(0x8001_0000);
        assert_eq!(owners.translate(0x8001_0000).unwrap(), FIRST_ID);
        assert_eq!(owners.translate(0x8001_FFFF).unwrap(), FIRST_ID + 0xFFFF);
        for other in [0, 1000, FIRST_ID, 0x8000_FFFF, 0x8002_0000, u32::MAX] {
            assert!(owners.translate(other).is_err(), "{other}");
        }
        // It belongs to the host's root, which is not among the ids of containers.
        let of_host = tempfile::tempdir().unwrap();
        assert!(Owners::of_changes(File::open(of_host.path()).unwrap().as_fd()).is_err());
    }
}
