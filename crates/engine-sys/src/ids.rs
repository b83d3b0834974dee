//! Ids of the calling thread that no safe wrapper sets.

use std::io;

/// Sets the user and the group by which the kernel judges what this thread may do with files. Other rights do not
/// change.
///
/// # Errors
///
/// When the thread may not take one of them.
pub fn set_file_ids(user: u32, group: u32) -> io::Result<()> {
    // SAFETY: both calls take a number and touch no memory. The numbers that they return are the ids before.
    let set = |group: u32, user: u32| unsafe { (libc::setfsgid(group), libc::setfsuid(user)) };
    set(group, user);
    // They tell of no error; an id that cannot be, changes nothing and is answered with what is.
    let (found_group, found_user) = set(u32::MAX, u32::MAX);
    if (found_group.cast_unsigned(), found_user.cast_unsigned()) == (group, user) {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::PermissionDenied))
    }
}
