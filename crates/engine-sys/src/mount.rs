//! Sets attributes of mounts.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A set of attributes to add to a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountAttributes(u64);

impl MountAttributes {
    /// Nothing can be written through the mount.
    pub const READ_ONLY: Self = Self(libc::MOUNT_ATTR_RDONLY);
    /// Set-user-id bits and file capabilities have no effect on the mount.
    pub const NO_SETUID: Self = Self(libc::MOUNT_ATTR_NOSUID);
    /// Device nodes on the mount cannot be opened.
    pub const NO_DEVICES: Self = Self(libc::MOUNT_ATTR_NODEV);
    /// Files on the mount cannot be executed.
    pub const NO_EXEC: Self = Self(libc::MOUNT_ATTR_NOEXEC);

    /// Returns the attributes of both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Adds attributes to the mount that `mount` (an `O_PATH` or `open_tree` descriptor of its root) refers to.
///
/// # Errors
///
/// When the kernel is older than 5.12, or `mount` is no mount's root.
pub fn mount_attributes(mount: BorrowedFd<'_>, add: MountAttributes) -> io::Result<()> {
    set(mount, libc::mount_attr { attr_set: add.0, attr_clr: 0, propagation: 0, userns_fd: 0 })
}

/// Maps the owners of a mount's files into a user namespace: a file of user 0 on disk belongs to user 0 inside. The
/// mount must not be attached yet.
///
/// # Errors
///
/// When the kernel is older than 5.12, the file system does not support it, or the caller has no rights over the file
/// system.
pub fn map_owners(mount: BorrowedFd<'_>, user_namespace: BorrowedFd<'_>) -> io::Result<()> {
    let userns_fd = u64::try_from(user_namespace.as_raw_fd()).map_err(io::Error::other)?;
    set(mount, libc::mount_attr { attr_set: libc::MOUNT_ATTR_IDMAP, attr_clr: 0, propagation: 0, userns_fd })
}

fn set(mount: BorrowedFd<'_>, attributes: libc::mount_attr) -> io::Result<()> {
    // SAFETY: the path is a static NUL-terminated string, `attributes` lives across the call and its exact size is
    // passed, and the kernel only reads both.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
