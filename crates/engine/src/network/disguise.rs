//! Doing something as whoever asks: with the rights of its user, and seen as that user by its peer.
//!
//! The server may be root, who may walk to and connect to every socket; a process of a sandbox may not, and what
//! answers it must not take it for the host's root either. A sandbox's own root counts as its user only, without the
//! rights that it has over the sandbox's files.

use std::fs;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Does something that does not wait as the user and the groups of a thread; this thread only, and for no longer. Where
/// the server is not root, all its sandboxes are its own user's, and nothing changes.
pub(super) fn as_user_of<T>(thread: Pid, work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if !rustix::process::geteuid().is_root() {
        return work();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero())).map_err(|_| Errno::SRCH)?;
    let user = User::parse(&status).ok_or(Errno::SRCH)?;
    let disguise = Disguise::put_on(&user)?;
    let done = work();
    drop(disguise);
    done
}

/// Who a thread is when it walks through files, by the numbers of the host.
#[derive(Debug, PartialEq, Eq)]
struct User {
    id: u32,
    group: u32,
    groups: Vec<u32>,
}

impl User {
    /// By what the kernel tells of a thread.
    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        // Real, effective, saved, and that for files.
        let last = |name: &str| field(name)?.split_whitespace().nth(3)?.parse().ok();
        let groups: Result<_, _> = field("Groups")?.split_whitespace().map(str::parse).collect();
        Some(Self { id: last("Uid")?, group: last("Gid")?, groups: groups.ok()? })
    }
}

/// This thread is somebody else until it is dropped.
struct Disguise {
    groups: Vec<Gid>,
}

impl Disguise {
    fn put_on(user: &User) -> Result<Self, Errno> {
        let groups = rustix::process::getgroups()?;
        let theirs: Vec<_> = user.groups.iter().map(|id| Gid::from_raw(*id)).collect();
        let disguise = Self { groups };
        set_thread_groups(&theirs)?;
        set_thread_res_gid(Gid::ROOT, Gid::from_raw(user.group), Gid::ROOT)?;
        // Last, for it takes the right to the other two.
        set_thread_res_uid(Uid::ROOT, Uid::from_raw(user.id), Uid::ROOT)?;
        Ok(disguise)
    }
}

impl Drop for Disguise {
    fn drop(&mut self) {
        let taken_off = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
            .and_then(|()| set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT))
            .and_then(|()| set_thread_groups(&self.groups));
        if taken_off.is_err() {
            // The runtime would go on with a thread of unknown rights.
            tracing::error!("a thread cannot become the server's own user again");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_for_files_is_read_from_what_the_kernel_tells() {
        let status = "Name:\tx\nUid:\t0\t1\t2\t3\nGid:\t4\t5\t6\t7\nFDSize:\t64\nGroups:\t27 1000 \nNStgid:\t1\n";
        assert_eq!(User::parse(status), Some(User { id: 3, group: 7, groups: vec![27, 1000] }));
        assert_eq!(User::parse("Uid:\t0\t1\t2\n"), None);
    }

    #[test]
    fn a_thread_is_itself_again_whatever_happens() {
        let own = || fs::read_to_string("/proc/thread-self/status").unwrap();
        let before = User::parse(&own());
        let result = as_user_of(rustix::thread::gettid(), || Err::<(), _>(Errno::PERM));
        assert_eq!((result, User::parse(&own())), (Err(Errno::PERM), before));
    }
}
