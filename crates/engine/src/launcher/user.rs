//! The users who run the commands of a container.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::container::{HOME, USER};
use crate::environment;

/// The id of the ordinary user and of its group.
pub(crate) const ORDINARY: u32 = 1000;

/// The most bytes that are read of the container's `/etc/group`, which its root can write to.
const MOST_OF_TABLE: u64 = 1024 * 1024;

/// The most supplementary groups that a user gets.
const MOST_GROUPS: usize = 64;

/// A user of a container.
pub(super) struct User {
    name: &'static str,
    home: &'static str,
    /// The directory in which its commands run if the order gives none.
    pub(super) start: &'static str,
    id: u32,
}

impl User {
    /// Returns root or the ordinary user.
    pub(super) const fn of(as_root: bool) -> Self {
        if as_root {
            Self { name: "root", home: "/root", start: HOME, id: 0 }
        } else {
            Self { name: USER, home: HOME, start: HOME, id: ORDINARY }
        }
    }

    /// Returns the environment of its commands. For root it includes the variables of `sudo`, because root works on
    /// behalf of the ordinary user.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let usual = environment::of_user(self.name, self.home);
        if self.id == 0 { environment::with(usual, &environment::on_behalf_of(USER, ORDINARY)) } else { usual }
    }

    /// Becomes this user for good, with the groups that the container's `/etc/group` gives it.
    pub(super) fn take(&self) -> io::Result<()> {
        let others = if self.id == 0 { Vec::new() } else { groups_of(self.name, &table_of_groups()) };
        let others = others.into_iter().filter(|id| *id != self.id).take(MOST_GROUPS);
        let groups: Vec<_> = [self.id].into_iter().chain(others).map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(self.id), Gid::from_raw(self.id));
        // The user last: a process that is no longer root may not change its groups.
        rustix::thread::set_thread_groups(&groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
    }
}

/// Reads the container's `/etc/group`. A container may have replaced it with anything, such as a pipe, so it is opened
/// without blocking.
fn table_of_groups() -> String {
    let mut table = String::new();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::open("/etc/group", flags, Mode::empty()).map(File::from)
        && file.metadata().is_ok_and(|found| found.is_file())
    {
        // A table that is cut or not UTF-8 lists no groups.
        let _ = file.take(MOST_OF_TABLE).read_to_string(&mut table);
    }
    table
}

/// Returns the ids of the groups that list the user as a member.
fn groups_of(user: &str, table: &str) -> Vec<u32> {
    let listed = table.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (id, members) = (fields.nth(2)?.parse().ok()?, fields.next()?);
        // Excludes the number that stands for "none".
        members.split(',').any(|member| member == user).then_some(id).filter(|id| *id < u32::from(u16::MAX))
    });
    listed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_groups_that_list_it() {
        let table = "root:x:0:\nsudo:x:27:ubuntu\nvideo:x:44:other,ubuntu\nubuntu:x:1000:\nbad\nworse:x:y:ubuntu\n";
        assert_eq!(groups_of("ubuntu", table), [27, 44]);
    }
}
