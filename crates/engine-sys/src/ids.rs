//! Sets ids of the calling thread for which there is no safe wrapper.

use std::io;

/// Sets the user and the group against which the kernel checks this thread's access to files. Other rights do not
/// change.
///
/// # Errors
///
/// When the thread may not take one of them.
pub fn set_file_ids(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: both calls take a number and touch no memory. They return the previous ids.
    let set = |group: u32, user: u32| unsafe { (libc::setfsgid(group), libc::setfsuid(user)) };
    set(group, user);
    // The calls report no error. With an invalid id, as here, they change nothing and return the current ids.
    let (found_group, found_user) = set(u32::MAX, u32::MAX);
    if (found_group.cast_unsigned(), found_user.cast_unsigned()) == (group, user) {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::PermissionDenied))
    }
}
