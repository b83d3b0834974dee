//! Who runs the commands of a machine.

use std::fs::File;
use std::io::{self, Read};

use rustix::fs::{Gid, Mode, OFlags, Uid};

use crate::environment;
use crate::machine::{HOME, USER};

/// The ordinary user's id and that of its group.
pub(crate) const ORDINARY: u32 = 1000;

/// The most that is read of the machine's table of groups, which is its root's to write.
const MOST_OF_TABLE: u64 = 1024 * 1024;

/// The most groups of one user.
const MOST_GROUPS: usize = 64;

/// A user of a machine.
pub(super) struct User {
    name: &'static str,
    home: &'static str,
    /// Where its commands run unless told otherwise.
    pub(super) start: &'static str,
    id: u32,
}

impl User {
    /// Root, or the ordinary user.
    pub(super) const fn of(as_root: bool) -> Self {
        if as_root {
            Self { name: "root", home: "/root", start: HOME, id: 0 }
        } else {
            Self { name: USER, home: HOME, start: HOME, id: ORDINARY }
        }
    }

    /// What its commands have in their environment. Root works on behalf of the ordinary user.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let usual = environment::of_user(self.name, self.home);
        if self.id == 0 { environment::with(usual, &environment::on_behalf_of(USER, ORDINARY)) } else { usual }
    }

    /// Becomes this user for good, with the groups that the machine says it has.
    pub(super) fn take(&self) -> io::Result<()> {
        let others = if self.id == 0 { Vec::new() } else { groups_of(self.name, &table_of_groups()) };
        let others = others.into_iter().filter(|id| *id != self.id).take(MOST_GROUPS);
        let groups: Vec<_> = [self.id].into_iter().chain(others).map(Gid::from_raw).collect();
        let (uid, gid) = (Uid::from_raw(self.id), Gid::from_raw(self.id));
        rustix::thread::set_thread_groups(&groups)?;
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        Ok(rustix::thread::set_thread_res_uid(uid, uid, uid)?)
    }
}

/// What the machine's table of groups says. It may be anything by now, a pipe too: whoever looks must not wait.
fn table_of_groups() -> String {
    let mut table = String::new();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Ok(file) = rustix::fs::open("/etc/group", flags, Mode::empty()).map(File::from)
        && file.metadata().is_ok_and(|found| found.is_file())
    {
        // What is cut or no text lists nobody.
        let _ = file.take(MOST_OF_TABLE).read_to_string(&mut table);
    }
    table
}

/// The groups that list a user as a member.
fn groups_of(user: &str, table: &str) -> Vec<u32> {
    let listed = table.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (id, members) = (fields.nth(2)?.parse().ok()?, fields.next()?);
        // Not a number that stands for "none".
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
