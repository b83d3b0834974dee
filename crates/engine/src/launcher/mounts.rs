//! Making, cloning and attaching mounts.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create, fsmount,
    fsopen, mount, move_mount, open_tree,
};

use crate::fault::named;

/// Makes a new file system as a mount that is not attached anywhere; `set_options` sets its options.
pub(super) fn make_file_system(
    kind: &str,
    set_options: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
) -> io::Result<OwnedFd> {
    let system = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    set_options(system.as_fd())?;
    fsconfig_create(system.as_fd())?;
    Ok(fsmount(system.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

/// Mounts a file system in memory of limited size.
pub(super) fn mount_memory(target: &str, flags: MountFlags, bytes: u64, mode: &str) -> io::Result<()> {
    // One inode per page of 4096 bytes is more than any file tree uses.
    let inodes = (bytes / 4096).max(1024);
    let options = c_string(format!("size={bytes},nr_inodes={inodes},mode={mode}"))?;
    Ok(mount("tmpfs", target, "tmpfs", flags, Some(options.as_c_str()))?)
}

/// Makes an open file or directory appear at a path below the current directory, or, without a path, at its own place.
/// Returns the new mount.
pub(super) fn bind(source: &OwnedFd, target: Option<&str>) -> io::Result<OwnedFd> {
    match target {
        Some(path) => bind_at(source, &open_path(path)?),
        None => bind_at(source, source),
    }
}

/// Makes an open file or directory appear at a place that is open, too. Returns the new mount.
pub(super) fn bind_at(source: &OwnedFd, target: &OwnedFd) -> io::Result<OwnedFd> {
    let tree = clone_tree(source)?;
    move_to(&tree, target.as_fd())?;
    Ok(tree)
}

/// Clones an open file or directory as a mount that is not attached anywhere.
pub(super) fn clone_tree(source: &OwnedFd) -> io::Result<OwnedFd> {
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(source, "", clone)?)
}

/// Attaches a mount at a path below the current directory; returns the mount.
pub(super) fn attach(tree: &OwnedFd, target: &str) -> io::Result<OwnedFd> {
    let mount = tree.try_clone()?;
    move_to(&mount, open_path(target)?.as_fd())?;
    Ok(mount)
}

pub(super) fn move_to(tree: &OwnedFd, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", target, "", flags)?)
}

pub(super) fn open_path(path: &str) -> io::Result<OwnedFd> {
    rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| named(path, error.into()))
}

pub(super) fn c_string(text: String) -> io::Result<CString> {
    Ok(CString::new(text)?)
}
