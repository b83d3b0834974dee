//! Runs work as the user of a sandbox's thread: with that user's rights, and so that a peer sees that user.
//!
//! The server may be root, which may walk to and connect to every socket. A process of a sandbox may not, and a server
//! in the sandbox must not take its peer for the host's root. A sandbox's own root counts only as its user on the host,
//! without the rights that it has over the sandbox's files.

use std::fs;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// Runs work that does not block as the user and the groups of a thread. Only this thread changes, and only during the
/// work. If the server is not root, all its sandboxes run as the server's user, and nothing changes.
pub(super) fn as_user_of<T>(thread: Pid, work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    if !rustix::process::geteuid().is_root() {
        return work();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", thread.as_raw_nonzero())).map_err(|_| Errno::SRCH)?;
    let credentials = Credentials::parse(&status).ok_or(Errno::SRCH)?;
    let guard = CredentialGuard::assume(&credentials)?;
    let done = work();
    drop(guard);
    done
}

/// The user and groups with which a thread accesses files, as numbers of the host.
#[derive(Debug, PartialEq, Eq)]
struct Credentials {
    user: u32,
    group: u32,
    groups: Vec<u32>,
}

impl Credentials {
    /// Parses the kernel's `status` of a thread.
    fn parse(status: &str) -> Option<Self> {
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        // The four columns are real, effective, saved, and file system id.
        let last = |name: &str| field(name)?.split_whitespace().nth(3)?.parse().ok();
        let groups: Result<_, _> = field("Groups")?.split_whitespace().map(str::parse).collect();
        Some(Self { user: last("Uid")?, group: last("Gid")?, groups: groups.ok()? })
    }
}

/// Gives this thread other credentials, and restores the server's own when it is dropped.
struct CredentialGuard {
    /// The server's own group, which may be another one than root's.
    own_group: Gid,
    /// The server's further groups.
    own_groups: Vec<Gid>,
}

impl CredentialGuard {
    fn assume(credentials: &Credentials) -> Result<Self, Errno> {
        let (own_group, own_groups) = (rustix::process::getegid(), rustix::process::getgroups()?);
        let groups: Vec<_> = credentials.groups.iter().map(|id| Gid::from_raw(*id)).collect();
        // Before the first change, so that a failure after it is undone.
        let guard = Self { own_group, own_groups };
        // Below, the real and the saved user id stay root's: with these the thread can become root again.
        set_thread_groups(&groups)?;
        set_thread_res_gid(own_group, Gid::from_raw(credentials.group), own_group)?;
        // Last, because without root's user id the thread may not change the other two.
        set_thread_res_uid(Uid::ROOT, Uid::from_raw(credentials.user), Uid::ROOT)?;
        Ok(guard)
    }
}

impl Drop for CredentialGuard {
    fn drop(&mut self) {
        // The user first, because only root may change the group and the groups.
        let restored = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)
            .and_then(|()| set_thread_res_gid(self.own_group, self.own_group, self.own_group))
            .and_then(|()| set_thread_groups(&self.own_groups));
        if restored.is_err() {
            // Otherwise the runtime would go on with a thread of unknown rights.
            tracing::error!("a thread cannot become the server's own user again");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_credentials_for_files_are_read_from_the_kernels_status() {
        let status = "Name:\tx\nUid:\t0\t1\t2\t3\nGid:\t4\t5\t6\t7\nFDSize:\t64\nGroups:\t27 1000 \nNStgid:\t1\n";
        assert_eq!(Credentials::parse(status), Some(Credentials { user: 3, group: 7, groups: vec![27, 1000] }));
        assert_eq!(Credentials::parse("Uid:\t0\t1\t2\n"), None);
    }

    #[test]
    fn a_thread_has_its_own_credentials_again_after_a_failure() {
        if rustix::process::geteuid().is_root() {
            // A server may be root without root's group.
            let group = Gid::from_raw(1);
            set_thread_res_gid(group, group, group).unwrap();
        }
        let own = || fs::read_to_string("/proc/thread-self/status").unwrap();
        let before = Credentials::parse(&own());
        let result = as_user_of(rustix::thread::gettid(), || Err::<(), _>(Errno::PERM));
        assert_eq!((result, Credentials::parse(&own())), (Err(Errno::PERM), before));
    }
}
